/* SPDX-License-Identifier: GPL-2.0 */
/* System calls by visits: park.c and visit_serve.c (callee), visit.c (caller); docs/visitors.md. */
#ifndef XO_VISIT_H
#define XO_VISIT_H

#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/types.h>

struct xo_session;
struct xo_stub;
struct xo_call;
struct xo_link;
struct completion;
struct xo_g_serve;
struct xo_g_visits;
struct task_struct;

/* ---- caller (visit.c) */

/* How a call that was tried by a visit stands. */
enum xo_visit_end {
	XO_VISIT_NOT,	 /* nothing happened: by exit */
	XO_VISIT_BUSY,	 /* nothing happened: the stub is not parked, its CPU is busy */
	XO_VISIT_DONE,	 /* the reply is in the slot */
	XO_VISIT_POSTED, /* under way in the callee, as if posted: wait for it */
	XO_VISIT_DOWN,	 /* callee or link are gone */
};

/* The request stands in the slot. */
enum xo_visit_end xo_visit_call(struct xo_session *s, struct xo_call *c, u32 slot,
				struct completion *done);
int xo_visit_init(void);
void xo_visit_exit(void);   /* nobody makes calls any more */
void xo_visit_forget(void); /* the host is gone, or another one; xo.host held */

/* ---- callee (park.c) */

/*
 * A call that is served, and whose end is still to be told. By the hypercall that parks its thread,
 * if that comes next: were it told before, its caller could make the next call before anybody is
 * parked, by exit then, and go on so for ever.
 */
struct xo_owed {
	u64 seq; /* 0: none */
	u32 slot;
};
void xo_park_pay(struct xo_stub *s, struct xo_owed *owed);

/* A thread of a stub that can be visited, or that finishes a call whose visitor was evicted. */
struct xo_parking {
	struct xo_stub *stub;
	struct task_struct *task;
	struct list_head member; /* of stub->parkings; xo.lock */
	struct preempt_notifier notifier;
	struct xo_owed *owed;
	int parked_on;	    /* CPU where it stands, or a call of its is evicted; -1: neither */
	unsigned long used; /* jiffies: the last visit */
	/* the visit */
	u64 seq;
	u32 slot; /* XO_SLOTS_PER_LINK: none of ours */
	int status;
	bool serving;	/* it is in the call, here or there */
	bool visiting;	/* as far as is known here */
	bool under_way; /* the call has begun, and not ended natively */
	bool cancelled; /* its caller gave up */
};

/* Waits for the next call of the stub's session as wait_next(), and lets it be visited meanwhile.
 * -EAGAIN: it cannot be visited: wait otherwise. */
int xo_park_wait(struct xo_stub *s, struct xo_g_serve *req, struct xo_owed *owed,
		 int (*take)(struct xo_stub *s, struct xo_g_serve *req));
void xo_park_end(struct xo_stub *s);	 /* its session ends; may sleep */
void xo_park_release(struct xo_stub *s); /* no thread of it is here any more */
/* xo.lock held: there is something for it. True: a thread that is or could be parked looks. */
bool xo_park_kick(struct xo_stub *s);
void xo_park_cancel(struct xo_stub *s, u32 slot, u64 seq); /* xo.lock held */
void xo_park_exit(void);

/* ---- callee (visit_serve.c) */

int xo_visits_allow(struct xo_stub *s, const struct xo_g_visits *req);

/* Serves the call in the slot, as the stub. 0: the reply is in the slot; else nothing has happened,
 * and the call is one for the stub's ring 3. */
int xo_visits_serve(struct xo_parking *p, u32 slot);

#endif
