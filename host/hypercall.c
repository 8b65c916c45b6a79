// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls, answered inside the hook behind VM exit: interrupts are off, nothing may sleep, and
 * every register is hostile. decode_*() copies once, checks all and changes nothing; what is called
 * after it gets checked values. Only the state of a call, which others change at the same time, is
 * checked under the link's lock.
 */
#include "host.h"
#include <asm/debugreg.h>
#include "compat.h"
#include "trace.h"

/* A hypercall's registers, and what goes back. */
struct hypercall {
	u64 op, rbx, rcx, rdx, rsi;
	u64 out_rcx, out_rdx;
	bool has_rcx, has_rdx;
};

/* A call's place, checked. */
struct place {
	struct xo_link *link;
	u32 slot;
	u64 seq;
};

static int decode_place(struct xo_vm *vm, enum xo_side side, const struct hypercall *hc,
			struct place *place)
{
	place->link = xo_link_find(vm, side, hc->rbx);
	if (!place->link)
		return -ENOENT;
	if (hc->rcx >= place->link->slots)
		return -EINVAL;
	place->slot = hc->rcx;
	place->seq = hc->rdx;
	return 0;
}

/* 0, or an errno as the callee's kernel says it. */
static int decode_status(u64 value, int *status)
{
	s64 s = (s64)value;

	if (s > 0 || s < -MAX_ERRNO)
		return -EINVAL;
	*status = s;
	return 0;
}

/* Counts what the call cost, whichever way it goes. link->lock is held. */
static int account(struct xo_link *link, int error)
{
	link->stat.exits++;
	link->stat.refused += error != 0;
	return error;
}

static int do_call(const struct place *p)
{
	int error;

	raw_spin_lock(&p->link->lock);
	error = account(p->link, xo_call_check(p->link, p->slot));
	if (!error)
		xo_call_post(p->link, p->slot, p->seq);
	raw_spin_unlock(&p->link->lock);
	return error;
}

static int do_return(const struct place *p, int status)
{
	int error;

	raw_spin_lock(&p->link->lock);
	error = account(p->link, xo_return_check(p->link, p->slot, p->seq));
	if (!error)
		xo_call_return(p->link, p->slot, status);
	raw_spin_unlock(&p->link->lock);
	return error;
}

static int do_cancel(const struct place *p)
{
	int error;

	raw_spin_lock(&p->link->lock);
	error = account(p->link, xo_cancel_check(p->link, p->slot, p->seq));
	if (!error)
		xo_call_cancel(p->link, p->slot);
	raw_spin_unlock(&p->link->lock);
	return error;
}

static int op_hello(struct xo_vm *vm, struct hypercall *hc)
{
	u64 event;
	int error;

	hc->out_rdx = XO_ABI_REVISION;
	hc->has_rdx = true;
	if (hc->rbx != XO_ABI_REVISION) {
		xo_note(vm, "its guest module has ABI revision %llu, the host %u; install one build in both",
			hc->rbx, XO_ABI_REVISION);
		return -EPROTO;
	}
	error = xo_event_decode(vm->kvm, hc->rcx, &event);
	if (error)
		return error;
	error = xo_vm_hello(vm, event);
	if (error)
		return error;
	hc->out_rcx = vm->board_mapping.gpa;
	hc->has_rcx = true;
	return 0;
}

static int op_vector(struct xo_vm *vm, struct hypercall *hc)
{
	u64 event;
	int error = xo_event_decode(vm->kvm, hc->rcx, &event);

	if (error)
		return error;
	raw_spin_lock(&vm->lock);
	if (vm->up)
		WRITE_ONCE(vm->event, event);
	else
		error = -ENOTCONN;
	raw_spin_unlock(&vm->lock);
	return error;
}

static int op_bye(struct xo_vm *vm, struct hypercall *hc)
{
	xo_vm_end(vm, "its guest module left");
	return 0;
}

static int op_call(struct xo_vm *vm, struct hypercall *hc)
{
	struct place place;
	int error = decode_place(vm, XO_CALLER, hc, &place);

	return error ?: do_call(&place);
}

static int op_return(struct xo_vm *vm, struct hypercall *hc)
{
	struct place place;
	int status, error = decode_place(vm, XO_CALLEE, hc, &place);

	return error ?: decode_status(hc->rsi, &status) ?: do_return(&place, status);
}

static int op_cancel(struct xo_vm *vm, struct hypercall *hc)
{
	struct place place;
	int error = decode_place(vm, XO_CALLER, hc, &place);

	return error ?: do_cancel(&place);
}

static int op_world_add(struct xo_vm *vm, struct hypercall *hc)
{
	u64 kind = hc->rbx, pid = hc->rcx;

	/* A kernel world is made by HELLO alone. */
	if ((kind != XO_WORLD_STUB && kind != XO_WORLD_SESSION) || pid > INT_MAX)
		return -EINVAL;
	if (!READ_ONCE(vm->up))
		return -ENOTCONN;
	hc->has_rcx = true;
	return xo_world_add(vm, kind, pid, &hc->out_rcx);
}

static int op_world_del(struct xo_vm *vm, struct hypercall *hc)
{
	return xo_world_del(vm, hc->rbx);
}

static int (*const ops[])(struct xo_vm *, struct hypercall *) = {
	[XO_HC_HELLO] = op_hello,
	[XO_HC_VECTOR] = op_vector,
	[XO_HC_BYE] = op_bye,
	[XO_HC_CALL] = op_call,
	[XO_HC_RETURN] = op_return,
	[XO_HC_CANCEL] = op_cancel,
	[XO_HC_WORLD_ADD] = op_world_add,
	[XO_HC_WORLD_DEL] = op_world_del,
};

/* VMCALL of a 64-bit kernel, as far as the VMCS can tell. Anything else is KVM's to refuse. */
static bool from_kernel(const struct kvm_vcpu *vcpu)
{
	u64 cs = xo_vmread(GUEST_CS_AR_BYTES), ss = xo_vmread(GUEST_SS_AR_BYTES);

	return (vcpu->arch.efer & EFER_LMA) && (cs & VMX_AR_L_MASK) && !VMX_AR_DPL(ss);
}

/* To the instruction behind VMCALL, as KVM would: the shadow of STI or MOV SS ends, and a single
 * step is over. KVM's caches of these fields are empty here, so the VMCS is all there is. */
static void skip_instruction(void)
{
	u64 rip = xo_vmread(GUEST_RIP) + xo_vmread(VM_EXIT_INSTRUCTION_LEN);
	u64 blocked = xo_vmread(GUEST_INTERRUPTIBILITY_INFO);

	xo_vmwrite(GUEST_RIP, rip);
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO,
		   blocked & ~(u64)(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS));
	if (xo_vmread(GUEST_RFLAGS) & X86_EFLAGS_TF)
		xo_vmwrite(GUEST_PENDING_DBG_EXCEPTIONS,
			   xo_vmread(GUEST_PENDING_DBG_EXCEPTIONS) | DR_STEP);
}

/* True: it was ours, and KVM must not see it. */
bool xo_hypercall(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	unsigned long *regs = vcpu->arch.regs;
	struct hypercall hc = { .op = regs[VCPU_REGS_RAX] - XO_HC_BASE };
	int error;

	if (hc.op >= ARRAY_SIZE(ops) || !ops[hc.op] || READ_ONCE(vm->leaving) || !from_kernel(vcpu))
		return false;
	hc.rbx = regs[VCPU_REGS_RBX];
	hc.rcx = regs[VCPU_REGS_RCX];
	hc.rdx = regs[VCPU_REGS_RDX];
	hc.rsi = regs[VCPU_REGS_RSI];

	error = ops[hc.op](vm, &hc);
	if (error) {
		atomic64_inc(&vm->refused);
		trace_xo_refuse(vm->wid, hc.op, hc.rbx, hc.rcx, error);
	} else {
		atomic64_inc(&vm->hypercalls);
	}
	regs[VCPU_REGS_RAX] = (long)error;
	if (hc.has_rcx && !error)
		regs[VCPU_REGS_RCX] = hc.out_rcx;
	if (hc.has_rdx)
		regs[VCPU_REGS_RDX] = hc.out_rdx;
	skip_instruction();
	return true;
}
