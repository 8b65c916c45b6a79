/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * A connection, the caller's side. conn.c makes it and attaches it to its link's engine, call.c
 * makes calls. All of what calls need is async-signal-safe: no lock, no memory, errno is kept.
 */
#ifndef XO_LIB_CONN_H
#define XO_LIB_CONN_H

#include <stdbool.h>
#include "internal.h"

/* What the library's own entries answer: no gate's status, so that xo_call_slow() is asked. */
#define XO_CALL_SLOWLY 0x100

enum xo_mapping { XO_UNMAPPED, XO_MAPPING, XO_MAPPED };

/* A call under way over `exit`. One store claims it and says whose it is: a signal handler that
 * leaves by longjmp() may come at any instant. */
struct xo_exit_slot {
	uintptr_t owner;	/* atomic: thread, that is its FS base; 0: free */
	struct xo_g_invoke req; /* the kernel writes the ticket before any handler runs */
};

struct xo_conn {
	xo_entry entry; /* first: xo_call() of crossover.h loads it */
	int fd;
	unsigned int slots; /* wished; of `exit`, and of `vmfunc` until attached */
	uint64_t timeout_ns;
	void *buffer;
	/* atomic */
	uint64_t base; /* of the region, once mapped */
	unsigned int gate_slots;
	unsigned int mapping; /* enum xo_mapping */
	unsigned int reason;
	uint64_t fault; /* word of the last, 0: none */
	uint64_t faults, exit_calls, interrupted, retried;
	struct xo_exit_slot exit[XO_GATE_SLOTS];
	struct xo_conn *next;
};

struct xo_answer xo_entry_exit(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			       uint64_t a5, struct xo_conn *conn);
struct xo_answer xo_entry_stale(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				uint64_t a5, struct xo_conn *conn);

/* Asks which engine to use, and makes it so: enum xo_engine, or -EHOSTDOWN and the like. `inside`:
 * a call is, and wants to go on. */
int xo_conn_attach(struct xo_conn *conn, bool inside);

static inline bool xo_conn_is_stale(const struct xo_conn *conn)
{
	return __atomic_load_n(&conn->entry, __ATOMIC_RELAXED) == xo_entry_stale;
}

static inline void xo_count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static inline uintptr_t xo_this_thread(void)
{
	return (uintptr_t)__builtin_thread_pointer();
}

#endif
