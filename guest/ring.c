// SPDX-License-Identifier: GPL-2.0
/*
 * The engine `ring`: a call that needs no host, as long as somebody polls for it. docs/ring.md has
 * the why and a picture.
 *
 * Its caller notes the call's number in the ring's entry of the slot and looks for it to come back
 * there, for a bounded time. Whatever is wrong by then (nobody polls, the call blocks, the engine
 * or a side changed, a signal came), the host is told of that same call, as on `exit`, and the
 * caller sleeps until the host tells of its end. So each way of a call to end is the one of `exit`;
 * the callee only has to know by its number a call that reaches it on both ways.
 *
 * No PAUSE in either loop: KVM takes a row of them for a wait for a lock, and exits.
 */
#include <linux/bitops.h>
#include <linux/cpumask.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/signal.h>
#include "guest.h"

#define SPIN_NS	   1000000 /* a caller looks for so long; a sleep and a wake-up cost a tenth of it */
#define LOOKS	   32	   /* before either side looks at anything but the ring */
#define MISSES_MAX 6	   /* 2^6 calls go by exit before one is tried again */

static atomic_t pollers;

static struct xo_ring *ring_of(const struct xo_link *l, u32 slot)
{
	struct xo_ring *ring = l->window + (size_t)l->slots * XO_SLOT_SIZE;

	return &ring[slot];
}

static bool carries(u32 op)
{
	return op == XO_OP_SYSCALL || op == XO_OP_PING;
}

/* ------------------------------------------------------------------ caller */

void xo_ring_note(const struct xo_link *l, u32 slot, u64 seq)
{
	struct xo_ring *r = ring_of(l, slot);

	WRITE_ONCE(r->done, 0);
	/* ORDER: the request and `done` before the number; pairs with take_posted(). */
	smp_store_release(&r->call, seq);
}

bool xo_ring_free(const struct xo_link *l, u32 slot)
{
	struct xo_ring *r = ring_of(l, slot);

	WRITE_ONCE(r->call, 0);
	/* ORDER: either the callee sees that the call is gone, or we that it works on it. */
	smp_mb();
	return !READ_ONCE(r->busy);
}

/* A session that nobody polled for goes by exit for a while, the longer the oftener. */
static bool worth_trying(struct xo_session *s)
{
	u32 skip = READ_ONCE(s->ring_skip);

	if (skip)
		WRITE_ONCE(s->ring_skip, skip - 1);
	return !skip;
}

static void missed(struct xo_session *s)
{
	u32 misses = min_t(u32, READ_ONCE(s->ring_misses) + 1, MISSES_MAX);

	WRITE_ONCE(s->ring_misses, misses);
	WRITE_ONCE(s->ring_skip, (1U << misses) - 1);
}

/* Is there still reason to believe that the answer comes this way? */
static bool hopeful(const struct xo_session *s, const struct xo_slot *sl)
{
	return !READ_ONCE(s->dead) && READ_ONCE(s->link->up) && !READ_ONCE(sl->ended) &&
	       READ_ONCE(s->link->engine) == XO_ENGINE_RING && !signal_pending(current);
}

static bool answered(struct xo_session *s, u32 slot, u64 seq)
{
	const struct xo_ring *r = ring_of(s->link, slot);
	u64 start = local_clock();
	unsigned int i;

	while (hopeful(s, &s->link->slot[slot])) {
		for (i = 0; i < LOOKS; i++)
			/* ORDER: the reply and `status` after it; pairs with xo_ring_end(). */
			if (smp_load_acquire(&r->done) == seq)
				return true;
		if (local_clock() - start > SPIN_NS) {
			missed(s);
			return false;
		}
		cond_resched();
	}
	return false;
}

bool xo_ring_call(struct xo_session *s, const struct xo_call *c, u32 slot, u64 seq)
{
	struct xo_link *l = s->link;

	if (READ_ONCE(l->engine) != XO_ENGINE_RING || !carries(c->op) || !l->slot[slot].bound ||
	    !worth_trying(s) || !answered(s, slot, seq))
		return false;
	WRITE_ONCE(s->ring_misses, 0);
	atomic64_inc(&l->ring);
	spin_lock_irq(&xo.lock);
	xo_call_done(l, slot, seq, READ_ONCE(ring_of(l, slot)->status));
	spin_unlock_irq(&xo.lock);
	return true;
}

/* ------------------------------------------------------------------ callee */

/* A call of this very session, of the caller's kernel that the links are read for: as the board's
 * calls wait for that, so do the ring's (board.c). The others come by the host, who says so first.
 */
static bool is_current(void)
{
	return xo.board && xo.links_told == xo.links_read &&
	       !(READ_ONCE(xo.board->events) & XO_EVENT_LINKS);
}

/* A look without the lock: is it worth taking? Nothing is believed. */
static bool looks_posted(const struct xo_link *l, u32 slot)
{
	const struct xo_slot *sl = &l->slot[slot];
	u64 call = READ_ONCE(ring_of(l, slot)->call);

	return call && call != READ_ONCE(sl->seq) && READ_ONCE(sl->state) == XO_SLOT_IDLE &&
	       carries(READ_ONCE(xo_slot_msg(l, slot)->op));
}

/* xo.lock held. */
static bool take_posted(struct xo_stub *s, u32 slot)
{
	struct xo_link *l = s->link;
	struct xo_slot *sl = &l->slot[slot];
	struct xo_ring *r = ring_of(l, slot);
	/* ORDER: the request after it; pairs with xo_ring_note(). */
	u64 call = smp_load_acquire(&r->call);
	u32 op = READ_ONCE(xo_slot_msg(l, slot)->op);

	if (!call || call == sl->seq || sl->state != XO_SLOT_IDLE || sl->stub != s || s->dead ||
	    !s->opened || slot == s->buffer || !carries(op) ||
	    READ_ONCE(xo_slot_msg(l, slot)->session) != s->id || !is_current())
		return false;
	WRITE_ONCE(r->busy, 1);
	/* ORDER: see xo_ring_free(). */
	smp_mb();
	if (READ_ONCE(r->call) != call) {
		WRITE_ONCE(r->busy, 0);
		return false;
	}
	sl->seq = call;
	sl->op = op;
	sl->ended = false;
	sl->ring = true;
	sl->told = false;
	sl->state = XO_SLOT_POSTED;
	s->pending |= BIT_ULL(slot);
	atomic64_inc(&l->calls);
	return true;
}

static bool look(struct xo_stub *s)
{
	u64 bound = READ_ONCE(s->bound);
	bool taken = false;
	u32 slot;

	for (; bound && !taken; bound &= bound - 1) {
		slot = __ffs64(bound);
		if (!looks_posted(s->link, slot))
			continue;
		spin_lock_irq(&xo.lock);
		taken = take_posted(s, slot);
		spin_unlock_irq(&xo.lock);
	}
	return taken;
}

/* One thread of a session; and of the VM's CPUs one is left for other work, if it has two. */
static bool begin(struct xo_stub *s)
{
	int most = max_t(int, num_online_cpus() - 1, 1);

	if (READ_ONCE(s->link->engine) != XO_ENGINE_RING || s->buffer != XO_NO_SLOT ||
	    test_and_set_bit_lock(0, &s->polled))
		return false;
	if (atomic_inc_return(&pollers) <= most)
		return true;
	atomic_dec(&pollers);
	clear_bit_unlock(0, &s->polled);
	return false;
}

static void end(struct xo_stub *s)
{
	atomic_dec(&pollers);
	clear_bit_unlock(0, &s->polled);
}

static bool goes_on(const struct xo_stub *s, unsigned long start, long timeout)
{
	return READ_ONCE(s->link->engine) == XO_ENGINE_RING && !signal_pending(current) &&
	       (timeout == MAX_SCHEDULE_TIMEOUT || (long)(jiffies - start) < timeout);
}

bool xo_ring_poll(struct xo_stub *s, unsigned long start, long timeout)
{
	bool found = false;
	unsigned int i;

	if (!begin(s))
		return false;
	while (!found && goes_on(s, start, timeout)) {
		for (i = 0; i < LOOKS && !found; i++)
			found = READ_ONCE(s->pending) || READ_ONCE(s->dead) || look(s);
		/* RCU of all kinds must see that nobody is stuck here. */
		if (!found)
			cond_resched_tasks_rcu_qs();
	}
	end(s);
	return found;
}

bool xo_ring_end(struct xo_link *l, u32 slot, s32 status)
{
	struct xo_slot *sl = &l->slot[slot];
	struct xo_ring *r = ring_of(l, slot);
	bool ends = sl->ring && !sl->told;

	lockdep_assert_held(&xo.lock);
	if (!sl->ring)
		return false;
	sl->ring = false;
	if (ends) {
		sl->ended = true;
		sl->status = status;
		atomic64_inc(&l->ring);
		if (status)
			atomic64_inc(&l->errors);
	}
	/* ORDER: the reply and `status` before the number; pairs with answered(). */
	WRITE_ONCE(r->status, status);
	if (ends)
		smp_store_release(&r->done, sl->seq);
	smp_store_release(&r->busy, 0);
	return ends;
}

void xo_ring_forget(struct xo_link *l, u32 slot)
{
	struct xo_slot *sl = &l->slot[slot];

	lockdep_assert_held(&xo.lock);
	if (sl->ring)
		smp_store_release(&ring_of(l, slot)->busy, 0);
	sl->ring = false;
}

void xo_ring_reset(struct xo_link *l)
{
	u32 slot;

	for (slot = 0; slot < l->slots; slot++)
		WRITE_ONCE(ring_of(l, slot)->busy, 0);
}
