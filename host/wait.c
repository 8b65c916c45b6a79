// SPDX-License-Identifier: GPL-2.0
/* Processes of the host that wait for calls, take them and end them: XO_G_SERVE. */
#include "self.h"
#include <linux/sched/signal.h>

static int check_reply(const struct xo_g_serve *request)
{
	if (request->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (request->reply > 1)
		return -EINVAL;
	if (request->reply && (request->status > 0 || request->status < -MAX_ERRNO ||
			       request->slot >= XO_SLOTS_PER_LINK))
		return -EINVAL;
	return 0;
}

/* The slot that has the call which the request names; NULL: none. self.lock is held. */
static struct xo_self_slot *served(const struct xo_g_serve *request, int *index)
{
	struct xo_self_slot *s;

	*index = xo_self_index(request->link);
	if (*index < 0 || request->slot >= xo_self.link[*index]->slots)
		return NULL;
	s = &xo_self.slot[*index][request->slot];
	return s->state == SELF_SERVED && s->seq == request->seq ? s : NULL;
}

/* Only a refusal: what is to succeed is adopted first. */
static int reply_master(struct xo_master *master, const struct xo_g_serve *request)
{
	struct xo_self_slot *s;
	int error = -ESTALE, index;

	if (!request->status)
		return -EINVAL;
	spin_lock(&xo_self.lock);
	s = served(request, &index);
	if (s && s->wanted == master && !s->session) {
		xo_self_refuse(index, request->slot, request->status);
		error = 0;
	}
	spin_unlock(&xo_self.lock);
	return error;
}

/* Before OPEN ends, so that the caller finds the grant. Without it, its calls go by exit. */
static void grant(const struct xo_session *session)
{
	const struct xo_request request = {
		.id = session->service,
		.link = session->link_id,
		.session = session->id,
		.slot = session->buffer,
	};

	mutex_lock(&xo_mutex);
	if (!READ_ONCE(session->dead))
		xo_grant_add(xo_self.vm, xo_self.vm->incarnation, &request);
	mutex_unlock(&xo_mutex);
}

/* The link may go at any moment: its end has ended the call then. */
static void end_call(const struct xo_g_serve *request)
{
	int index;

	spin_lock(&xo_self.lock);
	index = xo_self_index(request->link);
	if (index >= 0)
		xo_self_end_call(xo_self.link[index], request->slot, request->seq, request->status);
	spin_unlock(&xo_self.lock);
}

static int reply_session(struct xo_session *session, const struct xo_g_serve *request)
{
	bool begins, ends;
	struct xo_self_slot *s;
	int index;

	spin_lock(&xo_self.lock);
	s = served(request, &index);
	if (!s || s->session != session || session->dead) {
		spin_unlock(&xo_self.lock);
		return session->dead ? -ENOLINK : -ESTALE;
	}
	begins = s->op == XO_OP_OPEN && !request->status;
	ends = s->op == XO_OP_CLOSE || (s->op == XO_OP_OPEN && request->status);
	session->opened |= begins;
	xo_self_let_go(s);
	spin_unlock(&xo_self.lock);
	/* Before the caller can use the slots for another session, this one must have lost them. */
	if (ends)
		xo_session_end(session, request->slot);
	if (begins)
		grant(session);
	end_call(request);
	return 0;
}

/* ---- taking; self.lock is held */

static void take(u32 index, u32 slot, struct xo_g_serve *request)
{
	struct xo_self_slot *s = &xo_self.slot[index][slot];
	struct xo_link *link = xo_self.link[index];

	s->state = SELF_SERVED;
	s->thread = get_pid(task_pid(current));
	request->reply = 0;
	request->status = 0;
	request->slot = slot;
	request->link = link->id;
	request->seq = s->seq;
	request->peer_wid = link->vm[XO_CALLER]->wid;
	memcpy(request->peer, link->vm[XO_CALLER]->name, sizeof(request->peer));
}

static bool take_open_of(u32 index, struct xo_master *master, struct xo_g_serve *request)
{
	struct xo_link *link = xo_self.link[index];
	u32 i;

	for (i = 0; link && i < link->slots; i++) {
		struct xo_self_slot *s = &xo_self.slot[index][i];

		if (s->state != SELF_POSTED || s->wanted != master)
			continue;
		take(index, i, request);
		return true;
	}
	return false;
}

/* 1: taken, 0: nothing is there. */
static int take_open(struct xo_master *master, struct xo_g_serve *request)
{
	int taken = 0;
	u32 i;

	spin_lock(&xo_self.lock);
	if (master->news) {
		master->news = false;
		request->reply = 0;
		request->slot = XO_SLOT_NOTICE;
		taken = 1;
	}
	for (i = 0; i < XO_LINKS_PER_VM && !taken; i++)
		taken = take_open_of(i, master, request);
	spin_unlock(&xo_self.lock);
	return taken;
}

/* Likewise; -ENOLINK: the session is over. */
static int take_call(struct xo_session *session, struct xo_g_serve *request)
{
	int taken = 0;
	u32 slot;

	spin_lock(&xo_self.lock);
	if (session->dead) {
		taken = -ENOLINK;
	} else if (session->pending) {
		slot = __ffs64(session->pending);
		session->pending &= ~BIT_ULL(slot);
		take(session->index, slot, request);
		taken = 1;
	}
	spin_unlock(&xo_self.lock);
	return taken;
}

static int take_next(struct xo_master *master, struct xo_session *session,
		     struct xo_g_serve *request)
{
	return session ? take_call(session, request) : take_open(master, request);
}

static void count_idle(u32 *idle, int change, u32 *now)
{
	spin_lock(&xo_self.lock);
	*idle += change;
	*now = *idle;
	spin_unlock(&xo_self.lock);
}

/* Exclusive: a posted call wakes one thread. */
static int wait_next(wait_queue_head_t *wait, u32 *idle, struct xo_master *master,
		     struct xo_session *session, struct xo_g_serve *request)
{
	long timeout =
		request->timeout_ms ? msecs_to_jiffies(request->timeout_ms) : MAX_SCHEDULE_TIMEOUT;
	long left;
	int got = 0;

	count_idle(idle, 1, &request->idle);
	left = ___wait_event(*wait,
			     ___wait_cond_timeout((got = take_next(master, session, request)) != 0),
			     TASK_INTERRUPTIBLE, 1, timeout, __ret = schedule_timeout(__ret));
	count_idle(idle, -1, &request->idle);
	if (got)
		return got < 0 ? got : 0;
	return left < 0 ? -EINTR : -ETIMEDOUT;
}

int xo_self_serve_master(struct xo_master *master, struct xo_g_serve *request)
{
	int error = check_reply(request);

	if (!error && request->reply)
		error = reply_master(master, request);
	return error ?: wait_next(&master->wait, &master->idle, master, NULL, request);
}

int xo_self_serve_session(struct xo_session *session, struct xo_g_serve *request)
{
	int error = check_reply(request);

	if (!error && request->reply)
		error = reply_session(session, request);
	return error ?: wait_next(&session->wait, &session->idle, NULL, session, request);
}

int xo_self_is_cancelled(const struct xo_g_adopt *request)
{
	const struct xo_g_serve call = {
		.link = request->link,
		.slot = request->slot,
		.seq = request->seq,
	};
	struct xo_self_slot *s;
	int result, index;

	if (request->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (request->slot >= XO_SLOTS_PER_LINK)
		return -EINVAL;
	spin_lock(&xo_self.lock);
	s = served(&call, &index);
	/* A call that is no longer there has no caller that waits for it. */
	result = s ? s->cancelled : 1;
	spin_unlock(&xo_self.lock);
	return result;
}
