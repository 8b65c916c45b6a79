/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Inside of the engine `vmfunc`: what image.c, gate.c, conn.c, home.c, visit.c and qualify.c share.
 * The others see vmfunc.h.
 *
 * Guest-physical addresses away. The processor's limit is the only one, as all contexts are ours;
 * but the page that a caller's CR3 names lies where its VM put it. So ours are at three quarters
 * of the address space, one GiB for each purpose, and a CR3 in there is refused:
 *
 *   XO_AWAY_IMAGE  the image: its page tables from the start, its pages from the middle
 *   XO_AWAY_GATE   gate contexts: what all vCPUs of a VM share
 *   XO_AWAY_VCPU   gate contexts: one vCPU's own
 *
 * What is one slot's own in a service context lies around the caller's CR3, in the same 2 MiB:
 * there it needs no EPT table but those that map the CR3 page itself.
 */
#ifndef XO_HOST_AWAY_H
#define XO_HOST_AWAY_H

#include "vmfunc.h"
#include "gate_context.h"
#include <linux/idr.h>

/* XO_MAP_* of gate_context.h are the same */
#define XO_EPT_R 1ULL
#define XO_EPT_W 2ULL
#define XO_EPT_X 4ULL

#define XO_GIB	 (1ULL << 30)
extern u64 xo_away_base;
#define XO_AWAY_IMAGE	(xo_away_base)
#define XO_AWAY_GATE	(xo_away_base + XO_GIB)
#define XO_AWAY_VCPU	(xo_away_base + 2 * XO_GIB)
#define XO_AWAY_SPAN	(3 * XO_GIB)
/* In a gate context no EPT entry leads there: a walk by way of it is an exit, and no page fault. */
#define XO_AWAY_NOWHERE XO_AWAY_IMAGE

/*
 * x86-64 page-table entries of ours, all of them: present, writable, user, executable; accessed and
 * dirty are set, so that no walk ever writes. Only the EPT says what is allowed, so that what is
 * not ends in an exit. A page fault would be delivered through the IDT of the caller's kernel,
 * which may lie in memory that was written away (gate/context.h).
 */
#define XO_PTE		0x67ULL

static inline u32 xo_level_index(u64 address, u32 level) /* 3 is the root */
{
	return address >> (12 + 9 * level) & 511;
}

/* ------------------------------------------------------------------ ept.c */

/* Pages that live and die together, by page->lru. */
u64 *xo_page_new(struct list_head *pages); /* zeroed; NULL: no memory */
void xo_pages_free(struct list_head *pages);
u64 xo_pages_count(const struct list_head *pages);

u64 xo_ept_leaf(u64 hpa, u64 rights);
u64 xo_ept_table(const u64 *table);
u64 xo_eptp(const u64 *root);
bool xo_eptp_ok(u64 eptp); /* else the context is not to be used: memory above 32 TiB */
/* Maps one page below `table` of that level; makes tables on the way. -ENOMEM. */
int xo_ept_map(struct list_head *pages, u64 *table, u32 level, u64 gpa, u64 leaf);
/* The last-level entry, NULL if there is no table. */
u64 *xo_ept_entry(u64 *table, u32 level, u64 gpa);

void xo_ept_init(void);
/* XO_REASON_NONE, or what this processor lacks. */
extern enum xo_reason xo_processor_lacks;

/* ------------------------------------------------------------------ image.c */

struct xo_image {
	struct list_head pages; /* our tables */
	u64 *pml4;		/* a slot's root begins as a copy of it */
	u64 *pd;		/* EPT: the GiB at XO_AWAY_IMAGE */
	u64 entry;
	u32 flags; /* XO_SERVICE_* */
	u32 count;
	u32 tables;  /* guest page tables so far */
	u64 **leaf;  /* EPT entry of each page */
	u64 *rights; /* of each page */
};

/* Is that gpa one of the image's pages (present or revoked)? */
bool xo_image_has(const struct xo_image *image, u64 gpa);

/* ------------------------------------------------------------------ gate.c */

/* What a caller's kernel has on a vCPU, and a callee's could change; as at XO_HC_BIND. */
struct xo_kernel_state {
	u64 cr3; /* of the gate */
	u64 cr0, cr4, gs;
	u64 gdt, gdt_limit, idt, idt_limit;
	u64 tr, tr_base, tr_limit, tr_ar;
};

/* What of a vCPU a callee's kernel would notice, and a caller's can change behind BIND. */
struct xo_vcpu_shape {
	u64 efer, xcr0, pat, tsc_offset, tsc_ratio;
};

#define XO_GUARDED_BYTES 5 /* of the MSR bitmap; guard.c */

/* One vCPU's gate context. */
struct xo_gate_cpu {
	struct list_head pages;
	u64 *root;
	u64 *pdpt; /* copies of the VM's entries, and its own GiB */
	u64 *list; /* the EPTP list: gate text writes it */
	u64 *constants;
	u64 eptp;
	u64 home;     /* EPTP at the last entry; valid while armed */
	bool armed;   /* between an entry and its exit */
	bool enabled; /* and VMFUNC was off before */
	u32 why;      /* enum xo_reason: why it was not armed last time */

	/* kernel worlds; visitor.h */
	u64 *kroot, *kconst;
	u64 keptp;			  /* 0: no kernel-world gate */
	struct xo_record *record;	  /* to which it is bound; xo_record_lock, read without */
	struct xo_record *current_record; /* the same, at the last entry */
	struct xo_record *suspended;	  /* whose visitor it has; xo_record_lock, read without */
	bool suspends; /* it had one at the last exit, and has not decided since; its thread's */
	u64 verdict;   /* what its caller is to be told then, if it was evicted */
	u64 entries;   /* counted before each, where there is a kernel-world gate */
	bool busy;     /* from then on until all of the exit has been dealt with */
	bool quiet;    /* with interrupts on at the last exit */
	u64 quiets;    /* such exits */
	u32 bitmap;    /* exceptions that exited before it was armed */
	bool cr8;      /* so did MOV to CR8 */
	u8 msr[XO_GUARDED_BYTES];   /* and these MSRs */
	struct xo_vcpu_shape shape; /* as at XO_HC_BIND */
	bool double_fault;	    /* the last exit, at home, was #DF, which is to be delivered */
	u64 double_fault_rip;
	struct xo_kernel_state kernel;
};

/* One caller: a page table. */
struct xo_process {
	struct hlist_node hash; /* by CR3; written under xo_mutex, read under RCU */
	struct list_head pages;
	u64 cr3;
	u64 *pml4, *pdpt, *pd;		     /* of the gate context */
	u32 gpa[2];			     /* indices in the GiB of pdpt, pd */
	struct xo_conn *conn[XO_GATE_CONNS]; /* written under xo_mutex, read under RCU */
	u32 conns;
};

#define XO_PROCESS_BITS 6

/* What a VM needs to call. */
struct xo_gate_vm {
	struct list_head pages;
	u64 pdpte[512]; /* of all vCPUs; 0 where a vCPU's own is */
	struct ida gpa; /* pages in the GiB at XO_AWAY_GATE */
	u32 gpa_text;
	struct hlist_head process[1 << XO_PROCESS_BITS];
	struct xo_gate_cpu **cpu; /* KVM_MAX_VCPUS, by vcpu_idx */
	struct xo_memory save;
	struct xo_mapping save_mapping;
	u8 *save_va;
	DECLARE_BITMAP(save_used, XO_GATE_SLOTS_PER_VM);
	u32 save_next; /* where to look first */
	u32 conns;
	bool active; /* vCPUs are armed; read without a lock */
};

struct xo_gate_vm *xo_gate_vm_get(struct xo_vm *vm); /* makes it; NULL: no memory */
/* And its save pages, which only callers of services need. -ENOMEM. xo_mutex, sleeps. */
int xo_gate_save_get(struct xo_vm *vm);
/* Host pages that it takes. xo_mutex. */
u64 xo_gate_pages(const struct xo_vm *vm);
struct xo_process *xo_process_get(struct xo_vm *vm, u64 cr3);
void xo_process_put(struct xo_vm *vm, struct xo_process *process);    /* frees one without conns */
struct xo_process *xo_process_find(struct xo_gate_vm *gate, u64 cr3); /* under RCU or xo_mutex */
/* A page in the gate context: its gpa. -ENOMEM as ~0. */
u64 xo_gate_map(struct xo_vm *vm, const void *page, u64 rights, u32 *index);
void xo_gate_unmap(struct xo_vm *vm, u32 index);
extern u64 *xo_text_page, *xo_rt_gpr_page, *xo_rt_vector_page;
/* Of the runtime that the image's service contexts have. */
const struct xo_rt_labels *xo_labels_of(const struct xo_image *image);

/* ------------------------------------------------------------------ conn.c */

struct xo_ssa {
	u64 busy, valid, rip, rflags;
	u64 regs[16];
	u64 fs, gs;
};

struct xo_gate_saved { /* XO_SAVE_*, hostile */
	u64 unused, rsp, fs, gs, calls;
};

struct xo_gslot {
	struct hlist_node hash; /* by eptp */
	struct xo_conn *conn;
	struct list_head pages;
	u64 va; /* of its window */
	u64 eptp;
	u64 *constants;
	u64 *visit;
	struct xo_ssa *ssa;
	u8 *xsave;
	u64 *pml4;
	u32 gpa;  /* of the constants, index in the GiB of the gate context */
	u32 save; /* index of its page */
	struct xo_gate_saved *saved;
	u64 restart_call; /* save.calls at the last restart, and */
	u32 restarts;	  /* how many there were since */
};

struct xo_conn {
	struct xo_vm *caller;
	struct xo_process *process;
	struct xo_image *image;
	struct list_head pages;
	u64 *pt; /* of the gate context */
	u32 gpa_pt;
	u32 index;
	u32 slots;
	struct xo_gslot slot[XO_GATE_SLOTS];
	atomic64_t interrupts, restarts, finishes, faults;
	u64 fault;
};

struct xo_gslot *xo_gslot_by_eptp(u64 eptp); /* under RCU */

/* ------------------------------------------------------------------ qualify.c */

/* May this vCPU go away from this very entry on? VMCS loaded, interrupts off. */
enum xo_reason xo_vcpu_qualifies(const struct kvm_vcpu *vcpu);
/* Of that, what the VM's kernel chose when it started: control registers and XCR0. */
enum xo_reason xo_registers_qualify(const struct kvm_vcpu *vcpu);

#endif
