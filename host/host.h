/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of crossover.ko share: the objects and who may touch which field when.
 * Lock order and the reasons: docs/locking.md.
 *
 *   xo_mutex      sleeps; enrolment, links, teardown, lists
 *   vm->lock      raw; incarnation of a VM's kernel world, its worlds, its table of links
 *   link->lock    raw; slots of a link, which sides are up
 *   xo_service_lock raw; services and grants (service.h)
 *   vm->board_lock  raw; the board's links[]
 */
#ifndef XO_HOST_H
#define XO_HOST_H

#define pr_fmt(fmt) "crossover: " fmt

#include <linux/delay.h>
#include <linux/kvm_host.h>
#include <linux/list.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/ratelimit.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include "crossover/abi.h"
#include "reason.h"

/* How long guests get to let go of memory that is about to leave them. */
#define XO_GRACE_MS	 100
/* Memory slots of KVM that we take: the board's, then one for each entry of the link table. QEMU
 * counts from 0; KVM itself takes the last three below 32767. */
#define XO_MEMSLOT_BASE	 32000
/* Guest-physical distance from one of our memory slots to the next. */
#define XO_GPA_STRIDE	 0x800000ULL
#define XO_MEMSLOT_SAVE	 (XO_LINKS_PER_VM + 1) /* callers' save pages; the last of ours */
#define XO_MEMSLOT_KGATE (XO_LINKS_PER_VM + 2) /* the kernel-world gate's region */
#define XO_GPA_SPAN	 ((XO_LINKS_PER_VM + 3) * XO_GPA_STRIDE)

enum xo_side {
	XO_CALLER = 0,
	XO_CALLEE = 1,
};

/* Host memory that VMs can see; memory.c. */
struct xo_memory {
	struct file *file; /* shared memory, so that nobody's mapping needs code of ours */
	struct page **pages;
	unsigned int npages;
};

/* The place of an xo_memory in one VM; memory.c. */
struct xo_mapping {
	bool mapped;
	u32 memslot;
	u64 gpa;
	u64 size;
	unsigned long hva; /* in the VM's process */
	struct file *file; /* the memory's */
};

enum xo_slot_state {
	XO_SLOT_FREE = 0,
	XO_SLOT_POSTED,	   /* the callee has it, the caller waits */
	XO_SLOT_CANCELLED, /* as POSTED; the caller gave up and waits for the callee's word */
	XO_SLOT_ORPHAN, /* the caller is gone; taken until the callee lets go of the slot's data */
};

struct xo_slot {
	u64 seq;
	u8 state; /* enum xo_slot_state */
};

struct xo_link {
	struct list_head node; /* xo_mutex */
	struct rcu_head rcu;
	u64 id;
	u32 engine;
	/* XO_LINK_*; xo_mutex, read without. XO_LINK_IBPB changes only while there is no record. */
	u32 flags;
	u32 slots;
	struct xo_vm *vm[2];	      /* by xo_side; constant */
	u32 index[2];		      /* entry in each VM's table and board; constant */
	struct xo_memory window;      /* xo_mutex */
	struct xo_mapping mapping[2]; /* xo_mutex */

	raw_spinlock_t lock; /* guards the rest */
	bool up;	     /* calls are taken */
	bool side_up[2];     /* that VM's guest module said HELLO */
	struct xo_slot slot[XO_SLOTS_PER_LINK];
	struct {
		u64 calls, ok, errors, hostdown, cancelled, refused, exits, interrupts, busy;
		u64 kept_off[XO_REASONS_MAX]; /* visits, by enum xo_reason */
	} stat;
	u32 by_exit; /* enum xo_reason: why there are no visits now */
};

struct xo_world {
	u64 wid;  /* 0: entry unused */
	u32 kind; /* enum xo_world_kind */
	s32 pid;  /* as claimed */
};

/* What a VM's kernel asked for and has not been answered; request.c. */
struct xo_asked {
	struct work_struct work;
	struct ratelimit_state rate;
	bool busy; /* vm->lock; the others are set with it and stay while it is */
	u64 gpa;
	u64 incarnation;
};

struct xo_vm {
	refcount_t refs;	      /* the registry's, and that of a request under way */
	struct hlist_node hash;	      /* by kvm; written under xo_mutex, read under RCU */
	struct list_head node;	      /* xo_mutex; ascending wid */
	struct kvm *kvm;	      /* one reference; NULL: the host itself (self.h) */
	struct mmu_notifier notifier; /* on kvm->mm: tells when the process dies */
	char name[XO_NAME_MAX];
	u64 wid;
	s32 pid;
	u64 gpa_base;
	struct xo_memory board_memory;
	struct xo_mapping board_mapping;
	struct xo_board *board; /* mapped by both; the guest scribbles on it, so never read */

	bool leaving; /* no hypercall is taken any more; set once, read without a lock */
	bool dead;    /* the process is gone; set once, read without a lock */

	raw_spinlock_t lock; /* guards the following */
	bool up;	     /* HELLO was said; also read without the lock */
	u64 incarnation;
	u64 event; /* irq.c: where its interrupt goes, 0: nowhere; read without the lock */
	struct xo_link
		*link[XO_LINKS_PER_VM]; /* written under both locks, read under RCU or either */
	struct xo_world world[XO_WORLDS_PER_VM];
	u32 worlds;
	struct xo_asked request;

	struct list_head services; /* what it offers; service.h has the locks of both */
	struct list_head grants;   /* what it may use */

	raw_spinlock_t board_lock; /* guards the board's links[] and */
	u32 generation;

	struct xo_kgate *kgate; /* kernel worlds on `vmfunc`, and as callee its memory; visitor.h */
	struct xo_ram *ram;
	u64 ram_rests;	/* xo_mutex: it is not mapped anew before, on ktime_get_ns()'s clock */
	s64 tsc_offset; /* its vCPUs' clocks are to be that far at least, if tsc_wanted; visitor.h
			 */
	bool tsc_wanted;
	bool tsc_stuck; /* its processor model has no TSC_ADJUST: it cannot be moved */

	struct xo_gate_vm *gate; /* what it needs to call over `vmfunc`, or NULL; see away.h */
	u32 lacks; /* enum xo_reason: of the vCPU that last said HELLO or asked; without a lock */

	u64 __percpu *exits;
	atomic64_t hypercalls;
	atomic64_t refused;
	atomic64_t interrupts;
	struct ratelimit_state hello; /* how often its kernel may start anew */
	struct ratelimit_state log;   /* for what the guest can cause */
};

extern struct mutex xo_mutex;
extern struct list_head xo_vms;
extern struct list_head xo_links;
extern struct workqueue_struct *xo_wq;

/* vm.c: enrolment, incarnations, death */
enum xo_reason xo_vm_enrol(struct xo_h_enrol *arg);
enum xo_reason xo_vm_unenrol(const char *name);
struct xo_vm *xo_vm_by_name(const char *name);
struct xo_vm *xo_vm_new(const struct xo_h_enrol *arg); /* without kvm; NULL: no memory */
struct xo_vm *xo_vm_by_kvm(const struct kvm *kvm);
int xo_vm_hello(struct xo_vm *vm, u64 event);
void xo_vm_end(struct xo_vm *vm, const char *why);
void xo_vm_get(struct xo_vm *vm);
void xo_vm_put(struct xo_vm *vm); /* may sleep */
bool xo_name_valid(const char name[XO_NAME_MAX]);
int xo_vms_init(void);
void xo_vms_exit(void);

/* link.c: links between VMs. xo_mutex is held by the caller. */
enum xo_reason xo_link_add(struct xo_h_link *arg);
enum xo_reason xo_link_remove(const char *caller, const char *callee);
void xo_link_down(struct xo_link *link, const char *why);
void xo_link_free(struct xo_link *link);
/* link.c: a side comes or goes; vm->lock of that side is held */
void xo_link_side_up(struct xo_link *link, enum xo_side side);
u32 xo_link_side_down(struct xo_link *link, enum xo_side side);
enum xo_side xo_link_side(const struct xo_link *link, const struct xo_vm *vm);
struct xo_link *xo_link_find(struct xo_vm *vm, enum xo_side side, u64 id);

/* engine_exit.c: the calls of a link. link->lock is held. */
int xo_call_check(const struct xo_link *link, u32 slot);
void xo_call_post(struct xo_link *link, u32 slot, u64 seq);
int xo_return_check(const struct xo_link *link, u32 slot, u64 seq);
void xo_call_return(struct xo_link *link, u32 slot, int status);
int xo_cancel_check(const struct xo_link *link, u32 slot, u64 seq);
void xo_call_cancel(struct xo_link *link, u32 slot);
int xo_call_evicted(struct xo_link *link, u32 slot, u64 seq);
u32 xo_calls_fail(struct xo_link *link);
u32 xo_calls_orphan(struct xo_link *link);

/* board.c: what the host tells a guest */
int xo_board_init(struct xo_vm *vm);
void xo_board_clear_events(struct xo_vm *vm);
void xo_board_set_link(struct xo_link *link, enum xo_side side);
void xo_board_clear_link(struct xo_link *link, enum xo_side side);
void xo_board_event(struct xo_vm *vm, u64 event);
void xo_board_interrupt(struct xo_link *link, enum xo_side side);
void xo_board_posted(struct xo_link *link, u32 slot, u64 seq);
void xo_board_cancelled(struct xo_link *link, u32 slot, u64 seq);
void xo_board_done(struct xo_link *link, u32 slot, u64 seq, int status);

/* irq.c: the event interrupt. Any context but the scheduler's. */
int xo_event_decode(struct kvm *kvm, u64 wish, u64 *event);
bool xo_event_send(struct xo_vm *vm);

/* memory.c; may sleep */
int xo_memory_alloc(struct xo_memory *memory, const char *name, u64 size);
void xo_memory_free(struct xo_memory *memory);
int xo_memory_map(struct kvm *kvm, const struct xo_memory *memory, u32 memslot, u64 gpa,
		  struct xo_mapping *mapping);
void xo_memory_unmap(struct kvm *kvm, struct xo_mapping *mapping);
int xo_memory_find_gpa(struct kvm *kvm, u64 span, u64 *gpa);

/* world.c */
u64 xo_wid_new(void);
void xo_wid_init(void);
int xo_world_add(struct xo_vm *vm, u32 kind, s32 pid, u64 *wid);
int xo_world_del(struct xo_vm *vm, u64 wid);
void xo_worlds_clear(struct xo_vm *vm);
bool xo_world_next(u64 after, struct xo_h_world_info *info);

/* request.c */
void xo_request_init(struct xo_vm *vm);
int xo_request_take(struct xo_vm *vm, u64 gpa);

/* service.c, connect.c: what services and connections learn of VMs and links. The first two in any
 * context, the first under vm->lock; the others may sleep, under xo_mutex. */
void xo_services_vm_end(struct xo_vm *vm);
void xo_services_link_down(struct xo_link *link);
void xo_services_link_switched(struct xo_link *link);
void xo_services_link_free(struct xo_link *link);
void xo_services_vm_free(struct xo_vm *vm);
void xo_services_exit(void);
void xo_drain_exit(void);

/* self.c: the host as a callee. Of a link that is not to it, the two do nothing; xo_mutex is held.
 */
int xo_self_init(void);
void xo_self_exit(void);
bool xo_self_event(void); /* any context */
void xo_self_link_up(struct xo_link *link);
void xo_self_link_gone(struct xo_link *link);
struct xo_vm *xo_self_vm(void);

/* hooks.c: exits of enrolled VMs */
int xo_hooks_init(void);
void xo_hooks_exit(void);
void xo_hooks_enable(void);
void xo_hooks_disable(void);
/* The hook before VM entry: on while any VM has a gate. */
void xo_hooks_arm_enable(void);
void xo_hooks_arm_disable(void);

/* hypercall.c */
bool xo_hypercall(struct xo_vm *vm, struct kvm_vcpu *vcpu);

/* device.c, ioctl.c */
int xo_device_init(void);
void xo_device_exit(void);
long xo_ioctl(struct file *file, unsigned int cmd, unsigned long user);

/* Something that a guest caused and an administrator may want to know: rarely, and not as a
 * warning, since a guest could cause it at will. */
#define xo_note(vm, fmt, ...)                                                       \
	do {                                                                        \
		if (__ratelimit(&(vm)->log))                                        \
			pr_notice("VM '%s': " fmt "\n", (vm)->name, ##__VA_ARGS__); \
	} while (0)

#endif
