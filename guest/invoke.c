// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: calls of a service over `exit`. A signal does not end one: the ioctl comes back with a
 * ticket, so that the handler runs, and waits on when it is said again.
 */
#include <linux/jiffies.h>
#include <crossover/gate.h>
#include "guest.h"
#include "hypercall.h"

static long timeout_of(const struct xo_g_invoke *req)
{
	if (!req->timeout_ns)
		return MAX_SCHEDULE_TIMEOUT;
	/* Never before its time: the jiffy that runs already does not count. */
	return min_t(u64, nsecs_to_jiffies64(req->timeout_ns) + 1, MAX_JIFFY_OFFSET);
}

/* xo.lock held. The slot of that call; it is nobody's that waits. */
static struct xo_slot *find_ticket(struct xo_session *s, u64 ticket, u32 *slot)
{
	struct xo_link *l = s->link;
	u32 i;

	for (i = 0; i < l->slots && ticket; i++)
		if ((s->own & BIT_ULL(i)) && l->slot[i].state == XO_SLOT_BUSY &&
		    l->slot[i].ticket == ticket && !l->slot[i].done) {
			*slot = i;
			return &l->slot[i];
		}
	return NULL;
}

/* xo.lock held. Nobody waits for the call any more. */
static void give_up(struct xo_session *s, struct xo_slot *sl, u32 slot)
{
	sl->done = NULL;
	sl->ticket = 0;
	if (sl->ended) {
		sl->state = XO_SLOT_IDLE;
	} else {
		sl->state = XO_SLOT_ABANDONED;
		/* -ESTALE: it has just ended, which the board will tell. */
		xo_hc_cancel(s->link->id, slot, sl->seq);
		atomic64_inc(&s->link->errors);
	}
	wake_up(&s->wait);
}

void xo_conn_drop_calls(struct xo_session *s)
{
	struct xo_link *l = s->link;
	u32 i;

	lockdep_assert_held(&xo.lock);
	for (i = 0; i < l->slots; i++)
		if ((s->own & BIT_ULL(i)) && l->slot[i].state == XO_SLOT_BUSY && l->slot[i].ticket)
			give_up(s, &l->slot[i], i);
}

static int abandon(struct xo_session *s, const struct xo_g_invoke *req)
{
	struct xo_slot *sl;
	u32 slot;

	spin_lock_irq(&xo.lock);
	sl = find_ticket(s, req->ticket, &slot);
	if (sl)
		give_up(s, sl, slot);
	spin_unlock_irq(&xo.lock);
	return sl ? 0 : -ESTALE;
}

/* The reply is in the slot, which is given back. */
static int finish(struct xo_session *s, struct xo_g_invoke *req, u32 slot)
{
	const struct xo_msg *msg = xo_slot_msg(s->link, slot);
	int ret = READ_ONCE(s->link->slot[slot].status);

	if (!ret) {
		req->value = READ_ONCE(msg->result);
		req->status = READ_ONCE(msg->file_mode);
		if (req->status != XO_GATE_OK && req->status != XO_GATE_FAULT)
			ret = -EPROTO;
	}
	xo_slot_put(s, slot);
	if (ret)
		atomic64_inc(&s->link->errors);
	return ret;
}

/* Waits for the call in `slot`, whose completion is `done`. */
static int wait(struct xo_session *s, struct xo_g_invoke *req, u32 slot, struct completion *done,
		long timeout)
{
	struct xo_slot *sl = &s->link->slot[slot];
	long left = wait_for_completion_interruptible_timeout(done, timeout);

	if (left > 0)
		return finish(s, req, slot);
	spin_lock_irq(&xo.lock);
	if (!sl->done) { /* it ended after all */
		spin_unlock_irq(&xo.lock);
		return finish(s, req, slot);
	}
	if (!left) {
		give_up(s, sl, slot);
	} else {
		sl->done = NULL;
		req->ticket = sl->ticket;
		req->status = XO_GATE_INTR;
	}
	spin_unlock_irq(&xo.lock);
	return left ? 0 : -ETIMEDOUT;
}

static int resume(struct xo_session *s, struct xo_g_invoke *req)
{
	DECLARE_COMPLETION_ONSTACK(done);
	struct xo_slot *sl;
	bool ended = false;
	u32 slot;

	spin_lock_irq(&xo.lock);
	sl = find_ticket(s, req->ticket, &slot);
	if (sl) {
		ended = sl->ended;
		sl->done = ended ? NULL : &done;
		if (ended)
			sl->ticket = 0; /* ours alone to finish */
	}
	spin_unlock_irq(&xo.lock);
	if (!sl)
		return -ESTALE;
	return ended ? finish(s, req, slot) : wait(s, req, slot, &done, timeout_of(req));
}

static int call(struct xo_session *s, struct xo_g_invoke *req)
{
	DECLARE_COMPLETION_ONSTACK(done);
	unsigned long start = jiffies;
	struct xo_call c = { .op = XO_OP_INVOKE };
	long timeout = timeout_of(req);
	u32 slot;
	int ret;

	ret = xo_slot_get(s, &slot, timeout);
	if (ret)
		return ret;
	memcpy(c.args, req->args, sizeof(c.args));
	ret = xo_call_write(s, &c, slot);
	if (!ret)
		ret = xo_call_post(s, &c, slot, &done);
	if (ret) {
		xo_slot_put(s, slot);
		atomic64_inc(&s->link->errors);
		return ret;
	}
	if (timeout != MAX_SCHEDULE_TIMEOUT)
		timeout = max_t(long, timeout - (long)(jiffies - start), 1);
	return wait(s, req, slot, &done, timeout);
}

long xo_conn_invoke(struct xo_session *s, struct xo_g_invoke *req)
{
	int ret;

	if (!s->conn)
		return -ENOTCONN;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	switch (req->op) {
	case XO_INVOKE_CALL:
		ret = call(s, req);
		break;
	case XO_INVOKE_RESUME:
		ret = resume(s, req);
		break;
	case XO_INVOKE_ABANDON:
		ret = abandon(s, req);
		break;
	default:
		return -EINVAL;
	}
	req->engine = xo_conn_engine(s);
	return ret;
}
