// SPDX-License-Identifier: GPL-2.0
/*
 * Away and home: what happens right before each VM entry and right behind each exit of a VM that
 * calls. Interrupts are off, the vCPU's VMCS is loaded, KVM has not looked at the exit yet.
 *
 * I1: whatever the exit, EPT_POINTER is home's again, and RIP, RSP, RFLAGS, CS, SS, FS, GS and the
 * general registers are the caller's, before this returns.
 */
#include "visit.h"
#include <linux/nospec.h>
#include "visitor.h"
#include "gate_blob.h"

#define CR3_ADDRESS GENMASK_ULL(51, 12)

/* ------------------------------------------------------------------ before an entry */

void xo_gate_arm(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	struct xo_gate_vm *gate = READ_ONCE(vm->gate);
	struct xo_gate_cpu *cpu;

	cpu = gate ? smp_load_acquire(&gate->cpu[vcpu->vcpu_idx]) : NULL;
	if (!cpu)
		return;
	if (unlikely(cpu->double_fault))
		xo_double_fault_enters(cpu, vcpu);
	/* The VMCS of a nested guest is not KVM's own: nothing is written there. */
	if (!READ_ONCE(gate->active) || vcpu->arch.hflags & HF_GUEST_MASK) {
		xo_suspended_leaves(cpu, vcpu);
		return;
	}
	cpu->home = xo_vmread(EPT_POINTER);
	cpu->why = xo_eptp_ok(cpu->home) ? xo_vcpu_qualifies(vcpu) : XO_REASON_VCPU_STATE;
	cpu->constants[XO_VCPU_HOME / 8] = cpu->home;
	cpu->list[XO_LIST_HOME / 8] = cpu->home;
	/* Not qualified: VMFUNC exits, and a caller is told to go another way. */
	cpu->list[XO_LIST_GATE / 8] = cpu->why ? 0 : cpu->eptp;
	cpu->list[XO_LIST_SVC / 8] = 0;
	cpu->armed = true;
	xo_vmwrite(EPTP_LIST_ADDRESS, virt_to_phys(cpu->list));
	xo_vmwrite(VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	cpu->enabled = xo_enable_vmfunc();
	xo_visitor_arm(cpu, vcpu);
}

/* ------------------------------------------------------------------ whose visit was it? */

/*
 * Not of the visitor's own doing. Those that carry a vector (external interrupt, NMI, machine
 * check) were acknowledged, and KVM must see them.
 */
static bool is_event(u32 reason)
{
	u64 info;

	switch (reason) {
	case EXIT_REASON_EXTERNAL_INTERRUPT:
	case EXIT_REASON_INIT_SIGNAL:
	case EXIT_REASON_INTERRUPT_WINDOW:
	case EXIT_REASON_NMI_WINDOW:
	case EXIT_REASON_TPR_BELOW_THRESHOLD:
	case EXIT_REASON_PREEMPTION_TIMER:
	case EXIT_REASON_MCE_DURING_VMENTRY:
	case EXIT_REASON_BUS_LOCK:
	case EXIT_REASON_NOTIFY:
		return true;
	case EXIT_REASON_EXCEPTION_NMI:
		info = xo_vmread(VM_EXIT_INTR_INFO);
		return (info & INTR_INFO_INTR_TYPE_MASK) == INTR_TYPE_NMI_INTR ||
		       (info & INTR_INFO_VECTOR_MASK) == MC_VECTOR;
	default:
		return false;
	}
}

static bool in_region(u64 address)
{
	return address - XO_GATE_BASE < (u64)XO_GATE_CONNS * XO_GATE_CONN_SIZE;
}

static struct xo_gslot *slot_by_rip(struct xo_gate_vm *gate, u64 cr3, u64 rip)
{
	u64 offset = rip - XO_GATE_BASE;
	struct xo_process *process;
	struct xo_conn *conn;
	u32 n, slot;

	if (!in_region(rip))
		return NULL;
	process = xo_process_find(gate, cr3);
	n = array_index_nospec(offset / XO_GATE_CONN_SIZE, XO_GATE_CONNS);
	conn = process ? READ_ONCE(process->conn[n]) : NULL;
	slot = offset % XO_GATE_CONN_SIZE / XO_GATE_SLOT_SIZE;
	if (!conn || slot >= conn->slots || offset % XO_GATE_SLOT_SIZE >= PAGE_SIZE)
		return NULL;
	return &conn->slot[array_index_nospec(slot, conn->slots)];
}

/* In a service context the context tells. In the gate context RIP does; or, for a service that used
 * VMFUNC itself and fell where there is nothing, the list's entry. */
static struct xo_gslot *find_slot(const struct xo_away *a)
{
	struct xo_gslot *slot;

	if (!a->in_gate)
		return xo_gslot_by_eptp(a->eptp);
	slot = slot_by_rip(a->gate, a->cr3, a->rip);
	if (!slot && a->list_svc)
		slot = xo_gslot_by_eptp(a->list_svc);
	/* A slot of another process, or VM, is none of who runs here: the entry may be forged. */
	if (slot && (slot->conn->caller->gate != a->gate || slot->conn->process->cr3 != a->cr3))
		return NULL;
	return slot;
}

/*
 * Where a stranger goes on. In gate text it is a caller whose connection has just been taken down:
 * at its VMFUNC, whose #UD the caller's kernel knows. With RSP among the gates a RET took RIP from
 * there, and it may be an EPTP.
 */
static u64 stranger_rip(const struct xo_away *a, u64 rsp)
{
	u64 at = (a->rip - XO_GATE_BASE) % XO_GATE_SLOT_SIZE;

	if (in_region(a->rip) && at < PAGE_SIZE && !xo_from_ring0())
		return a->rip - at + XO_L_gate_in - 3;
	if (in_region(rsp))
		return 0;
	return a->event ? a->rip : a->rip - 3;
}

/*
 * Somebody else's VMFUNC: a process without connections, the kernel, or gate text from ring 0. As
 * if there were no such instruction: RIP is behind it, so #UD belongs three bytes before. After an
 * event it did nothing and went on. But who executed some of the gate's text first may have read
 * an EPTP, which is a host address: gone with all registers. That can be whoever has page tables
 * here, wherever its RIP is now: a RET in a gate, from a stack that is the list, leads anywhere. It
 * may have lost them meanwhile; then RIP tells, or RAX and RCX, which right behind a VMFUNC are as
 * that wants them, leaf 0 and entry 1.
 */
static void stranger(const struct xo_away *a)
{
	unsigned long *regs = a->vcpu->arch.regs;
	u64 rsp = xo_vmread(GUEST_RSP);

	if (xo_process_find(a->gate, a->cr3) || in_region(a->rip) || regs[VCPU_REGS_RAX] ||
	    (u32)regs[VCPU_REGS_RCX] != 1) {
		xo_clear_registers(a->vcpu);
		regs[VCPU_REGS_RCX] = 1; /* VMFUNC's, should it be executed again */
	}
	xo_vmwrite(GUEST_RIP, stranger_rip(a, rsp));
	/* There is a POP RSP in gate text's POP R12. No EPTP is as high as Linux has stacks. */
	if (in_region(a->rip) && !in_region(rsp) && xo_eptp_ok(rsp))
		xo_vmwrite(GUEST_RSP, 0);
	if (!a->event)
		xo_exit_inject_ud(a->vcpu);
}

static void from_away(struct xo_away *a)
{
	a->cr3 = xo_vmread(GUEST_CR3) & CR3_ADDRESS;
	a->rip = xo_vmread(GUEST_RIP);
	a->event = is_event(a->reason);
	a->in_gate = a->eptp == a->cpu->eptp;
	a->shadow = xo_vmread(GUEST_INTERRUPTIBILITY_INFO);
	xo_vmwrite(EPT_POINTER, a->cpu->home);
	xo_vectoring_clear(a->vcpu);
	xo_vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO,
		   xo_vmread(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_NMI);
	if (xo_visitor_home(a)) {
		if (!a->event)
			xo_exit_swallow(a->vcpu);
		return;
	}
	a->slot = find_slot(a);
	if (!a->slot || (a->in_gate && xo_from_ring0())) {
		stranger(a);
		return;
	}
	if (a->in_gate)
		xo_home_from_gate(a);
	else
		xo_home_from_service(a);
	if (!a->event)
		xo_exit_swallow(a->vcpu);
}

/* ------------------------------------------------------------------ exits at home */

/*
 * In the first instructions at home RSP, FS and GS base are still the service's. A signal is
 * delivered after an exit only, for interrupts come by VM entry; so at any exit there the host does
 * their work and lets them be done again.
 */
static void finish_epilogue(const struct xo_away *a)
{
	u64 at = xo_window_offset(a);

	if (xo_between(at, XO_L_gate_home, XO_L_gate_mine))
		xo_land(a, XO_L_gate_home);
}

/*
 * VMFUNC exited. The gate's own, on a vCPU that does not qualify now, is told so; any other is as
 * if there were no such instruction. KVM is not asked: 6.12 would warn of it.
 */
static void home_vmfunc(const struct xo_away *a)
{
	if (a->slot && xo_window_offset(a) < XO_L_gate_leave) {
		xo_go_home(a, XO_GATE_REVOKED, 0);
		xo_exit_swallow(a->vcpu);
	} else {
		xo_exit_inject_ud(a->vcpu);
	}
}

static void at_home(struct xo_away *a)
{
	a->rip = xo_vmread(GUEST_RIP);
	if (xo_visitor_at_home(a))
		return;
	if (in_region(a->rip) && !xo_from_ring0()) {
		a->cr3 = xo_vmread(GUEST_CR3) & CR3_ADDRESS;
		a->slot = slot_by_rip(a->gate, a->cr3, a->rip);
	}
	if (a->reason == EXIT_REASON_VMFUNC)
		home_vmfunc(a);
	else if (a->slot)
		finish_epilogue(a);
}

/*
 * Who was away may have written all of the list, by gate text's PUSH with RSP in there: any entry
 * that is left would be the next VMFUNC's. Who is at home has not: no VMFUNC is reached behind such
 * a store (gate-check), so that it ended in an exit, in the gate context.
 */
static void disarm(struct xo_gate_cpu *cpu, bool away)
{
	cpu->armed = false;
	if (away)
		memset(cpu->list, 0, PAGE_SIZE);
	cpu->list[XO_LIST_HOME / 8] = 0;
	cpu->list[XO_LIST_GATE / 8] = 0;
	cpu->list[XO_LIST_SVC / 8] = 0;
	xo_visitor_disarm(cpu);
	/* Whatever becomes of the hooks: without them VMFUNC is dead. */
	xo_vmwrite(VM_FUNCTION_CONTROL, 0);
	if (cpu->enabled)
		xo_disable_vmfunc();
}

bool xo_gate_home(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	struct xo_gate_vm *gate = READ_ONCE(vm->gate);
	struct xo_away a = { .gate = gate, .vcpu = vcpu };
	bool away;

	if (!gate)
		return false;
	a.cpu = smp_load_acquire(&gate->cpu[vcpu->vcpu_idx]);
	if (!a.cpu || !a.cpu->armed)
		return false;
	a.list_svc = a.cpu->list[XO_LIST_SVC / 8];
	a.eptp = xo_vmread(EPT_POINTER);
	disarm(a.cpu, a.eptp != a.cpu->home);
	xo_caches_drop(vcpu);
	/* Without the bits that modify it: an interrupt that beats a bus-lock exit is one too.
	 * (After a failed entry it is home.) */
	a.reason = (u16)xo_exit_reason(vcpu);
	away = a.eptp != a.cpu->home;
	if (away)
		from_away(&a);
	else
		at_home(&a);
	xo_visitor_out(a.cpu);
	/* Whoever waits for this vCPU to come out finds what became of it. */
	smp_store_release(&a.cpu->busy, false);
	return away;
}
