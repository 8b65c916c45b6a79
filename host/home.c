// SPDX-License-Identifier: GPL-2.0
/*
 * Away and home: what happens right before each VM entry and right behind each exit of a VM that
 * calls. Interrupts are off, the vCPU's VMCS is loaded, KVM has not looked at the exit yet.
 *
 * I1: whatever the exit, EPT_POINTER is home's again, and RIP, RSP, RFLAGS, CS, SS, FS, GS and the
 * general registers are the caller's, before this returns. What to tell the caller depends on
 * where RIP was (docs/vmfunc.md has the table), and that is known by labels of gate and runtime.
 */
#include "away.h"
#include <asm/msr.h>
#include <asm/vmx.h>
#include "compat.h"
#include "gate_blob.h"
#include "trace.h"

#define CR3_ADDRESS   GENMASK_ULL(51, 12)
#define FLAGS_AT_HOME (X86_EFLAGS_IF | X86_EFLAGS_FIXED)
/* What an interrupted service does not get back: it would harm its own way home. */
#define FLAGS_DROPPED (X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_NT)

#define USER_CS_AR    0xa0fb /* 64-bit code, ring 3 */
#define USER_SS_AR    0xc0f3
#define FLAT_LIMIT    0xffffffff

/* EPT violation's qualification: the entry that was found allows something (SDM vol. 3, 28.2.1) */
#define ENTRY_PRESENT (7ULL << 3)

/* One exit while away. */
struct away {
	struct xo_gate_vm *gate;
	struct xo_gate_cpu *cpu;
	struct kvm_vcpu *vcpu;
	u64 eptp; /* where it was */
	u64 rip;
	u64 cr3;
	u64 list_svc; /* entry 2 of the list, as gate text left it; hostile */
	u32 reason;
	bool event; /* not of the visitor's own doing */
	bool in_gate;
	struct xo_gslot *slot; /* whose visit it is; NULL: nobody's */
};

/* ------------------------------------------------------------------ before an entry */

void xo_gate_arm(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	struct xo_gate_vm *gate = READ_ONCE(vm->gate);
	struct xo_gate_cpu *cpu;

	if (!gate || !READ_ONCE(gate->active))
		return;
	cpu = smp_load_acquire(&gate->cpu[vcpu->vcpu_idx]);
	/* The VMCS of a nested guest is not KVM's own: nothing is written there. */
	if (!cpu || vcpu->arch.hflags & HF_GUEST_MASK)
		return;
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
	xo_enable_vmfunc(vcpu);
}

/* ------------------------------------------------------------------ the caller's state at home */

static void set_segments(void)
{
	xo_vmwrite(GUEST_CS_SELECTOR, __USER_CS);
	xo_vmwrite(GUEST_CS_BASE, 0);
	xo_vmwrite(GUEST_CS_LIMIT, FLAT_LIMIT);
	xo_vmwrite(GUEST_CS_AR_BYTES, USER_CS_AR);
	xo_vmwrite(GUEST_SS_SELECTOR, __USER_DS);
	xo_vmwrite(GUEST_SS_BASE, 0);
	xo_vmwrite(GUEST_SS_LIMIT, FLAT_LIMIT);
	xo_vmwrite(GUEST_SS_AR_BYTES, USER_SS_AR);
}

/* RSP, FS and GS base as the caller saved them; its own memory, so its own harm. FS and GS base
 * must be canonical, or the next entry fails. */
static void set_saved(const struct xo_gate_saved *saved)
{
	u64 fs = READ_ONCE(saved->fs), gs = READ_ONCE(saved->gs);

	xo_vmwrite(GUEST_RSP, READ_ONCE(saved->rsp));
	xo_vmwrite(GUEST_FS_BASE, fs < TASK_SIZE_MAX ? fs : 0);
	xo_vmwrite(GUEST_GS_BASE, gs < TASK_SIZE_MAX ? gs : 0);
}

/* All general registers but those that `keep` names (bit = VCPU_REGS_*); RSP is in the VMCS. */
static void clear_registers(struct kvm_vcpu *vcpu, u32 keep)
{
	u32 i;

	for (i = 0; i < 16; i++)
		if (!(keep & BIT(i)))
			vcpu->arch.regs[i] = 0;
}

static void land(const struct away *a, u64 label)
{
	xo_vmwrite(GUEST_RIP, a->slot->va + label);
	xo_vmwrite(GUEST_RFLAGS, FLAGS_AT_HOME);
	set_segments();
	set_saved(a->slot->saved);
}

/* To gate_home, with a status. */
static void go_home(const struct away *a, u64 status, u64 value)
{
	clear_registers(a->vcpu, 0);
	a->vcpu->arch.regs[VCPU_REGS_RSI] = status;
	a->vcpu->arch.regs[VCPU_REGS_RDX] = value;
	land(a, XO_L_gate_home);
}

/* ------------------------------------------------------------------ vector state
 *
 * The guest's is in the registers, and the guest's XCR0 is loaded, so that XSAVE means here what it
 * meant there. */

static void vector_save(const struct xo_gslot *slot)
{
	asm volatile("xsave %0" : "+m"(*slot->xsave) : "a"(XO_GATE_XSTATE), "d"(0) : "memory");
}

static void vector_clear(const struct xo_gslot *slot)
{
	const u8 *init = (const u8 *)slot->visit + XO_VISIT_XINIT;

	asm volatile("xrstor %0" : : "m"(*init), "a"(XO_GATE_XSTATE), "d"(0) : "memory");
}

/* ------------------------------------------------------------------ where was it? */

static bool between(u64 offset, u64 from, u64 to)
{
	return offset >= from && offset < to;
}

/* Offset in the slot's window; outside of text and runtime: the service. */
static u64 window_offset(const struct away *a)
{
	return a->rip - a->slot->va;
}

static bool from_ring0(void)
{
	return !VMX_AR_DPL(xo_vmread(GUEST_SS_AR_BYTES));
}

/* ------------------------------------------------------------------ the ends of an exit while away
 */

/* Nothing has happened yet: the caller does it again, unless this goes on for ever. */
static void restart(const struct away *a)
{
	struct xo_gslot *slot = a->slot;
	u64 call = READ_ONCE(slot->saved->calls);

	atomic64_inc(&slot->conn->restarts);
	if (call != slot->restart_call) {
		slot->restart_call = call;
		slot->restarts = 0;
	}
	if (++slot->restarts > XO_GATE_RESTARTS) {
		slot->restarts = 0;
		go_home(a, XO_GATE_AGAIN, 0);
		return;
	}
	/* The arguments are where they were; what gate and runtime used is no argument. RAX may be
	 * an EPTP, and what the caller has mapped at gate_restart need not be gate text. */
	a->vcpu->arch.regs[VCPU_REGS_RAX] = 0;
	land(a, XO_L_gate_restart);
}

static void finish(const struct away *a)
{
	const unsigned long *regs = a->vcpu->arch.regs;

	atomic64_inc(&a->slot->conn->finishes);
	go_home(a, regs[VCPU_REGS_RSI], regs[VCPU_REGS_RDX]);
}

static void save(const struct away *a)
{
	struct xo_gslot *slot = a->slot;
	struct xo_ssa *ssa = slot->ssa;
	u32 i;

	for (i = 0; i < 16; i++)
		ssa->regs[i] = a->vcpu->arch.regs[i];
	ssa->regs[VCPU_REGS_RSP] = xo_vmread(GUEST_RSP);
	ssa->rip = a->rip;
	ssa->rflags = xo_vmread(GUEST_RFLAGS) & ~(u64)FLAGS_DROPPED;
	ssa->fs = xo_vmread(GUEST_FS_BASE);
	ssa->gs = xo_vmread(GUEST_GS_BASE);
	if (!(slot->conn->image->flags & XO_SERVICE_GPR))
		vector_save(slot);
	WRITE_ONCE(ssa->valid, 1);
}

static void interrupted(const struct away *a)
{
	atomic64_inc(&a->slot->conn->interrupts);
	go_home(a, XO_GATE_INTR, 0);
}

/* In gate text or runtime it is not the service's doing, but of who prepared registers and tables
 * for them: the caller's kernel (an IDT within reach, CR0.TS), or somebody who jumped there. */
static bool in_our_text(const struct away *a)
{
	u64 at = window_offset(a);

	return between(at, 0, PAGE_SIZE) || between(at, XO_GATE_RT, XO_GATE_RT + PAGE_SIZE);
}

static u64 fault_kind(const struct away *a)
{
	if (a->in_gate || in_our_text(a))
		return XO_GATE_FAULT_GATE;
	/* SYSCALL and SYSENTER go where the caller's kernel said, in ring 0, where nothing is. */
	if (from_ring0())
		return XO_GATE_FAULT_SYSCALL;
	switch (a->reason) {
	case EXIT_REASON_EPT_VIOLATION:
	case EXIT_REASON_EPT_MISCONFIG:
		return XO_GATE_FAULT_MEMORY;
	case EXIT_REASON_TRIPLE_FAULT:
		return XO_GATE_FAULT_EXCEPTION;
	case EXIT_REASON_EXCEPTION_NMI:
		return XO_GATE_FAULT_OPCODE;
	default:
		return XO_GATE_FAULT_EXIT;
	}
}

/* Where it happened: SYSCALL leaves the address behind it in RCX, SYSENTER (0: unknown) nowhere. */
static u64 fault_rip(const struct away *a, u64 kind)
{
	u64 rip = a->rip;

	if (kind == XO_GATE_FAULT_SYSCALL)
		rip = rip == xo_vmread(GUEST_SYSENTER_EIP) ? 0
							   : a->vcpu->arch.regs[VCPU_REGS_RCX] - 2;
	return rip & GENMASK_ULL(55, 0);
}

/* The runtime, before the slot is this call's. At the CMPXCHG's next instruction ZF decides. */
static bool before_slot(const struct xo_rt_labels *l, u64 at, bool zf)
{
	return between(at, l->enter, l->acq) || (at == l->acq && !zf) ||
	       between(at, l->slow, l->racq) || (at == l->racq && !zf);
}

static bool reloads(const struct xo_rt_labels *l, u64 at, bool zf)
{
	return (at == l->racq && zf) || between(at, l->load, l->load_end);
}

/* The slot is taken, but registers still hold the caller's: they must not get where the service
 * can read them. All arguments are still in place: the slot is given back, and it begins anew. */
static bool before_service(const struct xo_rt_labels *l, u64 at, bool zf)
{
	return (at == l->acq && zf) || between(at, l->own, l->call);
}

/*
 * Has this visit the slot? Else another thread's call may be in it, or wait in it: its stack must
 * not be given to a third one. (A service that jumps there while it has it leaves it taken; the
 * library resets it then.)
 */
static bool has_slot(const struct away *a)
{
	const struct xo_rt_labels *l = xo_labels_of(a->slot->conn->image);
	bool zf = xo_vmread(GUEST_RFLAGS) & X86_EFLAGS_ZF;
	u64 at = window_offset(a);

	if (a->in_gate || between(at, 0, PAGE_SIZE))
		return false;
	if (!between(at, XO_GATE_RT, XO_GATE_RT + PAGE_SIZE))
		return true; /* in the service */
	at -= XO_GATE_RT;
	return !before_slot(l, at, zf) && !between(at, l->busy, l->end) &&
	       !between(at, l->free, l->closed) && at != l->closed_free;
}

/* The service, or who entered the gate, has itself to blame. */
static void fault(const struct away *a)
{
	struct xo_conn *conn = a->slot->conn;
	u64 kind = fault_kind(a), what = kind << 56 | fault_rip(a, kind);

	if (a->in_gate && !READ_ONCE(a->slot->constants[XO_CONST_SVC / 8])) {
		go_home(a, XO_GATE_REVOKED, 0);
		return;
	}
	if (has_slot(a)) {
		WRITE_ONCE(a->slot->ssa->valid, 0);
		WRITE_ONCE(a->slot->ssa->busy, 0);
	}
	if (kind != XO_GATE_FAULT_GATE) {
		WRITE_ONCE(conn->fault, what);
		atomic64_inc(&conn->faults);
		xo_service_faulted(conn, what);
	}
	a->vcpu->arch.cr2 = 0;
	go_home(a, XO_GATE_FAULT, what);
}

/* In the gate context RIP is in gate text, or nobody's. */
static void home_from_gate(const struct away *a)
{
	u64 at = window_offset(a);

	if (!a->event || between(at, XO_L_gate_bad, XO_L_gate_end))
		fault(a);
	else if (at < XO_L_gate_leave)
		restart(a);
	else
		finish(a);
}

static void event_in_runtime(const struct away *a, u64 at)
{
	const struct xo_rt_labels *l = xo_labels_of(a->slot->conn->image);
	bool zf = xo_vmread(GUEST_RFLAGS) & X86_EFLAGS_ZF;

	if (before_slot(l, at, zf)) {
		restart(a);
	} else if (before_service(l, at, zf)) {
		WRITE_ONCE(a->slot->ssa->busy, 0);
		restart(a);
	} else if (reloads(l, at, zf)) {
		WRITE_ONCE(a->slot->ssa->valid, 1);
		interrupted(a);
	} else if (between(at, l->closed, l->closed_free)) {
		WRITE_ONCE(a->slot->ssa->busy, 0);
		go_home(a, XO_GATE_REVOKED, 0);
	} else if (between(at, l->free, l->slow)) {
		finish(a);
	} else if (between(at, l->busy, l->nores)) {
		go_home(a, XO_GATE_BUSY, 0);
	} else if (between(at, l->nores, l->end)) {
		go_home(a, XO_GATE_NORES, 0);
	} else {
		save(a);
		interrupted(a);
	}
}

static void event_in_service(const struct away *a)
{
	u64 at = window_offset(a);

	if (between(at, XO_GATE_RT, XO_GATE_RT + PAGE_SIZE)) {
		event_in_runtime(a, at - XO_GATE_RT);
	} else if (at >= PAGE_SIZE) {
		save(a);
		interrupted(a);
	} else if (at < XO_L_gate_leave) {
		restart(a); /* gate text, on the way in */
	} else {
		finish(a);
	}
	vector_clear(a->slot);
}

/* A page of the image that is not there: the owner's memory moved. The call waits for it. */
static bool is_revoked(const struct away *a)
{
	return a->reason == EXIT_REASON_EPT_VIOLATION &&
	       !(xo_vmread(EXIT_QUALIFICATION) & ENTRY_PRESENT) &&
	       xo_image_has(a->slot->conn->image, xo_vmread(GUEST_PHYSICAL_ADDRESS)) &&
	       VMX_AR_DPL(xo_vmread(GUEST_SS_AR_BYTES)) == 3;
}

static void home_from_service(const struct away *a)
{
	/* In ring 0 it is behind a SYSCALL, and nothing to go on with, whatever ended it. */
	if ((a->event && !from_ring0()) || is_revoked(a)) {
		event_in_service(a);
		return;
	}
	fault(a);
	vector_clear(a->slot);
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

static struct xo_gslot *slot_by_rip(struct xo_gate_vm *gate, u64 cr3, u64 rip)
{
	u64 offset = rip - XO_GATE_BASE;
	struct xo_process *process;
	struct xo_conn *conn;
	u32 slot;

	if (rip < XO_GATE_BASE || offset >= XO_GATE_CONNS * XO_GATE_CONN_SIZE)
		return NULL;
	process = xo_process_find(gate, cr3);
	conn = process ? READ_ONCE(process->conn[offset / XO_GATE_CONN_SIZE]) : NULL;
	slot = offset % XO_GATE_CONN_SIZE / XO_GATE_SLOT_SIZE;
	if (!conn || slot >= conn->slots || offset % XO_GATE_SLOT_SIZE >= PAGE_SIZE)
		return NULL;
	return &conn->slot[slot];
}

/* In a service context the context tells. In the gate context RIP does; or, for a service that used
 * VMFUNC itself and fell where there is nothing, the list's entry. */
static struct xo_gslot *find_slot(const struct away *a)
{
	struct xo_gslot *slot;

	if (!a->in_gate)
		return xo_gslot_by_eptp(a->eptp);
	slot = slot_by_rip(a->gate, a->cr3, a->rip);
	if (!slot && a->list_svc)
		slot = xo_gslot_by_eptp(a->list_svc);
	/* A slot of another process is none of who runs here. */
	if (slot && slot->conn->process->cr3 != a->cr3)
		return NULL;
	return slot;
}

/*
 * Somebody else's VMFUNC: a process without connections, the kernel, or gate text from ring 0. As
 * if there were no such instruction: RIP is behind it, so #UD belongs three bytes before. After an
 * event it did nothing and went on. But who executed some of the gate's text first may have read
 * an EPTP, which is a host address: gone with all registers. Elsewhere nothing can be executed, and
 * right behind a VMFUNC they are as it wants them, leaf 0 and entry 1.
 */
static void stranger(const struct away *a)
{
	const unsigned long *regs = a->vcpu->arch.regs;

	if (a->rip - XO_GATE_BASE < XO_GATE_CONNS * XO_GATE_CONN_SIZE || regs[VCPU_REGS_RAX] ||
	    (u32)regs[VCPU_REGS_RCX] != 1)
		clear_registers(a->vcpu, 0);
	if (a->event)
		return;
	xo_vmwrite(GUEST_RIP, a->rip - 3);
	xo_exit_inject_ud(a->vcpu);
}

static void from_away(struct away *a)
{
	a->cr3 = xo_vmread(GUEST_CR3) & CR3_ADDRESS;
	a->rip = xo_vmread(GUEST_RIP);
	a->event = is_event(a->reason);
	a->in_gate = a->eptp == a->cpu->eptp;
	a->slot = find_slot(a);
	xo_vmwrite(EPT_POINTER, a->cpu->home);
	xo_vectoring_clear(a->vcpu);
	xo_vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO,
		   xo_vmread(GUEST_INTERRUPTIBILITY_INFO) & GUEST_INTR_STATE_NMI);
	if (!a->slot || (a->in_gate && from_ring0())) {
		stranger(a);
		return;
	}
	if (a->in_gate)
		home_from_gate(a);
	else
		home_from_service(a);
	if (!a->event)
		xo_exit_swallow(a->vcpu);
}

/* ------------------------------------------------------------------ exits at home */

/*
 * In the first instructions at home RSP, FS and GS base are still the service's. A signal is
 * delivered after an exit only, for interrupts come by VM entry; so at any exit there the host does
 * their work and lets them be done again.
 */
static void finish_epilogue(struct away *a)
{
	u64 at;

	a->rip = xo_vmread(GUEST_RIP);
	if (a->rip - XO_GATE_BASE >= XO_GATE_CONNS * XO_GATE_CONN_SIZE || from_ring0())
		return;
	a->cr3 = xo_vmread(GUEST_CR3) & CR3_ADDRESS;
	a->slot = slot_by_rip(a->gate, a->cr3, a->rip);
	if (!a->slot)
		return;
	at = window_offset(a);
	if (between(at, XO_L_gate_home, XO_L_gate_mine))
		land(a, XO_L_gate_home);
	else if (a->reason == EXIT_REASON_VMFUNC && at < XO_L_gate_leave) {
		/* The gate's own VMFUNC, on a vCPU that does not qualify now. */
		go_home(a, XO_GATE_REVOKED, 0);
		xo_exit_swallow(a->vcpu);
	}
}

static void disarm(struct xo_gate_cpu *cpu)
{
	cpu->armed = false;
	cpu->list[XO_LIST_HOME / 8] = 0;
	cpu->list[XO_LIST_GATE / 8] = 0;
	cpu->list[XO_LIST_SVC / 8] = 0;
	/* Whatever becomes of the hooks: without them VMFUNC is dead. */
	xo_vmwrite(VM_FUNCTION_CONTROL, 0);
}

bool xo_gate_home(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	struct xo_gate_vm *gate = READ_ONCE(vm->gate);
	struct away a = { .gate = gate, .vcpu = vcpu };

	if (!gate)
		return false;
	a.cpu = smp_load_acquire(&gate->cpu[vcpu->vcpu_idx]);
	if (!a.cpu || !a.cpu->armed)
		return false;
	a.list_svc = a.cpu->list[XO_LIST_SVC / 8];
	disarm(a.cpu);
	xo_caches_drop(vcpu);
	/* Without the bits that modify it: an interrupt that beats a bus-lock exit is one too.
	 * (After a failed entry it is home.) */
	a.reason = (u16)xo_exit_reason(vcpu);
	a.eptp = xo_vmread(EPT_POINTER);
	if (a.eptp == a.cpu->home) {
		finish_epilogue(&a);
		return false;
	}
	from_away(&a);
	return true;
}
