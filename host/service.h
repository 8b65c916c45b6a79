/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The registry of the engine `vmfunc`: which services there are, on which pages, and who may call
 * them. What carries the calls is behind vmfunc.h; docs/vmfunc.md tells the story.
 *
 *   xo_service  what a process of a VM (the owner) offers: pages and an entry point
 *   xo_grant    the owner's word that a session of one of its callers may use a service; with a
 *               connection once the caller asked for one
 *
 * Services and grants come and go under xo_mutex. They end in any context, as incarnations do: then
 * they are marked and stopped under xo_service_lock, and a work item frees them.
 */
#ifndef XO_HOST_SERVICE_H
#define XO_HOST_SERVICE_H

#include "host.h"
#include "vmfunc.h"

/* Raw; inside vm->lock. Guards lists (with xo_mutex), `ended`, the state of pages, counters, and
 * which connections run. */
extern raw_spinlock_t xo_service_lock;

enum xo_pages_state {
	XO_PAGES_GONE = 0, /* nothing is mapped, nobody can have a translation */
	XO_PAGES_STALE,	   /* nothing is mapped, but not every processor has been flushed yet */
	XO_PAGES_THERE,
};

struct xo_page {
	u64 va;
	u64 gpa;  /* unused for a process of the host */
	u64 prot; /* XO_PAGE_* */
	unsigned long hva;
};

/* Where the pages of a service are found, and who tells when they move; pages.c. */
struct xo_pages {
	struct mmu_interval_notifier notifier;
	bool watched;
	struct mm_struct *mm; /* referenced; the VM's process, or the owner itself */
	struct kvm *kvm;      /* NULL: mm is the owner's own, hva = va */
	u64 generation;	      /* of the memory slots by which gpa became hva */
	u32 count;
	struct xo_page *page;
	unsigned long *sorted;	   /* the hvas, ascending; changed only while not watched */
	enum xo_pages_state state; /* xo_service_lock */
};

struct xo_service {
	struct list_head node;	 /* owner->services */
	struct list_head grants; /* by node */
	struct rcu_head rcu;
	struct xo_vm *owner;
	u64 id;
	s32 pid; /* as claimed */
	u32 flags;
	char name[XO_NAME_MAX];
	struct xo_image *image;
	struct xo_pages pages;
	bool ended; /* xo_service_lock; set once */
	struct {
		u64 calls, interrupts, restarts; /* of connections that ended */
		u64 faults, fault, revocations, revivals;
	} stat; /* xo_service_lock */
};

struct xo_grant {
	struct list_head node;	      /* service->grants */
	struct list_head caller_node; /* caller->grants */
	struct hlist_node hash;	      /* by conn; read under RCU */
	struct rcu_head rcu;
	struct xo_service *service;
	struct xo_link *link; /* it outlives its grants */
	struct xo_vm *caller;
	u64 session;
	u32 slot;   /* whose data area is the shared buffer */
	bool ended; /* xo_service_lock; set once */

	/* the connection, once there is one */
	struct xo_conn *conn; /* xo_mutex and xo_service_lock */
	u64 id;
	u64 cr3;
	u32 index;
	u32 slots;
	s32 pid; /* as claimed */
};

/* What a service is made of; hostile, but for owner, mm and kvm. */
struct xo_service_spec {
	struct xo_vm *owner;
	u64 incarnation; /* of the owner, when it asked */
	struct mm_struct *mm;
	struct kvm *kvm; /* NULL: pages are at their va in mm */
	const char *name;
	u32 flags;
	s32 pid;
	u64 entry;
	u32 count;
	const struct xo_request_page *page; /* of the low bits of gpa, and with kvm all of it */
};

/* service.c; under xo_mutex unless said otherwise. Results: 0, an enum xo_reason (positive), or a
 * negative errno that needs no sentence. */
int xo_service_add(const struct xo_service_spec *spec, u64 *id);
int xo_service_del(struct xo_vm *owner, u64 id);
struct xo_service *xo_service_by_id(struct xo_vm *owner, u64 id);
void xo_service_describe(struct xo_service *service, struct xo_service_info *info);
bool xo_service_next(u64 after, struct xo_h_service_info *info); /* false: there are no more */
int xo_grant_add(struct xo_vm *owner, u64 incarnation, const struct xo_request *request);
int xo_grant_del(struct xo_vm *owner, u64 link, u64 session);
void xo_services_reap(struct xo_vm *vm);
/* Takes both locks, interrupts off, if what that incarnation asked for may still appear. */
bool xo_publish_begin(struct xo_vm *vm, u64 incarnation);
void xo_publish_end(struct xo_vm *vm);
/* The news goes to the owner. Any context. */
void xo_service_tell(struct xo_service *service);

/* connect.c; likewise */
int xo_attach(struct xo_vm *caller, u64 incarnation, struct xo_request *request);
int xo_detach(struct xo_vm *caller, u64 id);
int xo_revive(struct xo_vm *caller, u64 id);
int xo_reset_slot(struct xo_vm *caller, u64 id, u32 slot);
void xo_process_del(struct xo_vm *caller, u64 cr3);
void xo_disconnect(struct xo_grant *grant);
/* Runs or stops it, as service, link and grant let it. xo_service_lock is held. */
void xo_grant_settle(struct xo_grant *grant);
struct xo_grant *xo_conn_by_id(struct xo_vm *caller, u64 id);
bool xo_conn_next(u64 after, struct xo_h_conn_info *info);

/* pages.c */
int xo_pages_init(struct xo_pages *pages, const struct xo_service_spec *spec);
int xo_pages_fill(struct xo_service *service);
void xo_pages_drop(struct xo_pages *pages);
/* Under kvm->srcu. Where the VM's process has that page; 0: no memory of the VM's own, or read-only
 * and to be written. */
unsigned long xo_guest_hva(struct kvm *kvm, u64 gpa, bool write);

#endif
