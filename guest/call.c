// SPDX-License-Identifier: GPL-2.0
/* Caller: one call, from a free slot to the callee's answer. */
#include <linux/sched/signal.h>
#include "guest.h"
#include "hypercall.h"
#include "trace.h"
#include "visit.h"

#define XO_CANCEL_WAIT (2 * HZ) /* for the callee's answer after it was told to give up */

u64 xo_next_seq(void)
{
	static atomic64_t last;

	/* Never twice while the module is loaded, on whatever link: a late end cannot match. */
	return atomic64_inc_return(&last);
}

/* The request stands in the slot as a whole before the callee hears of it. */
int xo_call_write(struct xo_session *s, struct xo_call *c, u32 slot)
{
	struct xo_msg *msg = xo_slot_msg(s->link, slot);
	struct xo_msg request = { .op = c->op, .session = READ_ONCE(s->id) };
	int used = 0;

	if (c->fill)
		used = c->fill(c, xo_slot_data(s->link, slot));
	if (used < 0)
		return used;
	if (WARN_ON_ONCE(used > XO_SLOT_DATA))
		return -E2BIG;
	request.nr = c->nr;
	memcpy(request.args, c->args, sizeof(request.args));
	request.in_len = used;
	memcpy(msg, &request, sizeof(request));
	atomic64_add(used, &s->link->bytes);
	return 0;
}

static int post_failed(long ret)
{
	switch (ret) {
	case -EBUSY:
		return -EBUSY;
	case XO_HC_UNKNOWN:
		spin_lock_irq(&xo.lock);
		xo_gone();
		spin_unlock_irq(&xo.lock);
		fallthrough;
	default:
		return -EHOSTDOWN;
	}
}

int xo_call_post(struct xo_session *s, struct xo_call *c, u32 slot, struct completion *done)
{
	struct xo_link *l = s->link;
	struct xo_slot *sl = &l->slot[slot];
	u64 seq = xo_next_seq();
	long ret;

	spin_lock_irq(&xo.lock);
	if (s->dead || !l->up) {
		spin_unlock_irq(&xo.lock);
		return -EHOSTDOWN;
	}
	sl->seq = seq;
	sl->op = c->op;
	sl->done = done;
	sl->ticket = c->op == XO_OP_INVOKE ? seq : 0;
	sl->ended = false;
	spin_unlock_irq(&xo.lock);

	trace_xo_call(l->id, slot, seq, c->op, c->nr);
	atomic64_inc(&l->calls);
	xo_ring_note(l, slot, seq);
	if (xo_ring_call(s, c, slot, seq))
		return 0;
	ret = xo_hc_call(l->id, slot, seq);
	if (!ret)
		return 0;
	spin_lock_irq(&xo.lock);
	sl->seq = 0;
	sl->done = NULL;
	spin_unlock_irq(&xo.lock);
	return post_failed(ret);
}

/* 0: ended, the slot's status counts. -EINTR: abandoned, the slot is no longer the caller's. */
static int wait_for_end(struct xo_session *s, struct xo_call *c, u32 slot, struct completion *done)
{
	struct xo_slot *sl = &s->link->slot[slot];
	int ret = 0;

	if (!wait_for_completion_interruptible(done))
		return 0;
	c->interrupted = true;
	/* -ESTALE: it has just ended, and its completion is on the way. */
	xo_hc_cancel(s->link->id, slot, sl->seq);
	if (!fatal_signal_pending(current) &&
	    wait_for_completion_killable_timeout(done, XO_CANCEL_WAIT) > 0)
		return 0;
	spin_lock_irq(&xo.lock);
	if (sl->done) {
		sl->done = NULL;
		sl->state = XO_SLOT_ABANDONED;
		ret = -EINTR;
		wake_up_all(&s->wait);
	}
	spin_unlock_irq(&xo.lock);
	return ret;
}

static int read_reply(struct xo_session *s, struct xo_call *c, u32 slot)
{
	const struct xo_msg *msg = xo_slot_msg(s->link, slot);

	c->result = READ_ONCE(msg->result);
	c->out_len = READ_ONCE(msg->out_len);
	c->file_mode = READ_ONCE(msg->file_mode);
	if (c->out_len > XO_SLOT_DATA) {
		pr_notice_ratelimited(
			"VM '%s' answered with %u bytes in a slot of %u: call failed\n",
			s->link->peer, c->out_len, XO_SLOT_DATA);
		return -EPROTO;
	}
	atomic64_add(c->out_len, &s->link->bytes);
	return c->drain ? c->drain(c, xo_slot_data(s->link, slot)) : 0;
}

/* The request stands in the slot. By a visit if it can be, else by exit. */
static int start(struct xo_session *s, struct xo_call *c, u32 slot, struct completion *done,
		 bool *done_already)
{
	switch (xo_visit_call(s, c, slot, done)) {
	case XO_VISIT_DONE:
		*done_already = true;
		return 0;
	case XO_VISIT_POSTED:
		atomic64_inc(&s->link->calls);
		return 0;
	case XO_VISIT_DOWN:
		return -EHOSTDOWN;
	case XO_VISIT_BUSY:
		if (c->nowait)
			return -EBUSY;
		fallthrough;
	default:
		return xo_call_post(s, c, slot, done);
	}
}

int xo_session_call(struct xo_session *s, struct xo_call *c)
{
	DECLARE_COMPLETION_ONSTACK(done);
	bool done_already = false;
	u32 slot;
	int ret;

	c->interrupted = false;
	ret = xo_slot_get(s, &slot, c->nowait ? 0 : MAX_SCHEDULE_TIMEOUT);
	if (ret) {
		c->interrupted = ret == -EINTR;
		return ret == -ETIMEDOUT ? -EBUSY : ret;
	}
	c->slot = slot;
	ret = xo_call_write(s, c, slot);
	if (!ret)
		ret = start(s, c, slot, &done, &done_already);
	if (!ret) {
		ret = done_already ? 0 : wait_for_end(s, c, slot, &done);
		if (ret) {
			atomic64_inc(&s->link->errors);
			return ret;
		}
		ret = done_already ? 0 : READ_ONCE(s->link->slot[slot].status);
		if (!ret) {
			s->link->slot[slot].bound = true;
			ret = read_reply(s, c, slot);
		}
	}
	xo_slot_put(s, slot);
	if (ret)
		atomic64_inc(&s->link->errors);
	return ret;
}

/* An OPEN that nobody waited for: if the callee took it, there is a session to close. */
static void abandoned_open(struct xo_session *s, u32 slot, s32 status)
{
	s64 id = READ_ONCE(xo_slot_msg(s->link, slot)->result);

	if (!status && id > 0)
		s->id = id;
}

void xo_call_done(struct xo_link *l, u32 slot, u64 seq, s32 status)
{
	struct xo_slot *sl = &l->slot[slot];
	struct xo_session *s = sl->session;

	lockdep_assert_held(&xo.lock);
	if (sl->seq != seq || sl->state == XO_SLOT_IDLE || !s)
		return;
	if (status > 0 || status < -MAX_ERRNO)
		status = -EPROTO;
	trace_xo_done(l->id, slot, seq, status);
	sl->seq = 0;
	if (sl->state == XO_SLOT_BUSY) {
		sl->status = status;
		sl->ended = true;
		if (sl->done)
			complete(sl->done);
		sl->done = NULL;
		return;
	}
	sl->state = XO_SLOT_IDLE;
	if (sl->op == XO_OP_OPEN)
		abandoned_open(s, slot, status);
	if (sl->op == XO_OP_CLOSE)
		s->closed = true;
	wake_up(&s->wait);
	xo_session_settle(s);
}
