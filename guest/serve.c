// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: a posted call goes to a master (OPEN) or to its session's stub, is taken by a thread that
 * waits in XO_G_SERVE, and ended by that thread's next XO_G_SERVE. What cannot be served is refused
 * right in the interrupt.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include "guest.h"
#include "hypercall.h"
#include "trace.h"
#include "visit.h"

#define XO_HELLO_AGAIN HZ

void xo_slot_reset(struct xo_slot *slot)
{
	lockdep_assert_held(&xo.lock);
	put_pid(slot->thread);
	memset(slot, 0, sizeof(*slot));
}

/* The slot must not be touched after it: the caller may use it again at once. */
static void end_call(struct xo_link *l, u32 slot, u64 seq, s32 status)
{
	if (status)
		atomic64_inc(&l->errors);
	if (l->up)
		xo_hc_return(l->id, slot, seq, status);
}

static void let_go(struct xo_slot *sl)
{
	put_pid(sl->thread);
	sl->thread = NULL;
	sl->master = NULL;
	sl->wanted = NULL;
	sl->cancelled = false;
	sl->state = XO_SLOT_IDLE;
}

void xo_slot_refuse(struct xo_link *l, u32 slot, u64 seq, s32 status)
{
	struct xo_slot *sl = &l->slot[slot];

	lockdep_assert_held(&xo.lock);
	let_go(sl);
	trace_xo_refuse(l->id, slot, seq, status);
	if (!xo_ring_end(l, slot, status))
		end_call(l, slot, seq, status);
}

/* ------------------------------------------------------------------ posted (interrupt) */

/* The master that an OPEN is for. */
static struct xo_master *find_master(struct xo_link *l, u32 slot)
{
	const struct xo_open *open = xo_slot_data(l, slot);
	char name[XO_NAME_MAX] = "";

	if (READ_ONCE(xo_slot_msg(l, slot)->in_len) >= sizeof(*open))
		memcpy(name, open->service, sizeof(name));
	return strnlen(name, sizeof(name)) < sizeof(name) ? xo_master_find(name) : NULL;
}

static int post_open(struct xo_link *l, u32 slot, u64 session)
{
	struct xo_slot *sl = &l->slot[slot];
	struct xo_master *m;

	if (session || sl->stub)
		return -EPROTO;
	m = find_master(l, slot);
	if (!m)
		return -ECONNREFUSED;
	sl->wanted = m->name[0] ? m : NULL;
	sl->state = XO_SLOT_POSTED;
	l->opens |= BIT_ULL(slot);
	wake_up(sl->wanted ? &m->wait : &xo.open_wait);
	return 0;
}

static struct xo_stub *find_stub(struct xo_link *l, u32 slot, u64 session)
{
	struct xo_stub *s = l->slot[slot].stub;

	if (s && s->id == session)
		return s;
	list_for_each_entry(s, &l->members, member)
		if (s->id == session)
			return s;
	return NULL;
}

static int post_to_stub(struct xo_link *l, u32 slot, u64 session)
{
	struct xo_slot *sl = &l->slot[slot];
	struct xo_stub *s = find_stub(l, slot, session);

	if (!s || s->dead || !s->opened)
		return -EHOSTDOWN;
	/* Of a stub whose process is dead, and that has yet to let go; or the caller's mistake. */
	if (sl->stub && sl->stub != s)
		return sl->stub->dead ? -EHOSTDOWN : -EPROTO;
	if (slot == s->buffer && sl->op != XO_OP_CLOSE)
		return -EPROTO;
	sl->stub = s;
	s->bound |= BIT_ULL(slot);
	sl->state = XO_SLOT_POSTED;
	s->pending |= BIT_ULL(slot);
	/* Rather who parks again at once behind it: another's end would be told to a caller whose
	 * next call finds nobody parked. */
	if (!xo_park_kick(s))
		wake_up(&s->wait);
	return 0;
}

static void forget_posted(struct xo_link *l, u32 slot)
{
	l->opens &= ~BIT_ULL(slot);
	if (l->slot[slot].stub)
		l->slot[slot].stub->pending &= ~BIT_ULL(slot);
}

void xo_serve_posted(struct xo_link *l, u32 slot, u64 seq)
{
	const struct xo_msg *msg = xo_slot_msg(l, slot);
	u32 op = READ_ONCE(msg->op);
	u64 session = READ_ONCE(msg->session);
	struct xo_slot *sl = &l->slot[slot];
	int ret;

	lockdep_assert_held(&xo.lock);
	if (sl->state != XO_SLOT_IDLE) {
		if (sl->seq == seq) {
			sl->told = true;
			return;
		}
		/* The host ended the old call; who works on it will learn that when it returns. */
		forget_posted(l, slot);
		let_go(sl);
		xo_ring_forget(l, slot);
	} else if (sl->ended && sl->seq == seq) {
		/* By the ring, and its caller did not see it in time. */
		xo_hc_return(l->id, slot, seq, sl->status);
		return;
	}
	sl->seq = seq;
	sl->op = op;
	sl->ended = false;
	atomic64_inc(&l->calls);
	ret = op == XO_OP_OPEN ? post_open(l, slot, session) : post_to_stub(l, slot, session);
	if (!ret)
		return;
	if (ret == -EPROTO)
		pr_notice_ratelimited(
			"VM '%s' posted a call in slot %u, which is not for calls of its session: "
			"refused\n",
			l->peer, slot);
	xo_slot_refuse(l, slot, seq, ret);
}

/* The handler of the signal decides whether the system call has begun; see the stub. */
static void interrupt_thread(struct xo_slot *sl)
{
	struct task_struct *task;
	int sig;

	if (!sl->stub || !sl->stub->opened)
		return;
	sig = sl->stub->buffer == XO_NO_SLOT ? XO_CANCEL_SIGNAL : XO_CANCEL_SERVICE_SIGNAL;
	rcu_read_lock();
	task = pid_task(sl->thread, PIDTYPE_PID);
	if (task)
		send_sig(sig, task, 1);
	rcu_read_unlock();
}

void xo_serve_cancelled(struct xo_link *l, u32 slot, u64 seq)
{
	struct xo_slot *sl = &l->slot[slot];

	lockdep_assert_held(&xo.lock);
	if (sl->state != XO_SLOT_IDLE && sl->seq != seq)
		return; /* said of an earlier one */
	switch (sl->state) {
	case XO_SLOT_POSTED:
		forget_posted(l, slot);
		xo_slot_refuse(l, slot, sl->seq, -EINTR);
		break;
	case XO_SLOT_SERVED:
		if (!sl->cancelled)
			interrupt_thread(sl);
		sl->cancelled = true;
		break;
	default:
		if (sl->stub)
			xo_park_cancel(sl->stub, slot, seq);
		break;
	}
}

int xo_serve_is_cancelled(const struct xo_g_adopt *req)
{
	struct xo_link *l;
	struct xo_slot *sl;
	int ret = 1;

	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (req->slot >= XO_SLOTS_PER_LINK)
		return -EINVAL;
	spin_lock_irq(&xo.lock);
	l = xo_link_by_id(req->link, XO_ROLE_CALLEE);
	sl = l ? &l->slot[req->slot] : NULL;
	/* A call that is no longer there has no caller that waits for it. */
	if (sl && sl->state == XO_SLOT_SERVED && sl->seq == req->seq)
		ret = sl->cancelled;
	spin_unlock_irq(&xo.lock);
	return ret;
}

/* ------------------------------------------------------------------ replies */

static int check_reply(const struct xo_g_serve *req)
{
	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (req->reply > 1 || (req->reply && (req->status > 0 || req->status < -MAX_ERRNO ||
					      req->slot >= XO_SLOTS_PER_LINK)))
		return -EINVAL;
	return 0;
}

/* xo.lock held. The slot if it holds the call that the request names and `m` or `s` serves it. */
static struct xo_slot *served_slot(struct xo_link *l, const struct xo_g_serve *req,
				   const struct xo_master *m, const struct xo_stub *s)
{
	struct xo_slot *sl = l ? &l->slot[req->slot] : NULL;

	if (!sl || sl->state != XO_SLOT_SERVED || sl->seq != req->seq)
		return NULL;
	return sl->master == m && sl->stub == s ? sl : NULL;
}

/* A master's reply refuses an OPEN; what is to succeed is a stub's. */
static int reply_master(struct xo_master *m, const struct xo_g_serve *req)
{
	struct xo_link *l;
	struct xo_slot *sl;

	if (!req->status)
		return -EINVAL;
	spin_lock_irq(&xo.lock);
	l = xo_link_by_id(req->link, XO_ROLE_CALLEE);
	sl = served_slot(l, req, m, NULL);
	if (sl) {
		let_go(sl);
		end_call(l, req->slot, req->seq, req->status);
	}
	spin_unlock_irq(&xo.lock);
	return sl ? 0 : -ESTALE;
}

static int reply_stub(struct xo_stub *s, const struct xo_g_serve *req, struct xo_owed *owed)
{
	struct xo_link *l = s->link;
	struct xo_slot *sl;
	bool begins, ends, ended;

	spin_lock_irq(&xo.lock);
	sl = req->link == l->id ? served_slot(l, req, NULL, s) : NULL;
	if (!sl || s->dead) {
		spin_unlock_irq(&xo.lock);
		return s->dead ? -ENOLINK : -ESTALE;
	}
	begins = sl->op == XO_OP_OPEN && !req->status;
	ends = sl->op == XO_OP_CLOSE || (sl->op == XO_OP_OPEN && req->status);
	s->opened |= begins;
	let_go(sl);
	ended = xo_ring_end(l, req->slot, req->status);
	spin_unlock_irq(&xo.lock);
	if (ended)
		return 0;

	/* Before the caller can use the slots for another session, this one must have lost them. */
	if (ends)
		xo_stub_end(s, req->slot);
	if (begins)
		xo_service_grant(s);
	if (!begins && !ends && !req->status)
		*owed = (struct xo_owed){ .seq = req->seq, .slot = req->slot };
	else
		end_call(l, req->slot, req->seq, req->status);
	return 0;
}

/* ------------------------------------------------------------------ waiting */

/* xo.lock held. */
static void take(struct xo_link *l, u32 slot, struct xo_master *m, struct xo_g_serve *req)
{
	struct xo_slot *sl = &l->slot[slot];

	sl->state = XO_SLOT_SERVED;
	sl->master = m;
	sl->thread = get_pid(task_pid(current));
	req->reply = 0;
	req->status = 0;
	req->slot = slot;
	req->link = l->id;
	req->seq = sl->seq;
	req->peer_wid = l->peer_wid;
	memcpy(req->peer, l->peer, XO_NAME_MAX);
	trace_xo_serve(l->id, slot, sl->seq, sl->op, sl->stub ? sl->stub->id : 0);
}

/* xo.lock held. */
static bool take_open_of(struct xo_link *l, struct xo_master *m, struct xo_g_serve *req)
{
	struct xo_master *wanted = m->name[0] ? m : NULL;
	u64 opens;
	u32 slot;

	for (opens = l->opens; opens; opens &= opens - 1) {
		slot = __ffs64(opens);
		if (l->slot[slot].wanted != wanted)
			continue;
		l->opens &= ~BIT_ULL(slot);
		take(l, slot, m, req);
		return true;
	}
	return false;
}

/* 1: taken; 0: nothing there; -ENODEV: the host let go. */
static int take_open(struct xo_master *m, struct xo_g_serve *req)
{
	int i, ret = 0;

	spin_lock_irq(&xo.lock);
	if (m->news) {
		m->news = false;
		req->reply = 0;
		req->slot = XO_SLOT_NOTICE;
		ret = 1;
	} else if (!xo.board) {
		ret = -ENODEV;
	}
	for (i = 0; i < XO_LINKS_PER_VM && !ret; i++)
		if (xo.link[i] && xo.link[i]->opens)
			ret = take_open_of(xo.link[i], m, req);
	spin_unlock_irq(&xo.lock);
	return ret;
}

/* 1: taken; 0: nothing there; -ENOLINK: the session is over. */
static int take_call(struct xo_stub *s, struct xo_g_serve *req)
{
	int ret = 0;
	u32 slot;

	spin_lock_irq(&xo.lock);
	if (s->dead) {
		ret = -ENOLINK;
	} else if (s->pending) {
		slot = __ffs64(s->pending);
		s->pending &= ~BIT_ULL(slot);
		take(s->link, slot, NULL, req);
		ret = 1;
	}
	spin_unlock_irq(&xo.lock);
	return ret;
}

static int take_next(struct xo_master *m, struct xo_stub *s, struct xo_g_serve *req)
{
	return s ? take_call(s, req) : take_open(m, req);
}

static void count_idle(u32 *idle, int change, u32 *now)
{
	spin_lock_irq(&xo.lock);
	*idle += change;
	*now = *idle;
	spin_unlock_irq(&xo.lock);
}

/* Exclusive: a posted call wakes one thread. */
static int wait_next(wait_queue_head_t *wait, u32 *idle, struct xo_master *m, struct xo_stub *s,
		     struct xo_g_serve *req, long timeout)
{
	unsigned long start = jiffies;
	long left;
	int got = 0;

	count_idle(idle, 1, &req->idle);
	while (s && !got && xo_ring_poll(s, start, timeout))
		got = take_call(s, req);
	if (timeout != MAX_SCHEDULE_TIMEOUT)
		timeout = max_t(long, timeout - (long)(jiffies - start), 0);
	if (!got)
		left = ___wait_event(*wait, ___wait_cond_timeout((got = take_next(m, s, req)) != 0),
				     TASK_INTERRUPTIBLE, 1, timeout,
				     __ret = schedule_timeout(__ret));
	count_idle(idle, -1, &req->idle);
	if (got)
		return got < 0 ? got : 0;
	return left < 0 ? -EINTR : -ETIMEDOUT;
}

static long timeout_of(const struct xo_g_serve *req)
{
	return req->timeout_ms ? msecs_to_jiffies(req->timeout_ms) : MAX_SCHEDULE_TIMEOUT;
}

/*
 * While the host does not know this VM a master waits for that too: HELLO is tried again every now
 * and then, by whoever waits here and by nobody else. EBUSY: it said HELLO too often just now.
 */
static int wait_open(struct xo_master *m, struct xo_g_serve *req)
{
	unsigned long start = jiffies;
	long timeout = timeout_of(req), nap;
	int ret;

	for (;;) {
		ret = xo_hello();
		if (!ret && m->service)
			xo_service_refresh(m->service);
		if (!ret)
			ret = wait_next(m->name[0] ? &m->wait : &xo.open_wait, &m->idle, m, NULL,
					req, timeout);
		if (ret != -ENODEV && ret != -EBUSY)
			return ret;
		nap = min_t(long, timeout, XO_HELLO_AGAIN);
		if (schedule_timeout_interruptible(nap))
			return -EINTR;
		if (timeout == MAX_SCHEDULE_TIMEOUT)
			continue;
		timeout = timeout_of(req) - (long)(jiffies - start);
		if (timeout <= 0)
			return -ETIMEDOUT;
	}
}

long xo_serve_master(struct xo_master *m, struct xo_g_serve *req)
{
	int ret = check_reply(req);

	if (!ret && req->reply)
		ret = reply_master(m, req);
	return ret ?: wait_open(m, req);
}

long xo_serve_stub(struct xo_stub *s, struct xo_g_serve *req)
{
	struct xo_owed owed = { 0 };
	int ret = check_reply(req);

	if (!ret && req->reply)
		ret = reply_stub(s, req, &owed);
	if (ret)
		return ret;
	ret = xo_park_wait(s, req, &owed, take_call);
	xo_park_pay(s, &owed);
	if (ret != -EAGAIN)
		return ret;
	return wait_next(&s->wait, &s->idle, NULL, s, req, timeout_of(req));
}
