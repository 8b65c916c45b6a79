// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a visitor that has to leave its caller's processor. It is *evicted*: its
 * registers wait for the server CPU, which goes on at that very instruction, and the call is posted
 * as if it had come over the engine `exit`. Or, at an event of the host's own, *suspended*: it goes
 * on where it was at the caller's next entry, unless somebody else needs one of the two CPUs
 * before.
 *
 * KVM sees the same in both cases: the caller at home, interrupts off, about to be told that its
 * call was evicted. Nothing of the caller runs before it is decided, once, under xo_record_lock:
 *
 *   the caller's next entry         resumes, if nothing has changed and nothing is to be injected
 *   the server CPU wakes            takes it (park.c), and nobody enters any more
 *   the caller leaves its processor, or KVM_RUN; the record ends: evicted
 */
#include "visit.h"
#include "visitor.h"
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <linux/nospec.h>
#include "kgate_blob.h"

#define SHADOW	(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)
#define WINDOWS (CPU_BASED_INTR_WINDOW_EXITING | CPU_BASED_NMI_WINDOW_EXITING)

static bool suspend = true;
module_param(suspend, bool, 0644);
MODULE_PARM_DESC(suspend,
		 "a visitor stays where it is at the host's own events; N: each evicts it");

/* What a visitor has besides, and finds in its server CPU as it was when that parked. TR and LDTR
 * are the caller's, as in the beginning. */
static const u32 here[XO_VISITOR_HERE] = {
	GUEST_CR0,	   GUEST_CR4,	      GUEST_GS_BASE,	 GUEST_GDTR_BASE, GUEST_GDTR_LIMIT,
	GUEST_IDTR_BASE,   GUEST_IDTR_LIMIT,  GUEST_CS_SELECTOR, GUEST_CS_BASE,	  GUEST_CS_LIMIT,
	GUEST_CS_AR_BYTES, GUEST_SS_SELECTOR, GUEST_SS_BASE,	 GUEST_SS_LIMIT,  GUEST_SS_AR_BYTES,
};

/* ------------------------------------------------------------------ out of the processor */

static void save(struct xo_visitor *v, const struct xo_away *a)
{
	u32 i;

	for (i = 0; i < 16; i++)
		v->regs[i] = a->vcpu->arch.regs[i];
	v->regs[VCPU_REGS_RSP] = xo_vmread(GUEST_RSP);
	v->rip = a->rip;
	v->rflags = xo_vmread(GUEST_RFLAGS);
	v->cr3 = xo_vmread(GUEST_CR3);
	v->cr2 = a->vcpu->arch.cr2;
	/* With TF an entry would want the pending trap too, which is dropped: it comes one
	 * instruction later. */
	v->shadow = v->rflags & X86_EFLAGS_TF ? 0 : a->shadow & SHADOW;
	v->reason = min_t(u32, a->reason, XO_EXIT_REASONS - 1);
	v->vcpu_idx = a->vcpu->vcpu_idx;
}

/* The visitor asks for it: it goes on behind its hypercall. */
static bool asks(const struct xo_away *a)
{
	return a->reason == EXIT_REASON_VMCALL &&
	       a->vcpu->arch.regs[VCPU_REGS_RAX] == XO_HC_BASE + XO_HC_EVICT;
}

/* The call that it makes, by the word of the caller's kernel: if it is none that could be made, it
 * is that kernel's loss. */
static int post(struct xo_record *r)
{
	struct xo_kgate *k = r->caller->kgate;
	const u64 *page =
		(u64 *)(k->va + ((XO_KREGION_CPU((u64)r->visitor.vcpu_idx) + XO_KREGION_CPU_SAVE)
				 << PAGE_SHIFT));
	u64 slot = READ_ONCE(page[XO_KSAVE_SLOT / 8]), seq = READ_ONCE(page[XO_KSAVE_SEQ / 8]);
	int error = -EINVAL;

	raw_spin_lock(&r->link->lock);
	if (slot < XO_SLOTS_PER_LINK)
		error = xo_call_evicted(r->link, array_index_nospec(slot, XO_SLOTS_PER_LINK), seq);
	raw_spin_unlock(&r->link->lock);
	return error;
}

/* The registers are in the record, and the server CPU's: what the caller is told. */
static u64 hand_over(struct xo_record *r)
{
	WRITE_ONCE(*(u32 *)(r->page + XO_KREC_PARKED), 0);
	WRITE_ONCE(r->state, XO_EVICTED);
	r->stat.evictions++;
	r->stat.evicted_by[r->visitor.reason]++;
	return post(r) ? XO_KGATE_DOWN : XO_KGATE_EVICTED;
}

/* A kernel that is gone, or one that went to ring 3, which visitors do not. */
static bool is_lost(const struct xo_record *r)
{
	return r->dead || r->state != XO_PARKED || !xo_from_ring0();
}

/* xo_record_lock is held. */
static u64 evict(struct xo_record *r, struct xo_away *a)
{
	if (is_lost(r)) {
		xo_record_close(r);
		return XO_KGATE_DOWN;
	}
	save(&r->visitor, a);
	if (asks(a)) {
		r->visitor.rip += 3;
		r->visitor.regs[VCPU_REGS_RAX] = 0;
	}
	return hand_over(r);
}

static void wake_server(struct kvm_vcpu *server)
{
	WRITE_ONCE(server->arch.pv.pv_unhalted, true);
	kvm_vcpu_wake_up(server);
}

u64 xo_evict(struct xo_record *r, struct xo_away *a)
{
	u64 status;
	bool wake;

	raw_spin_lock(&xo_record_lock);
	status = evict(r, a);
	wake = r->state == XO_EVICTED;
	raw_spin_unlock(&xo_record_lock);
	if (wake)
		wake_server(r->server);
	return status;
}

/* ------------------------------------------------------------------ suspended */

/* Neither the visitor's doing nor something that the caller is to be given. (A machine check may be
 * the visitor's; a window opens because something is to be injected.) */
static bool is_hosts_own(const struct xo_away *a)
{
	switch (a->reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_PREEMPTION_TIMER: /* the caller's: injected at the next entry, if so */
		return true;
	case EXIT_REASON_EXCEPTION_NMI:
		return (xo_vmread(VM_EXIT_INTR_INFO) & INTR_INFO_INTR_TYPE_MASK) ==
		       INTR_TYPE_NMI_INTR;
	default:
		return false;
	}
}

/* Nobody wants the stub back: it is still said to be parked. (While suspended it is not, so that
 * nobody enters.) */
static bool may_stay(const struct xo_record *r)
{
	return READ_ONCE(suspend) && !is_lost(r) && READ_ONCE(*(u32 *)(r->page + XO_KREC_PARKED));
}

/* xo_record_lock is held. */
static void suspend_visitor(struct xo_record *r, struct xo_away *a)
{
	u32 i;

	save(&r->visitor, a);
	for (i = 0; i < ARRAY_SIZE(here); i++)
		r->visitor.here[i] = xo_vmread(here[i]);
	r->visitor.processor = smp_processor_id();
	WRITE_ONCE(*(u32 *)(r->page + XO_KREC_PARKED), 0);
	WRITE_ONCE(r->state, XO_SUSPENDED);
	WRITE_ONCE(a->cpu->suspended, r);
	r->suspended_on = a->cpu;
	a->cpu->suspends = true;
	a->cpu->verdict = XO_KGATE_EVICTED;
	r->stat.suspensions++;
}

u64 xo_suspend_or_evict(struct xo_record *r, struct xo_away *a)
{
	bool stays = false;

	if (is_hosts_own(a)) {
		raw_spin_lock(&xo_record_lock);
		stays = may_stay(r);
		if (stays)
			suspend_visitor(r, a);
		raw_spin_unlock(&xo_record_lock);
	}
	return stays ? XO_KGATE_EVICTED : xo_evict(r, a);
}

void xo_suspended_evict(struct xo_record *r, u64 *counter)
{
	struct xo_gate_cpu *cpu = r->suspended_on;

	WRITE_ONCE(cpu->suspended, NULL);
	++*counter;
	if (r->dead) {
		WRITE_ONCE(r->state, XO_PARKED);
		cpu->verdict = XO_KGATE_DOWN;
	} else {
		cpu->verdict = hand_over(r);
	}
}

/* ------------------------------------------------------------------ the caller's next entry */

/* As it was left: KVM may have reset the vCPU, or entered its system management mode. The registers
 * are in the VMCS, or in KVM's cache of them. */
static bool is_home(const struct xo_gate_cpu *cpu, const struct kvm_vcpu *vcpu)
{
	u64 rip = vcpu->arch.regs_avail & BIT(VCPU_REGS_RIP) ? vcpu->arch.regs[VCPU_REGS_RIP]
							     : xo_vmread(GUEST_RIP);

	return rip == XO_KGATE_BASE + XO_KGATE_HOME + XO_L_khome_enter &&
	       xo_vmread(GUEST_CR3) == cpu->kernel.cr3 &&
	       !(vcpu->arch.hflags & (HF_GUEST_MASK | HF_SMM_MASK));
}

/* To the caller, now or as soon as it lets interrupts in. */
static bool is_to_be_injected(void)
{
	return xo_vmread(VM_ENTRY_INTR_INFO_FIELD) & INTR_INFO_VALID_MASK ||
	       xo_vmread(CPU_BASED_VM_EXEC_CONTROL) & WINDOWS;
}

/* Away again, where it was: the list as the gate leaves it on the way in. */
static void resume(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu, struct xo_record *r)
{
	const struct xo_visitor *v = &r->visitor;
	u32 i;

	for (i = 0; i < 16; i++)
		vcpu->arch.regs[i] = v->regs[i];
	for (i = 0; i < ARRAY_SIZE(here); i++)
		xo_vmwrite(here[i], v->here[i]);
	xo_vmwrite(GUEST_RSP, v->regs[VCPU_REGS_RSP]);
	xo_vmwrite(GUEST_RIP, v->rip);
	xo_vmwrite(GUEST_RFLAGS, v->rflags);
	xo_vmwrite(GUEST_CR3, v->cr3);
	vcpu->arch.cr2 = v->cr2;
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO, xo_vmread(GUEST_INTERRUPTIBILITY_INFO) | v->shadow);
	cpu->list[XO_KLIST_HOME / 8] = 0;
	cpu->list[XO_KLIST_GATE / 8] = 0;
	cpu->list[XO_KLIST_CALLEE / 8] = r->eptp;
	xo_vmwrite(EPT_POINTER, r->eptp);
	WRITE_ONCE(cpu->suspended, NULL);
	WRITE_ONCE(r->state, XO_PARKED);
	WRITE_ONCE(*(u32 *)(r->page + XO_KREC_PARKED), 1);
	r->stat.resumptions++;
}

/* NULL: it may go on. Else the counter of why not. `bound`: the record whose visitors may enter. */
static u64 *obstacle(struct xo_record *r, const struct xo_gate_cpu *cpu,
		     const struct kvm_vcpu *vcpu, const struct xo_record *bound)
{
	if (is_to_be_injected())
		return &r->stat.injected;
	if (r->visitor.processor != smp_processor_id())
		return &r->stat.descheduled;
	if (r != bound || r->ended || r->dead || !is_home(cpu, vcpu))
		return &r->stat.unfit;
	return NULL;
}

/* Somebody else may have decided. The caller is told so if it is still to be told. */
static void tell(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu)
{
	cpu->suspends = false;
	if (is_home(cpu, vcpu))
		vcpu->arch.regs[VCPU_REGS_RSI] = cpu->verdict;
}

void xo_suspended_enters(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu,
			 const struct xo_record *bound)
{
	struct xo_record *r;
	u64 *counter;

	raw_spin_lock(&xo_record_lock);
	r = cpu->suspended;
	counter = r ? obstacle(r, cpu, vcpu, bound) : NULL;
	if (counter)
		xo_suspended_evict(r, counter);
	if (r && !counter) {
		cpu->suspends = false;
		resume(cpu, vcpu, r);
	} else {
		tell(cpu, vcpu);
	}
	raw_spin_unlock(&xo_record_lock);
	/* KVM does not look any more whether it should run somebody else: by an interrupt. */
	if (counter)
		irq_work_queue(&r->fetch);
}

/* ------------------------------------------------------------------ the caller leaves */

void xo_suspended_leaves(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu)
{
	struct xo_record *r;
	unsigned long flags;

	if (!cpu->suspends)
		return;
	raw_spin_lock_irqsave(&xo_record_lock, flags);
	r = cpu->suspended;
	if (r)
		xo_suspended_evict(r, &r->stat.descheduled);
	tell(cpu, vcpu);
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	if (r)
		irq_work_queue(&r->fetch);
}

/* Its run queue's lock is held, inside which ours is not taken. */
void xo_suspended_descheduled(struct xo_gate_cpu *cpu)
{
	struct xo_record *r = READ_ONCE(cpu->suspended);

	if (r)
		irq_work_queue(&r->fetch);
}

void xo_record_fetch(struct irq_work *work)
{
	struct xo_record *r = container_of(work, struct xo_record, fetch);
	unsigned long flags;
	bool wake;

	raw_spin_lock_irqsave(&xo_record_lock, flags);
	if (r->state == XO_SUSPENDED)
		xo_suspended_evict(r, &r->stat.descheduled);
	wake = r->state == XO_EVICTED && !r->dead;
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	if (wake)
		wake_server(r->server);
}
