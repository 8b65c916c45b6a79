/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the files of a service share.
 *
 *   service.c   the service, its acceptor thread	  serve.c   a session and its threads
 *   guard.c     the service's code, guarded		  regions.c what pages an object has
 */
#ifndef XO_LIB_SERVICE_H
#define XO_LIB_SERVICE_H

#include <pthread.h>
#include <stdbool.h>
#include "internal.h"

#define XO_SESSION_THREADS (XO_GATE_SLOTS + 1) /* of one session: its slots, and one for CLOSE */

struct xo_service {
	int fd; /* the master; -1 in a child after fork() */
	char name[XO_NAME_MAX];
	xo_service_entry entry;
	char **allow;
	int (*accept)(const struct xo_caller *caller, void *arg);
	void (*fault)(const struct xo_fault *fault, const char *caller, void *arg);
	void *arg;
	unsigned int reason;
	pthread_t acceptor;
	bool stop;		/* atomic */
	uint64_t calls, faults; /* atomic */
	uint64_t told_faults;	/* the acceptor's: what XO_G_SERVICE_INFO said last */
	/* under lock */
	pthread_mutex_t lock;
	pthread_cond_t gone; /* a thread of a session ended */
	struct xo_service_session *sessions;
	struct xo_service_thread *threads;
	struct xo_service *next; /* list of all; see service.c */
};

struct xo_service_session {
	struct xo_service *service;
	struct xo_service_session *next;
	int fd;
	unsigned int threads; /* under the service's lock; the last to go frees it */
	struct xo_visit visit;
	void *slot[XO_SLOTS_PER_LINK]; /* mappings, under the service's lock; NULL: not yet */
};

struct xo_service_thread {
	struct xo_service_thread *next;
	struct xo_service_session *session;
	pthread_t thread;
	struct xo_g_serve request; /* what it begins with */
};

/* spec.c: 0, or -EINVAL or the like with a sentence of its own for each cause. */
int xo_spec_check(struct xo *x, const struct xo_service_spec *spec);
/* Does one of them have the entry point, to execute? */
bool xo_spec_has_entry(const struct xo_region *list, size_t count, xo_service_entry entry);
/* The sentence for what XO_G_SERVICE, or making ready for it, failed with; returns `err`. */
int xo_cannot_create(struct xo *x, int err, const char *name);

/* serve.c: takes over the session, whose OPEN is still to be answered; 0 or -errno. */
int xo_service_begin(struct xo_service_session *s, const struct xo_g_serve *open);
void xo_service_session_free(struct xo_service_session *s);
struct xo_msg *xo_service_slot(struct xo_service_session *s, uint32_t slot);

/* guard.c */
int xo_guard_init(void);	 /* once for the process */
int xo_guard_thread(bool *stop); /* of this thread; 0 or -errno */
void xo_guard_thread_end(void);
void xo_guard_interrupt(
	pthread_t t); /* a system call of it ends with EINTR, a service's code at all */

/* One call of a service's code. */
struct xo_guarded {
	xo_service_entry entry;
	const uint64_t *args;
	const struct xo_visit *visit;
	int fd;			/* to ask whether the call has been given up: */
	struct xo_g_adopt call; /* this one */
};

/* True: *value is the result. False: it ended badly; or was stopped, for nobody waits (kind 0). */
bool xo_guard_call(const struct xo_guarded *job, uint64_t *value, struct xo_fault *fault);

/* regions.c: of the object with `entry` in it, or of all. *out is to be freed. -errno. */
int xo_regions_of(const void *entry, bool all, struct xo_region **out, size_t *count);

#endif
