/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One exit while away, between home.c, which finds out whose visit it was, and visit.c, which ends
 * it. Interrupts are off, the vCPU's VMCS is loaded.
 */
#ifndef XO_HOST_VISIT_H
#define XO_HOST_VISIT_H

#include "away.h"
#include <asm/vmx.h>
#include "compat.h"

struct xo_away {
	struct xo_gate_vm *gate;
	struct xo_gate_cpu *cpu;
	struct kvm_vcpu *vcpu;
	u64 eptp; /* where it was */
	u64 rip;
	u64 cr3;
	u64 list_svc; /* entry 2 of the list, as gate text left it; hostile */
	u32 reason;
	u32 shadow; /* of STI or MOV SS, and NMI: GUEST_INTERRUPTIBILITY_INFO at the exit */
	bool event; /* not of the visitor's own doing */
	bool in_gate;
	struct xo_gslot *slot; /* whose visit it is; NULL: nobody's */
};

static inline bool xo_between(u64 offset, u64 from, u64 to)
{
	return offset >= from && offset < to;
}

/* Offset in the slot's window; outside of text and runtime: the service. */
static inline u64 xo_window_offset(const struct xo_away *a)
{
	return a->rip - a->slot->va;
}

static inline bool xo_from_ring0(void)
{
	return !VMX_AR_DPL(xo_vmread(GUEST_SS_AR_BYTES));
}

/* All general registers are 0; RSP is in the VMCS. */
void xo_clear_registers(struct kvm_vcpu *vcpu);
/* At a label of the slot's gate text at home, with RSP, FS and GS base as the caller saved them. */
void xo_land(const struct xo_away *a, u64 label);
/* To gate_home, with a status. */
void xo_go_home(const struct xo_away *a, u64 status, u64 value);

/* The end of an exit in the gate context, and in a service context. a->slot: whose visit. */
void xo_home_from_gate(const struct xo_away *a);
void xo_home_from_service(const struct xo_away *a);

#endif
