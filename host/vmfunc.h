/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The engine `vmfunc`: EPT contexts, who is connected to what, and the way away and home.
 * The story: docs/vmfunc.md. The numbers that gate text knows: crossover/gate.h.
 *
 * Who owns what:
 *   xo_image    the pages that a service may touch; one for each service, shared by its connections
 *   xo_process  a caller: one CR3 of one VM, with the page tables of its gate context
 *   xo_conn     a process's connection to an image; has slots
 *   xo_gslot    one call at a time: a service context of its own, stack, save area
 *   xo_gate_cpu one vCPU of a caller VM: its EPTP list, its gate context
 *
 * Locks: all functions are called under xo_mutex and may sleep, unless said otherwise.
 */
#ifndef XO_HOST_VMFUNC_H
#define XO_HOST_VMFUNC_H

#include "host.h"
#include "crossover/gate.h"

struct xo_image;
struct xo_process;
struct xo_conn;

/* ------------------------------------------------------------------ image.c, tables
 *
 * A new image has guest page tables for all its addresses and an EPT in which nothing is present
 * yet. Its pages come and go by xo_image_set() and xo_image_clear(), under whatever lock the
 * caller has for that (any context).
 */
struct xo_image_page {
	u64 va;
	u64 prot; /* XO_PAGE_* */
};

/* -EINVAL: not ascending, not aligned, not user addresses, in the gate's, or both writable and
 * executable; entry in no executable page. -E2BIG, -ENOMEM. */
struct xo_image *xo_image_new(const struct xo_image_page *page, u32 count, u64 entry, u32 flags);
void xo_image_free(struct xo_image *image); /* no connection has it any more */
/* Page i of the image is that page frame from now on. Any context. */
void xo_image_set(struct xo_image *image, u32 i, u64 pfn);
/* No page is mapped any more. Any context. xo_away_flush() must follow before the pages go. */
void xo_image_clear(struct xo_image *image);

/*
 * When it returns, every processor has come home since it was called, and holds no translation of
 * any context from before. Any context with interrupts on; does not sleep.
 */
void xo_away_flush(void);

/* ------------------------------------------------------------------ connections */

struct xo_conn_spec {
	u64 cr3;	      /* hostile; guest-physical, page-aligned */
	u32 index;	      /* region in that process; < XO_GATE_CONNS */
	u32 slots;	      /* 1 to XO_GATE_SLOTS */
	struct page **buffer; /* XO_GATE_BUFFER_SIZE of host memory, shared with the caller */
	u64 caller_wid;
	const char *caller_name;
};

/*
 * The connection is stopped until xo_conn_start(). Errors as enum xo_reason: SERVICE_BAD (cr3,
 * index), CONNS_FULL, NO_MEMORY. save_gpa: where the caller VM sees its slots' save pages.
 */
enum xo_reason xo_conn_make(struct xo_vm *caller, struct xo_image *image,
			    const struct xo_conn_spec *spec, struct xo_conn **out, u64 *save_gpa);
/* Any context: calls are taken, or not: from now on entering ends with REVOKED. */
void xo_conn_start(struct xo_conn *conn);
void xo_conn_stop(struct xo_conn *conn);
/*
 * Draining: no call begins any more, and those inside go on. In three steps, since the second needs
 * interrupts on and no lock that is taken in an exit's callback (xo_away_flush()): stop the slots
 * that no call is in; flush; then ask for those that a call is in after all (it slipped in), which
 * opens them again if `open`. False: none, the connection can go. First and third in any context,
 * under the lock that start and stop have; start ends it.
 */
void xo_conn_stop_idle(struct xo_conn *conn);
bool xo_conn_busy(struct xo_conn *conn, bool open);
/* Stops, brings everybody home, frees; interrupted calls in it are lost. */
void xo_conn_free(struct xo_conn *conn);
/* Forget the interrupted call in a slot, which is stopped then: start the connection anew, under
 * the lock for that. No lock of an exit's callback is held. -EINVAL no such slot, -ENODATA no call
 * was in it. */
int xo_conn_reset_slot(struct xo_conn *conn, u32 slot);
/* Counts of this connection so far. Any context. */
void xo_conn_stat(const struct xo_conn *conn, struct xo_service_info *info);

/* Called by visit.c when a service ended a call badly; the registry's function, any context
 * (interrupts off). Counts it for the service, keeps `fault` (XO_GATE_FAULT_* << 56 | RIP) as its
 * last, and wakes whoever waits for news of it in the owner. */
void xo_service_faulted(struct xo_conn *conn, u64 fault);

/* ------------------------------------------------------------------ vCPUs */

/* May callers of that VM use the engine now? XO_REASON_NONE, or the condition that fails. Looks at
 * the processor, the VM and every vCPU. */
enum xo_reason xo_vmfunc_qualify(struct xo_vm *caller);

/* vCPUs that came since the first connection can go away, too. -ENOMEM. */
int xo_gate_add_cpus(struct xo_vm *caller);

/* hooks.c, interrupts off, VMCS loaded: before an entry, and right behind an exit. The latter
 * returns true when the exit was away and is dealt with. */
void xo_gate_arm(struct xo_vm *vm, struct kvm_vcpu *vcpu);
bool xo_gate_home(struct xo_vm *vm, struct kvm_vcpu *vcpu);

/* Takes down what a VM has as a caller: part of letting it go. */
void xo_vmfunc_vm_gone(struct xo_vm *vm);

int xo_vmfunc_init(void); /* step of loading; never fails for want of a processor feature */
void xo_vmfunc_exit(void);

#endif
