/* SPDX-License-Identifier: GPL-2.0 */
/* System calls by visits: park.c (callee), visit.c (caller); docs/visitors.md. */
#ifndef XO_VISIT_H
#define XO_VISIT_H

#include <linux/types.h>

struct xo_session;
struct xo_stub;
struct xo_call;
struct xo_link;
struct completion;
struct xo_g_serve;

/* ---- caller (visit.c) */

/* How a call that was tried by a visit stands. */
enum xo_visit_end {
	XO_VISIT_NOT,	 /* nothing happened: by exit */
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

/* Waits for the next call of the stub's session as wait_next(), and lets it be visited meanwhile.
 * -EAGAIN: it cannot be visited: wait otherwise. */
int xo_park_wait(struct xo_stub *s, struct xo_g_serve *req,
		 int (*take)(struct xo_stub *s, struct xo_g_serve *req));
void xo_park_end(struct xo_stub *s);	 /* its session ends; may sleep */
void xo_park_release(struct xo_stub *s); /* none of its threads is in the module any more */
void xo_park_kick(struct xo_stub *s);	 /* xo.lock held: there is a call for it */
bool xo_park_cancel(struct xo_link *l, struct xo_stub *s, u32 slot); /* xo.lock held */
int xo_park_allow(struct xo_stub *s, const u64 *bitmap, u32 words);
void xo_park_exit(void);

#endif
