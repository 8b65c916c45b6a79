/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The host as a callee: the pseudo VM "host", whose processes offer services with the same ioctls
 * as those of a VM (abi.h, part 5: XO_G_SERVICE, SERVE, ADOPT, CANCELLED, SERVICE_INFO, mmap).
 *
 * To links, boards and the engine `exit` it is a VM like others, but that it has no struct kvm: its
 * board is read here, and its event interrupt is a work item. What a guest module does in a VM for
 * the callee's side, self.c (calls) and offer.c (masters and sessions) do here.
 *
 *   self.lock (spinlock, process context; inside xo_mutex, outside link->lock): links, slots,
 *   masters and sessions. session->map_lock: page faults on a session's slots against its end.
 */
#ifndef XO_HOST_SELF_H
#define XO_HOST_SELF_H

#include "service.h"
#include <linux/kref.h>
#include <linux/pid.h>
#include <linux/rwsem.h>
#include <linux/wait.h>

#define XO_NO_SLOT (~0U)

struct xo_session;

/* A service's descriptor; takes OPEN calls. */
struct xo_master {
	struct list_head node; /* self.masters */
	wait_queue_head_t wait;
	struct pid *owner; /* thread group */
	char name[XO_NAME_MAX];
	u64 service; /* its id */
	u32 reason;  /* enum xo_reason: why it is not served over vmfunc; 0 */
	u32 idle;
	bool news;
};

/* One session of it. */
struct xo_session {
	struct kref ref;       /* the file's, and of who looks without self.lock */
	struct list_head node; /* of self.sessions */
	wait_queue_head_t wait;
	struct rw_semaphore map_lock;
	struct inode *inode;  /* of the device node, to zap by */
	struct xo_link *link; /* NULL: it is gone */
	u32 index;	      /* of the link, and */
	u64 link_id;
	u64 incarnation; /* of the caller's kernel */
	u64 id;
	u64 world;
	u64 service;
	u64 bound, pending; /* bits: slots */
	u32 buffer;	    /* the slot of OPEN */
	u32 idle;
	bool opened;
	bool dead;
};

enum xo_self_state { SELF_IDLE, SELF_POSTED, SELF_SERVED };

struct xo_self_slot {
	u64 seq;
	u32 op;
	u8 state; /* enum xo_self_state */
	bool cancelled;
	struct xo_session *session; /* bound to it */
	struct xo_master *wanted;   /* of an OPEN; its own once it took it */
	struct pid *thread;	    /* who works on it */
};

extern struct xo_self {
	struct xo_vm *vm;
	spinlock_t lock;
	struct list_head masters, sessions;
	struct xo_link *link[XO_LINKS_PER_VM];
	struct xo_self_slot slot[XO_LINKS_PER_VM][XO_SLOTS_PER_LINK];
} xo_self;

/* self.c; self.lock is held */
void xo_self_refuse(u32 index, u32 slot, int status);
void xo_self_let_go(struct xo_self_slot *slot);
void xo_self_end_call(struct xo_link *link, u32 slot, u64 seq, int status);
int xo_self_index(u64 link_id); /* -1: none */
struct xo_msg *xo_self_msg(const struct xo_link *link, u32 slot);

/* offer.c */
struct xo_master *xo_master_find(const char *name);
void xo_session_get(struct xo_session *session);
void xo_session_put(struct xo_session *session); /* may sleep */
/* The caller's side of it is over: in its slots nothing is under way but the call in `keep`, and
 * nobody sees them any more. xo_mutex is not held; may sleep. */
void xo_session_end(struct xo_session *session, u32 keep);
/* Bounds what has ended; self.lock is held. */
void xo_session_unbind(struct xo_session *session, u32 keep);
void xo_session_zap(struct xo_session *session);
void xo_session_ungrant(struct xo_session *session);

struct xo_master *xo_master_make(struct xo_g_service *request, int *error);
void xo_master_release(struct xo_master *master);
struct xo_session *xo_session_adopt(struct file *file, struct xo_g_adopt *request, int *error);
void xo_session_release(struct xo_session *session);
int xo_session_mmap(struct xo_session *session, struct vm_area_struct *vma);

/* wait.c: XO_G_SERVE and its kin */
int xo_self_serve_master(struct xo_master *master, struct xo_g_serve *request);
int xo_self_serve_session(struct xo_session *session, struct xo_g_serve *request);
int xo_self_is_cancelled(const struct xo_g_adopt *request);

/* part.c: a descriptor of /dev/crossover and the part that it plays */
int xo_part_open(struct file *file);
void xo_part_release(struct file *file);
long xo_part_ioctl(struct file *file, unsigned int cmd, unsigned long user);
int xo_part_mmap(struct file *file, struct vm_area_struct *vma);

#endif
