// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a visit that an exit ended, by where RIP was: docs/vmfunc.md has the table.
 * Places are known by labels of gate and runtime.
 */
#include "visit.h"
#include "gate_blob.h"

#define FLAGS_AT_HOME (X86_EFLAGS_IF | X86_EFLAGS_FIXED)
/* What an interrupted service does not get back: it would harm its own way home. */
#define FLAGS_DROPPED (X86_EFLAGS_TF | X86_EFLAGS_RF | X86_EFLAGS_AC | X86_EFLAGS_NT)

#define USER_CS_AR    0xa0fb /* 64-bit code, ring 3 */
#define USER_SS_AR    0xc0f3
#define FLAT_LIMIT    0xffffffff

/* EPT violation's qualification: the entry that was found allows something (SDM vol. 3, 28.2.1) */
#define ENTRY_PRESENT (7ULL << 3)

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

void xo_clear_registers(struct kvm_vcpu *vcpu)
{
	memset(vcpu->arch.regs, 0, sizeof(vcpu->arch.regs[0]) * 16);
}

void xo_land(const struct xo_away *a, u64 label)
{
	xo_vmwrite(GUEST_RIP, a->slot->va + label);
	xo_vmwrite(GUEST_RFLAGS, FLAGS_AT_HOME);
	set_segments();
	set_saved(a->slot->saved);
}

void xo_go_home(const struct xo_away *a, u64 status, u64 value)
{
	xo_clear_registers(a->vcpu);
	a->vcpu->arch.regs[VCPU_REGS_RSI] = status;
	a->vcpu->arch.regs[VCPU_REGS_RDX] = value;
	xo_land(a, XO_L_gate_home);
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

/* ------------------------------------------------------------------ the ends of an exit while away
 */

/* Nothing has happened yet: the caller does it again, unless this goes on for ever. */
static void restart(const struct xo_away *a)
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
		xo_go_home(a, XO_GATE_AGAIN, 0);
		return;
	}
	/* The arguments are where they were; what gate and runtime used is no argument. RAX may be
	 * an EPTP, and what the caller has mapped at gate_restart need not be gate text. */
	a->vcpu->arch.regs[VCPU_REGS_RAX] = 0;
	xo_land(a, XO_L_gate_restart);
}

static void finish(const struct xo_away *a)
{
	const unsigned long *regs = a->vcpu->arch.regs;

	atomic64_inc(&a->slot->conn->finishes);
	xo_go_home(a, regs[VCPU_REGS_RSI], regs[VCPU_REGS_RDX]);
}

static void save(const struct xo_away *a)
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

static void interrupted(const struct xo_away *a)
{
	atomic64_inc(&a->slot->conn->interrupts);
	xo_go_home(a, XO_GATE_INTR, 0);
}

/* In gate text or runtime it is not the service's doing, but of who prepared registers and tables
 * for them: the caller's kernel (an IDT within reach, CR0.TS), or somebody who jumped there. */
static bool in_our_text(const struct xo_away *a)
{
	u64 at = xo_window_offset(a);

	return xo_between(at, 0, PAGE_SIZE) || xo_between(at, XO_GATE_RT, XO_GATE_RT + PAGE_SIZE);
}

static u64 fault_kind(const struct xo_away *a)
{
	if (a->in_gate || in_our_text(a))
		return XO_GATE_FAULT_GATE;
	/* SYSCALL and SYSENTER go where the caller's kernel said, in ring 0, where nothing is. */
	if (xo_from_ring0())
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
static u64 fault_rip(const struct xo_away *a, u64 kind)
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
	return xo_between(at, l->enter, l->acq) || (at == l->acq && !zf) ||
	       xo_between(at, l->slow, l->racq) || (at == l->racq && !zf);
}

static bool reloads(const struct xo_rt_labels *l, u64 at, bool zf)
{
	return (at == l->racq && zf) || xo_between(at, l->load, l->load_end);
}

/* The slot is taken, but registers still hold the caller's: they must not get where the service
 * can read them. All arguments are still in place: the slot is given back, and it begins anew. */
static bool before_service(const struct xo_rt_labels *l, u64 at, bool zf)
{
	return (at == l->acq && zf) || xo_between(at, l->own, l->call);
}

/*
 * Has this visit the slot? Else another thread's call may be in it, or wait in it: its stack must
 * not be given to a third one. (A service that jumps there while it has it leaves it taken; the
 * library resets it then.)
 */
static bool has_slot(const struct xo_away *a)
{
	const struct xo_rt_labels *l = xo_labels_of(a->slot->conn->image);
	bool zf = xo_vmread(GUEST_RFLAGS) & X86_EFLAGS_ZF;
	u64 at = xo_window_offset(a);

	if (a->in_gate || at < PAGE_SIZE)
		return false;
	if (!in_our_text(a))
		return true; /* in the service */
	at -= XO_GATE_RT;
	return !before_slot(l, at, zf) && !xo_between(at, l->busy, l->end) &&
	       !xo_between(at, l->free, l->closed) && at != l->closed_free;
}

/* The service, or who entered the gate, has itself to blame. */
static void fault(const struct xo_away *a)
{
	struct xo_conn *conn = a->slot->conn;
	u64 kind = fault_kind(a), what = kind << 56 | fault_rip(a, kind);

	if (a->in_gate && !READ_ONCE(a->slot->constants[XO_CONST_SVC / 8])) {
		xo_go_home(a, XO_GATE_REVOKED, 0);
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
	xo_go_home(a, XO_GATE_FAULT, what);
}

/*
 * In the gate context RIP is in gate text, or nobody's. What stands there for home is in there for
 * who jumped to it, with a stack that may be the host's constants: its POPs load EPTPs, and nothing
 * in its registers is a result.
 */
void xo_home_from_gate(const struct xo_away *a)
{
	u64 at = xo_window_offset(a);

	if (!a->event || at >= XO_L_gate_home)
		fault(a);
	else if (at < XO_L_gate_leave)
		restart(a);
	else
		finish(a);
}

static void event_in_runtime(const struct xo_away *a, u64 at)
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
	} else if (xo_between(at, l->closed, l->closed_free)) {
		WRITE_ONCE(a->slot->ssa->busy, 0);
		xo_go_home(a, XO_GATE_REVOKED, 0);
	} else if (xo_between(at, l->free, l->slow)) {
		finish(a);
	} else if (xo_between(at, l->busy, l->nores)) {
		xo_go_home(a, XO_GATE_BUSY, 0);
	} else if (xo_between(at, l->nores, l->end)) {
		xo_go_home(a, XO_GATE_NORES, 0);
	} else {
		save(a);
		interrupted(a);
	}
}

static void event_in_service(const struct xo_away *a)
{
	u64 at = xo_window_offset(a);

	if (xo_between(at, XO_GATE_RT, XO_GATE_RT + PAGE_SIZE)) {
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
static bool is_revoked(const struct xo_away *a)
{
	return a->reason == EXIT_REASON_EPT_VIOLATION &&
	       !(xo_vmread(EXIT_QUALIFICATION) & ENTRY_PRESENT) &&
	       xo_image_has(a->slot->conn->image, xo_vmread(GUEST_PHYSICAL_ADDRESS)) &&
	       VMX_AR_DPL(xo_vmread(GUEST_SS_AR_BYTES)) == 3;
}

void xo_home_from_service(const struct xo_away *a)
{
	/* In ring 0 it is behind a SYSCALL, and nothing to go on with, whatever ended it. */
	if ((a->event && !xo_from_ring0()) || is_revoked(a)) {
		event_in_service(a);
		return;
	}
	fault(a);
	vector_clear(a->slot);
}
