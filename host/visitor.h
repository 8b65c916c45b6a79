/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel worlds on `vmfunc`: visitors. The story: docs/visitors.md. Numbers that gate text knows:
 * crossover/kgate.h.
 *
 *   xo_kgate   what a VM needs to call or be called so: its region, the gate's tables   kgate.c
 *   xo_ram     the memory of a callee VM as its callers' contexts map it               ram.c
 *   xo_record  a stub that can be visited: its context, its state                      record.c
 *
 * Locks: xo_mutex as everywhere; xo_record_lock (raw) for the state of all records and for which
 * vCPU is bound to which. It is taken in the hooks; inside it link->lock.
 */
#ifndef XO_HOST_VISITOR_H
#define XO_HOST_VISITOR_H

#include "away.h"
#include <linux/irq_work.h>
#include "crossover/kgate.h"

/* ------------------------------------------------------------------ kgate.c */

struct xo_kgate {
	struct list_head pages;
	struct xo_memory memory;
	struct xo_mapping mapping;
	u8 *va;
	u64 *table[4]; /* genuine: root, PDPT, PD, PT */
	u32 cpus;      /* vCPUs that have their pages in the region */
	bool stays;    /* a CPU of the VM may be there: it is the VM's to the end */
};

extern u64 *xo_ktext_page, *xo_krt_page, *xo_krt_ibpb_page;
int xo_kgate_init(void);
void xo_kgate_exit(void);
/* The VM's, made if need be. xo_mutex. NULL: no memory, or no addresses. */
struct xo_kgate *xo_kgate_get(struct xo_vm *vm);
/* Closes the door and waits, for a second at most, until no CPU of the VM is in the region; while
 * the hooks still find the VM. xo_mutex, sleeps. */
void xo_kgate_close(struct xo_vm *vm);
void xo_kgate_free(struct xo_vm *vm);
/* Kernel-world gate contexts of the vCPUs that have none yet. -ENOMEM. */
int xo_kgate_add_cpus(struct xo_vm *vm);
u64 xo_kgate_pages(const struct xo_vm *vm); /* host pages that it takes; xo_mutex */
static inline u64 xo_kregion(const struct xo_kgate *k, u32 page)
{
	return k->mapping.gpa + ((u64)page << PAGE_SHIFT);
}

/* ------------------------------------------------------------------ ram.c */

struct xo_ram_piece {
	u64 gfn, npages;
	unsigned long hva;
};

struct xo_ram {
	struct xo_vm *vm;
	struct xo_ram_piece *piece; /* what is mapped */
	u32 pieces;
	u64 accounted; /* pages, as locked memory of its process */
	struct list_head pages;
	u64 *pdpt; /* level 2: 512 GiB */
	u64 pinned, big, small;
	u64 *runtime, runtime_was; /* the leaf that is the runtime's, and what it was */
	bool revoked;		   /* its process changed the memory: nobody enters any more */
	bool empty;		   /* and nobody is inside */
	struct mmu_notifier notifier;
	struct mm_struct *mm;
};

/* The callee's, made if need be; pins all of the VM's memory. xo_mutex, sleeps long. */
enum xo_reason xo_ram_get(struct xo_vm *vm);
/* Where visitors of this VM find the runtime's text, instead of that page of the VM's own.
 * -EINVAL: it has no such page; -ENOMEM. xo_mutex, sleeps. */
int xo_ram_runtime(struct xo_ram *ram, u64 gpa);
void xo_ram_free(struct xo_vm *vm); /* nobody is inside */

/* ------------------------------------------------------------------ record.c, visitor.c, park.c */

enum xo_record_state {
	XO_RUNS = 0,  /* the stub runs natively, or not at all */
	XO_PARKED,    /* it stands in XO_HC_PARK; one vCPU may be visiting: only an exit tells */
	XO_EVICTED,   /* the visitor's registers wait for the server CPU */
	XO_SUSPENDED, /* they wait for the caller's next entry, or for who needs a CPU before */
};

#define XO_VISITOR_HERE 15 /* evict.c */

/* What moves with a visitor; and what it has here besides. */
struct xo_visitor {
	unsigned long regs[16];
	u64 rip, rflags, cr3, cr2, shadow;
	u64 here[XO_VISITOR_HERE];
	u32 reason; /* of the exit */
	u32 vcpu_idx;
	u32 processor;
};

struct xo_record {
	struct list_head node; /* of all; RCU */
	u64 id, session;
	struct xo_link *link;
	struct xo_vm *caller, *callee;
	struct list_head pages;
	u64 *root, *pdpt;
	u64 eptp;
	u8 *page; /* struct xo_kgate_record */

	/* xo_record_lock */
	enum xo_record_state state;
	bool ended;		   /* no visit begins any more, nothing parks */
	bool dead;		   /* the callee's kernel is gone */
	struct kvm_vcpu *server;   /* where it is parked, or was last */
	struct xo_gate_cpu *bound; /* who may visit */
	struct kvm_vcpu *bound_vcpu;
	u64 unbound_at; /* its entries when that was taken from it */
	struct xo_visitor visitor;
	struct xo_gate_cpu *suspended_on; /* whose visitor it is, while XO_SUSPENDED */
	struct irq_work fetch;		  /* xo_record_fetch() */
	u64 server_cr0, server_cr4;	  /* as seen by its kernel */
	u64 server_spec_ctrl;
	struct xo_vcpu_shape server_shape;
	u16 server_vpid, bound_vpid; /* as xo_record_name() told; 0: not yet */
	u32 slot;		     /* of the call that was evicted last */
	u64 seq;
	struct {
		u64 parks, wakes, kicks, evictions, again, finished, refused, faults;
		/* and how those ended that were not resumed */
		u64 suspensions, resumptions, taken_over, descheduled, injected, unfit;
		u64 evicted_by[XO_EXIT_REASONS];
	} stat;
};

extern raw_spinlock_t xo_record_lock;

/* The callee's memory is not what was mapped any more, and nobody enters. Any context. */
void xo_visits_revoke(struct xo_vm *callee);
/* The same, and nobody is inside; not in the hooks of a visitor's vCPU. RCU. */
void xo_visits_expel(struct xo_vm *callee);
/* xo_mutex: a link's system calls go by visits from now on, or no more. */
enum xo_reason xo_visits_enable(struct xo_vm *caller, struct xo_vm *callee);
void xo_visits_link_gone(struct xo_link *link);
void xo_visits_unused(struct xo_vm *callee); /* its memory is not kept for nobody; xo_mutex */
void xo_visits_vm_end(struct xo_vm *vm);     /* any context, vm->lock held */
void xo_visits_vm_gone(struct xo_vm *vm);    /* xo_mutex, sleeps */
/* Requests; xo_mutex. */
int xo_record_add(struct xo_vm *callee, struct xo_request *request);
int xo_record_del(struct xo_vm *callee, u64 id);
int xo_record_find(struct xo_vm *caller, struct xo_request *request);
/* Visits of that link cannot be now, for that reason; or they can: XO_REASON_NONE. Any context; not
 * with link->lock. */
void xo_visits_kept_off(struct xo_link *link, enum xo_reason reason);
/* What visits of that link take. xo_mutex. */
void xo_visits_price(const struct xo_link *link, struct xo_h_link_info *info);
bool xo_record_next(u64 after, struct xo_h_record_info *info);

/* Hypercalls; interrupts off, VMCS loaded. PARK: 1: the vCPU is halted. */
int xo_park(struct xo_vm *vm, struct kvm_vcpu *vcpu, u64 id, u64 cookie);
int xo_bind(struct xo_vm *vm, struct kvm_vcpu *vcpu, u64 id);

/* hooks: before an entry; right behind an exit while away; at home. */
struct xo_away;
void xo_visitor_arm(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu);
void xo_visitor_disarm(struct xo_gate_cpu *cpu);
void xo_visitor_out(struct xo_gate_cpu *cpu); /* all of the exit has been dealt with */
bool xo_visitor_home(struct xo_away *a);      /* true: it was one, and is dealt with */
bool xo_visitor_at_home(struct xo_away *a);   /* likewise, of an exit at home */
/* Right before an entry: the #DF that exited last, cpu->double_fault, is delivered. */
void xo_double_fault_enters(struct xo_gate_cpu *cpu, const struct kvm_vcpu *vcpu);

/*
 * evict.c. The status that its caller is to be told when it comes home; the second: unless the
 * visitor goes on at the next entry.
 */
u64 xo_evict(struct xo_record *r, struct xo_away *a);
u64 xo_suspend_or_evict(struct xo_record *r, struct xo_away *a);
/* The vCPU, of which a visitor may be suspended, enters its VM; leaves KVM_RUN, or enters something
 * where no visitor goes on; or its thread leaves the processor. */
void xo_suspended_enters(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu,
			 const struct xo_record *bound);
void xo_suspended_leaves(struct xo_gate_cpu *cpu, struct kvm_vcpu *vcpu);
void xo_suspended_descheduled(struct xo_gate_cpu *cpu);
/* XO_SUSPENDED: the visitor is the server CPU's, which has to be woken if it does not ask itself.
 * xo_record_lock held. */
void xo_suspended_evict(struct xo_record *r, u64 *counter);
/* In an interrupt soon, by irq_work_queue(&r->fetch), which can be said anywhere: who is suspended
 * is evicted, who is evicted is fetched. */
void xo_record_fetch(struct irq_work *work);

/* guard.c: what a visitor could change of its caller's vCPU without an exit, and neither gate nor
 * guest module puts right, exits from here on; and no more. */
void xo_guard_arm(struct xo_gate_cpu *cpu);
void xo_guard_disarm(struct xo_gate_cpu *cpu);
struct xo_vcpu_shape xo_shape_of(const struct kvm_vcpu *vcpu);
/* Which speculation the vCPU's kernel restricts; behind an exit. A visitor runs with its caller's.
 */
u64 xo_spec_ctrl(struct kvm_vcpu *vcpu);

/* A vCPU of a VM whose clock is behind; behind an exit, so that KVM tells the guest of it. */
static inline bool xo_clock_behind(const struct xo_vm *vm, const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vm->tsc_wanted) && !READ_ONCE(vm->tsc_stuck) &&
	       READ_ONCE(vm->tsc_offset) > (s64)vcpu->arch.l1_tsc_offset;
}
void xo_clock_forward(struct xo_vm *vm, struct kvm_vcpu *vcpu);
u64 xo_visible_cr0(void); /* as the guest reads it; VMCS loaded */
u64 xo_visible_cr4(void);
struct xo_record *xo_record_by_id(u64 id); /* RCU or xo_mutex */
struct xo_record *xo_record_by_server(const struct kvm_vcpu *vcpu);
void xo_record_close(struct xo_record *r); /* xo_record_lock held: no visit begins any more */
/*
 * For the TLB model of the lab (docs/tlb-model.md), NOPs elsewhere: who is away in this context is
 * the server CPU, and what one of the two flushes is gone for both. VPIDs; xo_record_lock held, or
 * nobody is there any more.
 */
void xo_record_name(struct xo_record *r, u16 server, u16 bound);
u16 xo_vpid(void); /* VMCS loaded */

/* The server CPU has its stubs back, those too whose call was evicted; who was inside has come out.
 * Its VMCS is loaded. False: it had none to take back. */
bool xo_take_back(struct kvm_vcpu *vcpu);
/* Nobody enters any more until the stub parks again, and nobody is inside. RCU; not in the hooks of
 * a visitor's vCPU. */
void xo_record_empty(struct xo_record *r);
/* wake.c. xo_mutex; the second when no VM is enrolled any more. */
int xo_wake_hook(void);
void xo_wake_unhook(void);

#endif
