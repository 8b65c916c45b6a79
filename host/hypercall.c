// SPDX-License-Identifier: GPL-2.0
/*
 * Hypercalls, answered inside the hook behind VM exit: interrupts are off, nothing may sleep, and
 * every register is hostile. decode_*() copies once, checks all and changes nothing; what is called
 * after it gets checked values. Only the state of a call, which others change at the same time, is
 * checked under the link's lock.
 */
#include "away.h"
#include <linux/nospec.h>
#include <asm/debugreg.h>
#include "compat.h"
#include "trace.h"
#include "visitor.h"

/* A hypercall's registers, and what goes back. */
struct hypercall {
	u64 op, rbx, rcx, rdx, rsi;
	u64 out_rcx, out_rdx;
	bool has_rcx, has_rdx;
	struct kvm_vcpu *vcpu;
	bool halts; /* the vCPU is halted behind it */
};

/* A call, checked: where it is, and with RETURN how it ended. */
struct call {
	struct xo_link *link;
	u32 slot;
	u64 seq;
	int status;
};

/* The status: 0, or an errno as the callee's kernel says it. */
static int decode_call(struct xo_link *link, const struct hypercall *hc, bool ends,
		       struct call *call)
{
	s64 status = ends ? (s64)hc->rsi : 0;

	if (hc->rcx >= link->slots || status > 0 || status < -MAX_ERRNO)
		return -EINVAL;
	/* The guest picks the index: no processor may run ahead with one that failed the test. */
	*call = (struct call){
		.link = link,
		.slot = array_index_nospec(hc->rcx, link->slots),
		.seq = hc->rdx,
		.status = status,
	};
	return 0;
}

static int do_call(const struct call *c)
{
	int error = xo_call_check(c->link, c->slot);

	if (!error)
		xo_call_post(c->link, c->slot, c->seq);
	return error;
}

static int do_return(const struct call *c)
{
	int error = xo_return_check(c->link, c->slot, c->seq);

	if (!error)
		xo_call_return(c->link, c->slot, c->status);
	return error;
}

static int do_cancel(const struct call *c)
{
	int error = xo_cancel_check(c->link, c->slot, c->seq);

	if (!error)
		xo_call_cancel(c->link, c->slot);
	return error;
}

/* One step of a call, counted whichever way it goes. */
static int on_call(struct xo_vm *vm, enum xo_side side, const struct hypercall *hc,
		   int (*step)(const struct call *))
{
	struct xo_link *link = xo_link_find(vm, side, hc->rbx);
	struct call call;
	int error;

	if (!link)
		return -ENOENT;
	raw_spin_lock(&link->lock);
	error = decode_call(link, hc, side == XO_CALLEE, &call) ?: step(&call);
	link->stat.exits++;
	link->stat.refused += error != 0;
	raw_spin_unlock(&link->lock);
	return error;
}

static int op_hello(struct xo_vm *vm, struct hypercall *hc)
{
	u64 event;
	int error;

	hc->out_rdx = XO_ABI_REVISION;
	hc->has_rdx = true;
	if (hc->rbx != XO_ABI_REVISION) {
		xo_note(vm,
			"its guest module has ABI revision %llu, the host %u; install one build in "
			"both",
			hc->rbx, XO_ABI_REVISION);
		return -EPROTO;
	}
	error = xo_event_decode(vm->kvm, hc->rcx, &event);
	if (error)
		return error;
	/* Each one interrupts every peer: the only thing that a guest could do to them at will. */
	if (!__ratelimit(&vm->hello))
		return -EBUSY;
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
	return on_call(vm, XO_CALLER, hc, do_call);
}

static int op_return(struct xo_vm *vm, struct hypercall *hc)
{
	return on_call(vm, XO_CALLEE, hc, do_return);
}

static int op_cancel(struct xo_vm *vm, struct hypercall *hc)
{
	return on_call(vm, XO_CALLER, hc, do_cancel);
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

static int op_request(struct xo_vm *vm, struct hypercall *hc)
{
	return xo_request_take(vm, hc->rbx);
}

/* Its last call ends when it stands there, so that the next one finds it. */
static void end_last(struct xo_vm *vm, const struct hypercall *hc)
{
	struct xo_record *r = xo_record_by_id(hc->rbx);
	struct hypercall last = { .rcx = hc->rsi, .rdx = hc->rdx };

	if (!hc->rdx || !r)
		return;
	last.rbx = r->link->id;
	op_return(vm, &last);
}

static int op_park(struct xo_vm *vm, struct hypercall *hc)
{
	int ret = xo_park(vm, hc->vcpu, hc->rbx, hc->rcx);

	hc->halts = ret > 0;
	if (ret > 0)
		end_last(vm, hc);
	return min(ret, 0);
}

static int op_bind(struct xo_vm *vm, struct hypercall *hc)
{
	hc->out_rcx = hc->vcpu->vcpu_idx;
	hc->has_rcx = true;
	return xo_bind(vm, hc->vcpu, hc->rbx);
}

/* A visitor's never comes here (visitor.c): who asks runs natively already. */
static int op_evict(struct xo_vm *vm, struct hypercall *hc)
{
	return 0;
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
	[XO_HC_REQUEST] = op_request,
	[XO_HC_PARK] = op_park,
	[XO_HC_BIND] = op_bind,
	[XO_HC_EVICT] = op_evict,
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
	hc.vcpu = vcpu;

	hc.op = array_index_nospec(hc.op, ARRAY_SIZE(ops));
	/* Whoever connects is told before its first call what cannot work; a call pays nothing. */
	if (hc.op == XO_HC_HELLO || hc.op == XO_HC_REQUEST)
		WRITE_ONCE(vm->lacks, xo_registers_qualify(vcpu));
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
	/* Not by HLT, which KVM of later kernels need not take for one, if something is pending. */
	if (hc.halts)
		vcpu->arch.mp_state = KVM_MP_STATE_HALTED;
	return true;
}
