// SPDX-License-Identifier: GPL-2.0
/*
 * The caller's end of a visit: binding, and what becomes of an exit in the kernel-world gate or in
 * a callee's context. Interrupts are off, the vCPU's VMCS is loaded, KVM has not looked at the
 * exit.
 *
 * By where RIP is: in gate text on the way in nothing has happened (AGAIN); on the way out the
 * result stands; anywhere else a stub's function is under way, and evict.c takes what it has of
 * this processor: the visitor is suspended, and goes on at the next entry, or evicted.
 */
#include "visit.h"
#include "visitor.h"
#include "kgate_blob.h"

#define KERNEL_CS    0x10
#define KERNEL_SS    0x18
#define KERNEL_CS_AR 0xa09b /* 64-bit code, ring 0 */
#define KERNEL_SS_AR 0xc093
#define FLAT_LIMIT   0xffffffff
#define AR_UNUSABLE  0x10000
#define SAVE_STACK   0xff8 /* in the save page; nobody uses it, as interrupts are off */
#define CR3_ADDRESS  GENMASK_ULL(51, 12)

/* ------------------------------------------------------------------ binding */

static void note_kernel(struct xo_kernel_state *k)
{
	k->cr0 = xo_vmread(GUEST_CR0);
	k->cr4 = xo_vmread(GUEST_CR4);
	k->gs = xo_vmread(GUEST_GS_BASE);
	k->gdt = xo_vmread(GUEST_GDTR_BASE);
	k->gdt_limit = xo_vmread(GUEST_GDTR_LIMIT);
	k->idt = xo_vmread(GUEST_IDTR_BASE);
	k->idt_limit = xo_vmread(GUEST_IDTR_LIMIT);
	k->tr = xo_vmread(GUEST_TR_SELECTOR);
	k->tr_base = xo_vmread(GUEST_TR_BASE);
	k->tr_limit = xo_vmread(GUEST_TR_LIMIT);
	k->tr_ar = xo_vmread(GUEST_TR_AR_BYTES);
}

/* CR4.PSE differs between a VM's first CPU and the others, and means nothing in long mode. The
 * runtime flushes by toggling CR4.PGE, which must not be an exit. */
static enum xo_reason differs(struct kvm_vcpu *vcpu, const struct xo_record *r)
{
	const struct kvm_vcpu *server = r->server;

	if ((xo_visible_cr0() ^ r->server_cr0) & ~(u64)X86_CR0_TS ||
	    (xo_visible_cr4() ^ r->server_cr4) & ~(u64)X86_CR4_PSE)
		return XO_REASON_CONTROL_DIFFERS;
	if (vcpu->arch.efer != server->arch.efer || vcpu->arch.xcr0 != server->arch.xcr0 ||
	    vcpu->arch.pat != server->arch.pat)
		return XO_REASON_MODEL_DIFFERS;
	if (xo_spec_ctrl(vcpu) != r->server_spec_ctrl)
		return XO_REASON_SPECULATION_DIFFERS;
	if (vcpu->arch.l1_tsc_scaling_ratio != server->arch.l1_tsc_scaling_ratio)
		return XO_REASON_CLOCK_DIFFERS;
	if (kvm_arch_has_noncoherent_dma(server->kvm))
		return XO_REASON_DEVICE;
	if (xo_vmread(CR4_GUEST_HOST_MASK) & X86_CR4_PGE)
		return XO_REASON_FLUSH_EXITS;
	return XO_REASON_NONE;
}

/* All vCPUs of that VM are to be so far at least, soon. xo_record_lock is held. */
static void set_clock(struct xo_vm *vm, s64 offset)
{
	struct kvm_vcpu *v;
	unsigned long i;

	/* Some may have heard of a later one, of another link's. */
	if (READ_ONCE(vm->tsc_wanted))
		offset = max(offset, vm->tsc_offset);
	WRITE_ONCE(vm->tsc_offset, offset);
	smp_store_release(&vm->tsc_wanted, true);
	kvm_for_each_vcpu(i, v, vm->kvm) {
		/* (Never back to false: it may be to fetch a visitor.) */
		if (READ_ONCE(v->arch.mp_state) == KVM_MP_STATE_HALTED)
			WRITE_ONCE(v->arch.pv.pv_unhalted, true);
		kvm_vcpu_kick(v);
	}
}

/*
 * The clock of the VM that is behind goes forward, all its vCPUs': 0 when they are alike, -EAGAIN,
 * or XO_REASON_CLOCK_AHEAD: never beyond the host's own, nor behind one that its kernel has set,
 * and that would take the other's with it.
 */
static int clocks_differ(struct kvm_vcpu *vcpu, struct xo_record *r)
{
	s64 mine = vcpu->arch.l1_tsc_offset, theirs = READ_ONCE(r->server->arch.l1_tsc_offset);
	const struct kvm_vcpu *ahead = mine < theirs ? r->server : vcpu;
	struct xo_vm *vm = mine < theirs ? r->caller : r->callee;

	if (mine == theirs)
		return 0;
	if (max(mine, theirs) > 0 || READ_ONCE(ahead->arch.ia32_tsc_adjust_msr) ||
	    READ_ONCE(vm->tsc_stuck))
		return XO_REASON_CLOCK_AHEAD;
	set_clock(vm, max(mine, theirs));
	return -EAGAIN;
}

/* -EAGAIN: it is another vCPU's, which may be inside just now. */
static int take_from(struct xo_record *r)
{
	struct xo_gate_cpu *cpu = r->bound;

	if (!cpu)
		return 0;
	if (r->state == XO_SUSPENDED) { /* its visitor: done soon */
		irq_work_queue(&r->fetch);
		return -EAGAIN;
	}
	if (READ_ONCE(cpu->record) == r) {
		WRITE_ONCE(cpu->record, NULL);
		smp_mb(); /* against xo_visitor_arm() */
		r->unbound_at = READ_ONCE(cpu->entries);
	}
	if (READ_ONCE(cpu->busy) && READ_ONCE(cpu->entries) == r->unbound_at) {
		kvm_vcpu_kick(r->bound_vcpu);
		return -EAGAIN;
	}
	r->bound = NULL;
	return 0;
}

/* 0, enum xo_reason, or a negative errno. */
static int bind(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu, struct xo_record *r)
{
	int error;

	if (r->ended)
		return -EHOSTDOWN;
	if (!r->server)
		return -EAGAIN;
	error = differs(vcpu, r);
	if (error)
		return error;
	error = clocks_differ(vcpu, r);
	if (error)
		return error;
	if (r->bound != cpu)
		error = take_from(r);
	if (error)
		return error;
	note_kernel(&cpu->kernel);
	cpu->shape = xo_shape_of(vcpu);
	cpu->kernel.cr3 = xo_kregion(r->caller->kgate, XO_KREGION_CPU(vcpu->vcpu_idx));
	*(u64 *)(r->page + XO_KREC_CR0) = xo_visible_cr0() | X86_CR0_TS;
	*(u64 *)(r->page + XO_KREC_CR4) = xo_visible_cr4();
	r->bound = cpu;
	r->bound_vcpu = vcpu;
	xo_record_name(r, r->server_vpid, xo_vpid());
	WRITE_ONCE(cpu->record, r);
	return 0;
}

int xo_bind(struct xo_vm *vm, struct kvm_vcpu *vcpu, u64 id)
{
	struct xo_record *r = xo_record_by_id(id);
	struct xo_gate_vm *gate = READ_ONCE(vm->gate);
	struct xo_gate_cpu *cpu;
	int error;

	if (!r || r->caller != vm || !gate)
		return -ENOENT;
	cpu = gate->cpu[vcpu->vcpu_idx];
	if (!cpu || !READ_ONCE(cpu->keptp))
		return -EOPNOTSUPP;
	raw_spin_lock(&xo_record_lock);
	error = cpu->why ?: bind(cpu, vcpu, r);
	raw_spin_unlock(&xo_record_lock);
	if (error >= 0)
		xo_visits_kept_off(r->link, error);
	return error > 0 ? -EOPNOTSUPP : error;
}

/* ------------------------------------------------------------------ before an entry, behind an
 * exit */

/* Or its kernel binds anew, and both are compared again: a caller's clock that jumps, or its EFER,
 * would be the callee's. */
static bool as_bound(const struct xo_gate_cpu *cpu, const struct kvm_vcpu *vcpu)
{
	const struct xo_vcpu_shape now = xo_shape_of(vcpu);

	return !memcmp(&cpu->shape, &now, sizeof(now));
}

void xo_visitor_arm(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu)
{
	struct xo_record *r;

	if (!READ_ONCE(cpu->keptp))
		return;
	cpu->entries++;
	WRITE_ONCE(cpu->busy, true);
	smp_mb(); /* against who takes the record away */
	r = READ_ONCE(cpu->record);
	if (r && !as_bound(cpu, vcpu))
		r = NULL;
	cpu->current_record = r;
	cpu->kconst[XO_KVCPU_CALLEE / 8] = r ? r->eptp : 0;
	cpu->kconst[XO_KVCPU_HOME / 8] = cpu->home;
	cpu->kconst[XO_KVCPU_GATE / 8] = cpu->list[XO_LIST_GATE / 8];
	cpu->list[XO_KLIST_KGATE / 8] = cpu->why ? 0 : cpu->keptp;
	if (r)
		xo_guard_arm(cpu);
	if (cpu->suspends)
		xo_suspended_enters(cpu, vcpu, cpu->why ? NULL : r);
}

void xo_visitor_disarm(struct xo_gate_cpu *cpu)
{
	if (!cpu->keptp)
		return;
	cpu->list[XO_KLIST_KGATE / 8] = 0;
	if (cpu->current_record)
		xo_guard_disarm(cpu);
}

void xo_visitor_out(struct xo_gate_cpu *cpu)
{
	bool quiet;

	if (!cpu->keptp)
		return;
	quiet = xo_vmread(GUEST_RFLAGS) & X86_EFLAGS_IF;
	WRITE_ONCE(cpu->quiet, quiet);
	WRITE_ONCE(cpu->quiets, cpu->quiets + quiet);
}

/* ------------------------------------------------------------------ the caller's state at home */

static void set_tables(const struct xo_kernel_state *k)
{
	xo_vmwrite(GUEST_GDTR_BASE, k->gdt);
	xo_vmwrite(GUEST_GDTR_LIMIT, k->gdt_limit);
	xo_vmwrite(GUEST_IDTR_BASE, k->idt);
	xo_vmwrite(GUEST_IDTR_LIMIT, k->idt_limit);
	xo_vmwrite(GUEST_TR_SELECTOR, k->tr);
	xo_vmwrite(GUEST_TR_BASE, k->tr_base);
	xo_vmwrite(GUEST_TR_LIMIT, k->tr_limit);
	xo_vmwrite(GUEST_TR_AR_BYTES, k->tr_ar);
	xo_vmwrite(GUEST_LDTR_SELECTOR, 0);
	xo_vmwrite(GUEST_LDTR_AR_BYTES, AR_UNUSABLE);
}

static void set_segments(void)
{
	xo_vmwrite(GUEST_CS_SELECTOR, KERNEL_CS);
	xo_vmwrite(GUEST_CS_BASE, 0);
	xo_vmwrite(GUEST_CS_LIMIT, FLAT_LIMIT);
	xo_vmwrite(GUEST_CS_AR_BYTES, KERNEL_CS_AR);
	xo_vmwrite(GUEST_SS_SELECTOR, KERNEL_SS);
	xo_vmwrite(GUEST_SS_BASE, 0);
	xo_vmwrite(GUEST_SS_LIMIT, FLAT_LIMIT);
	xo_vmwrite(GUEST_SS_AR_BYTES, KERNEL_SS_AR);
}

/* To the gate's first instruction at home, which does the rest: DS, ES, FS, GS. FS base and the
 * user's GS base are its caller's to restore. */
static void set_kernel(const struct xo_kernel_state *k)
{
	set_tables(k);
	set_segments();
	xo_vmwrite(GUEST_CR3, k->cr3);
	xo_vmwrite(GUEST_CR0, k->cr0);
	xo_vmwrite(GUEST_CR4, k->cr4);
	xo_vmwrite(GUEST_GS_BASE, k->gs);
	xo_vmwrite(GUEST_RFLAGS, X86_EFLAGS_FIXED);
	xo_vmwrite(GUEST_RSP, XO_KGATE_BASE + XO_KGATE_SAVE + SAVE_STACK);
	xo_vmwrite(GUEST_RIP, XO_KGATE_BASE + XO_KGATE_HOME + XO_L_khome_enter);
}

static void come_home(struct xo_away *a, u64 status, u64 value, u64 who)
{
	xo_clear_registers(a->vcpu);
	a->vcpu->arch.regs[VCPU_REGS_RSI] = status;
	a->vcpu->arch.regs[VCPU_REGS_RDX] = value;
	a->vcpu->arch.regs[VCPU_REGS_RDI] = who;
	set_kernel(&a->cpu->kernel);
}

static void go_home(struct xo_away *a, u64 status, u64 value)
{
	come_home(a, status, value, XO_KGATE_HOST);
}

/* ------------------------------------------------------------------ exits while away */

static u64 offset_of(const struct xo_away *a)
{
	return a->rip - XO_KGATE_BASE - XO_KGATE_TEXT;
}

static void count(struct xo_record *r, u64 *counter)
{
	if (!r)
		return;
	raw_spin_lock(&xo_record_lock);
	++*counter;
	raw_spin_unlock(&xo_record_lock);
}

static void again(struct xo_record *r, struct xo_away *a)
{
	count(r, r ? &r->stat.again : NULL);
	go_home(a, XO_KGATE_AGAIN, 0);
}

static void finish(struct xo_record *r, struct xo_away *a)
{
	const unsigned long *regs = a->vcpu->arch.regs;

	count(r, r ? &r->stat.finished : NULL);
	come_home(a, (u32)regs[VCPU_REGS_RSI], regs[VCPU_REGS_RDX], 0);
}

/* The function has returned, and the status is still to be set. */
static void done(struct xo_record *r, struct xo_away *a)
{
	count(r, &r->stat.finished);
	go_home(a, XO_KGATE_OK, a->vcpu->arch.regs[VCPU_REGS_RDX]);
}

static void fault(struct xo_record *r, struct xo_away *a)
{
	count(r, r ? &r->stat.faults : NULL);
	go_home(a, XO_KGATE_FAULT, (u64)a->reason << 32 | (u32)a->rip);
}

static void from_gate(struct xo_record *r, struct xo_away *a)
{
	u64 at = offset_of(a);

	if (a->event && at < XO_L_kgate_leave)
		again(r, a);
	else if (a->event && at < XO_L_kgate_home)
		finish(r, a);
	else if (a->reason == EXIT_REASON_VMFUNC && at == XO_L_kgate_callee - 3)
		go_home(a, XO_KGATE_UNBOUND, 0);
	else
		fault(r, a);
}

/* In the runtime, which the stub's page tables have too. */
static void from_runtime(struct xo_record *r, struct xo_away *a, u64 at)
{
	if (at < XO_L_krt_ret)
		again(r, a);
	else if (at < XO_L_krt_done)
		done(r, a);
	else if (at < XO_L_krt_absent)
		finish(r, a);
	else
		go_home(a, XO_KGATE_ABSENT, 0);
}

/* KVM does so when another VM gets the processor, and here none does; the caller's own barrier
 * (guest/kgate.S) is intercepted, and perhaps refused, once it is bound no more. */
static void clear_predictors(const struct xo_record *r)
{
	if (READ_ONCE(r->link->flags) & XO_LINK_IBPB)
		wrmsrl_safe(MSR_IA32_PRED_CMD, PRED_CMD_IBPB);
}

static void from_callee(struct xo_record *r, struct xo_away *a)
{
	u64 at = offset_of(a), in_rt = at - XO_KGATE_RT;

	clear_predictors(r);
	/* CR3 becomes the gate's by the VMCS, which flushes nothing. Whatever was cached of the
	 * callee's tables must be gone before the gate is walked in this context again. */
	kvm_make_request(KVM_REQ_TLB_FLUSH_GUEST, a->vcpu);
	if (at >= PAGE_SIZE && in_rt >= PAGE_SIZE)
		go_home(a, xo_suspend_or_evict(r, a), 0);
	else if (!a->event)
		fault(r, a);
	else if (in_rt < PAGE_SIZE)
		from_runtime(r, a, in_rt);
	else if (at < XO_L_kgate_leave)
		again(r, a); /* on the way to the runtime */
	else
		finish(r, a);
}

/* A visitor in the gate context, with page tables of its own. As if there were no VMFUNC: in its
 * server CPU it is #UD there. After an event it was done, and did nothing. */
static void astray(struct xo_record *r, struct xo_away *a)
{
	clear_predictors(r);
	if (!a->event)
		a->rip -= 3;
	go_home(a, xo_evict(r, a), 0);
}

bool xo_visitor_home(struct xo_away *a)
{
	struct xo_record *r = a->cpu->current_record;

	if (!a->cpu->kernel.cr3)
		return false;
	if (r && a->eptp == r->eptp) {
		from_callee(r, a);
		return true;
	}
	if (a->eptp != a->cpu->keptp)
		return false;
	/* A VMFUNC 3 that does not find the gate is the caller's own, or a visitor's: then entry 2
	 * is its context, for nobody can change the list who does not find the gate. */
	if (a->cr3 == a->cpu->kernel.cr3 && xo_from_ring0())
		from_gate(r, a);
	else if (r && a->list_svc == r->eptp)
		astray(r, a);
	else
		return false;
	return true;
}

/* ------------------------------------------------------------------ exits at home */

/*
 * KVM does not expect #DF to exit, and the guest is to have it: at its next entry, since what is
 * queued here KVM forgets when it looks at the exit.
 */
static bool double_fault(struct xo_away *a)
{
	u64 info = xo_vmread(VM_EXIT_INTR_INFO);

	if (a->reason != EXIT_REASON_EXCEPTION_NMI || !a->cpu->current_record ||
	    (info & INTR_INFO_INTR_TYPE_MASK) != INTR_TYPE_HARD_EXCEPTION ||
	    (info & INTR_INFO_VECTOR_MASK) != DF_VECTOR)
		return false;
	a->cpu->double_fault = true;
	a->cpu->double_fault_rip = a->rip;
	return true;
}

void xo_double_fault_enters(struct xo_gate_cpu *cpu, const struct kvm_vcpu *vcpu)
{
	cpu->double_fault = false;
	/* Somebody else's turn, or something that comes first, and ends in the same again. */
	if (vcpu->arch.hflags & (HF_GUEST_MASK | HF_SMM_MASK) ||
	    xo_vmread(VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK ||
	    xo_vmread(GUEST_RIP) != cpu->double_fault_rip)
		return;
	xo_vmwrite(VM_ENTRY_EXCEPTION_ERROR_CODE, 0);
	xo_vmwrite(VM_ENTRY_INTR_INFO_FIELD, INTR_INFO_VALID_MASK | INTR_TYPE_HARD_EXCEPTION |
						     INTR_INFO_DELIVER_CODE_MASK | DF_VECTOR);
}

/*
 * In the gate's last instructions the callee's tables, or half of them, may still be loaded: the
 * host does their work and lets them be done again. And a VMFUNC that found no gate ends as one
 * should.
 */
bool xo_visitor_at_home(struct xo_away *a)
{
	u64 at = offset_of(a);

	if (!a->cpu->kernel.cr3)
		return false;
	/* Other restrictions of speculation than at BIND: to be looked at again. (It exits while
	 * bound.) */
	if (a->reason == EXIT_REASON_MSR_WRITE &&
	    (u32)a->vcpu->arch.regs[VCPU_REGS_RCX] == MSR_IA32_SPEC_CTRL)
		WRITE_ONCE(a->cpu->record, NULL);
	if (double_fault(a)) {
		xo_exit_swallow(a->vcpu);
		return true;
	}
	if (!xo_from_ring0() || (xo_vmread(GUEST_CR3) & CR3_ADDRESS) != a->cpu->kernel.cr3)
		return false;
	if (a->reason == EXIT_REASON_VMFUNC && at == XO_L_kgate_in - 3) {
		go_home(a, XO_KGATE_UNBOUND, 0);
		xo_exit_swallow(a->vcpu);
		return true;
	}
	if (at == XO_L_kgate_home || xo_between(at, XO_KGATE_HOME, XO_KGATE_HOME + XO_L_khome_mine))
		set_kernel(&a->cpu->kernel);
	return false;
}

/* ------------------------------------------------------------------ clocks */

/* Exactly as the guest's own IA32_TSC_ADJUST would, but that it does not see it. A processor model
 * without that register stays behind. */
void xo_clock_forward(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	s64 was = vcpu->arch.l1_tsc_offset, adjusted = vcpu->arch.ia32_tsc_adjust_msr;

	kvm_set_msr(vcpu, MSR_IA32_TSC_ADJUST, adjusted + READ_ONCE(vm->tsc_offset) - was);
	vcpu->arch.ia32_tsc_adjust_msr = adjusted;
	if ((s64)vcpu->arch.l1_tsc_offset == was)
		WRITE_ONCE(vm->tsc_stuck, true);
}
