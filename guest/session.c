// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: a session, from OPEN to CLOSE. When its file is gone the callee is told by a CLOSE that
 * nobody waits for, and the session's slots go back to the pool when that has ended: only then has
 * the callee forgotten that they were this session's.
 */
#include <linux/cred.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>
#include "guest.h"
#include "hypercall.h"
#include "trace.h"

const struct xo_session_info *xo_session_info(const struct xo_session *s)
{
	return &s->info;
}

bool xo_session_alive(const struct xo_session *s)
{
	return !READ_ONCE(s->dead) && READ_ONCE(s->link->up);
}

void **xo_session_router(struct xo_session *s)
{
	return &s->router;
}

static struct xo_session *make(struct xo_link *l)
{
	struct xo_session *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	s->link = l;
	s->buffer = XO_NO_SLOT;
	s->info.callee = l->peer;
	init_waitqueue_head(&s->wait);
	return s;
}

static int enlist(struct xo_session *s)
{
	struct xo_link *l = s->link;
	int ret = 0;

	spin_lock_irq(&xo.lock);
	if (!l->up || !l->peer_wid)
		ret = -EHOSTDOWN;
	else if (l->sessions >= XO_SESSIONS_PER_LINK)
		ret = -EBUSY;
	if (!ret) {
		l->sessions++;
		list_add_tail(&s->member, &l->members);
	}
	spin_unlock_irq(&xo.lock);
	return ret;
}

struct open_call {
	const struct xo_g_connect *req;
	struct xo_opened opened;
};

static int fill_open(struct xo_call *c, void *data)
{
	const struct xo_g_connect *req = ((struct open_call *)c->ctx)->req;
	const struct cred *cred = current_cred();
	struct xo_open open = {
		.revision = XO_ABI_REVISION,
		.uid = from_kuid_munged(&init_user_ns, cred->euid),
		.gid = from_kgid_munged(&init_user_ns, cred->egid),
		.pid = task_tgid_nr(current),
		.umask = req->umask,
	};

	get_task_comm(open.comm, current);
	memcpy(open.cwd, req->cwd, sizeof(open.cwd));
	memcpy(open.service, req->service, sizeof(open.service));
	/* What is to be the shared buffer has nothing of other processes in it. */
	if (req->service[0])
		memset(data, 0, XO_SLOT_DATA);
	memcpy(data, &open, sizeof(open));
	return sizeof(open);
}

static int drain_opened(struct xo_call *c, const void *data)
{
	struct open_call *open = c->ctx;

	if (c->result < 0)
		return c->result >= -MAX_ERRNO ? (int)c->result : -EPROTO;
	if (!c->result || c->out_len < sizeof(open->opened))
		return -EPROTO;
	memcpy(&open->opened, data, sizeof(open->opened));
	return 0;
}

static int open_session(struct xo_session *s, struct xo_g_connect *req)
{
	struct open_call open = { .req = req };
	struct xo_call c = {
		.op = XO_OP_OPEN,
		.fill = fill_open,
		.drain = drain_opened,
		.ctx = &open,
	};
	int ret = xo_session_call(s, &c);

	/* Whatever else is wrong with the answer: there is a session now, and it wants a CLOSE. */
	spin_lock_irq(&xo.lock);
	if (c.result > 0)
		s->id = c.result;
	if (!ret && req->service[0])
		s->buffer = c.slot;
	spin_unlock_irq(&xo.lock);
	if (ret)
		return ret;
	if (req->service[0])
		memset(xo_slot_data(s->link, c.slot), 0, sizeof(struct xo_open));
	if (open.opened.revision != XO_ABI_REVISION) {
		pr_err_ratelimited(
			"VM '%s' serves with revision %u, this guest module is of revision %u: "
			"install both from one build\n",
			s->link->peer, open.opened.revision, XO_ABI_REVISION);
		return -EPROTO;
	}
	s->info.wid = open.opened.wid;
	s->info.pid = open.opened.pid;
	s->info.uid = open.opened.uid;
	return 0;
}

static int check_request(const struct xo_g_connect *req)
{
	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (req->umask & ~0777)
		return -EINVAL;
	if (strnlen(req->callee, sizeof(req->callee)) == sizeof(req->callee) ||
	    strnlen(req->cwd, sizeof(req->cwd)) == sizeof(req->cwd) ||
	    strnlen(req->service, sizeof(req->service)) == sizeof(req->service))
		return -ENAMETOOLONG;
	return 0;
}

static int start(struct file *file, struct xo_session *s, struct xo_g_connect *req)
{
	int ret = xo_world_add(XO_WORLD_SESSION, &s->world);

	if (!ret && req->service[0]) {
		s->conn = xo_conn_make(file);
		ret = s->conn ? 0 : -ENOMEM;
	}
	if (!ret)
		ret = enlist(s);
	if (!ret)
		ret = open_session(s, req);
	return ret;
}

/* As the host shows it now: who calls right behind `xo link` may be faster than the interrupt that
 * tells of the link, or of the callee's taking part in it. */
static struct xo_link *find_link(const char *callee)
{
	struct xo_link *l = xo_link_by_peer(callee, XO_ROLE_CALLER);

	if (l && READ_ONCE(l->peer_wid))
		return l;
	if (l)
		xo_link_put(l);
	xo_board_sync();
	return xo_link_by_peer(callee, XO_ROLE_CALLER);
}

int xo_session_connect(struct file *file, struct xo_g_connect *req, struct xo_session **out)
{
	struct xo_session *s;
	struct xo_link *l;
	int ret = check_request(req);

	if (!ret)
		ret = xo_hello();
	if (ret)
		return ret;
	l = find_link(req->callee);
	if (!l)
		return -ENOENT;
	s = make(l);
	if (!s) {
		xo_link_put(l);
		return -ENOMEM;
	}
	ret = start(file, s, req);
	if (ret) {
		xo_session_release(s);
		return ret;
	}
	req->session = s->id;
	req->wid = s->info.wid;
	req->pid = s->info.pid;
	req->uid = s->info.uid;
	*out = s;
	return 0;
}

/* ------------------------------------------------------------------ the end */

void xo_session_release(struct xo_session *s)
{
	struct xo_conn *conn = s->conn;

	if (s->world)
		xo_hc_world_del(s->world);
	/* Nobody is in a call: no mapping and no process has the file any more. */
	if (conn)
		xo_conn_detach(conn);
	spin_lock_irq(&xo.lock);
	s->conn = NULL;
	s->closing = true;
	xo_conn_drop_calls(s);
	xo_session_settle(s);
	spin_unlock_irq(&xo.lock);
	if (conn)
		xo_conn_put(conn);
}

void xo_session_down(struct xo_session *s)
{
	s->dead = true;
	wake_up_all(&s->wait);
	xo_session_settle(s);
}

/* The slot for CLOSE: an own one that is idle, else one of the pool. */
static int slot_for_close(struct xo_session *s)
{
	struct xo_link *l = s->link;
	u32 i;

	if (s->buffer != XO_NO_SLOT)
		return s->buffer;
	for (i = 0; i < l->slots; i++)
		if ((s->own & BIT_ULL(i)) && l->slot[i].state == XO_SLOT_IDLE)
			return i;
	for (i = 0; i < l->slots; i++)
		if (!l->slot[i].session && xo_ring_free(l, i))
			return i;
	return -1;
}

static void post_close(struct xo_session *s)
{
	struct xo_link *l = s->link;
	int slot = slot_for_close(s);
	struct xo_slot *sl;
	struct xo_msg msg = { .op = XO_OP_CLOSE, .session = s->id };
	long ret;

	if (slot < 0)
		return;
	sl = &l->slot[slot];
	memcpy(xo_slot_msg(l, slot), &msg, sizeof(msg));
	sl->session = s;
	sl->state = XO_SLOT_ABANDONED;
	sl->op = XO_OP_CLOSE;
	sl->seq = xo_next_seq();
	s->own |= BIT_ULL(slot);
	s->close_posted = true;
	trace_xo_call(l->id, slot, sl->seq, XO_OP_CLOSE, 0);
	atomic64_inc(&l->calls);
	xo_ring_note(l, slot, sl->seq);
	ret = xo_hc_call(l->id, slot, sl->seq);
	if (!ret)
		return;
	/* The callee is gone, and the session with it. */
	if (ret == XO_HC_UNKNOWN)
		xo_gone();
	sl->state = XO_SLOT_IDLE;
	s->closed = true;
}

static bool any_under_way(const struct xo_session *s)
{
	u32 i;

	for (i = 0; i < s->link->slots; i++)
		if ((s->own & BIT_ULL(i)) && s->link->slot[i].state != XO_SLOT_IDLE)
			return true;
	return false;
}

static void return_slots(struct xo_session *s)
{
	u32 i;

	for (i = 0; i < s->link->slots; i++)
		if ((s->own & BIT_ULL(i)) && s->link->slot[i].state == XO_SLOT_IDLE) {
			s->link->slot[i].session = NULL;
			s->own &= ~BIT_ULL(i);
		}
}

static void session_free(struct xo_session *s)
{
	if (s->member.next) {
		list_del(&s->member);
		s->link->sessions--;
	}
	xo_link_put(s->link);
	kfree(s);
}

/*
 * Slots came free: sessions whose own are all abandoned may have waited for one to say CLOSE in.
 * Each takes one; one whose CLOSE the host refuses is over, and gives its slots to the next.
 */
static void settle_others(struct xo_link *l)
{
	struct xo_session *s, *next;

	list_for_each_entry_safe(s, next, &l->members, member) {
		if (!s->closing || s->closed || !s->id || s->close_posted || !l->up || s->dead)
			continue;
		post_close(s);
		if (!s->closed)
			continue;
		return_slots(s);
		if (!s->own)
			session_free(s);
	}
}

/*
 * One step towards the end of a session whose file is gone; called whenever something changed that
 * it may have waited for. Frees the session with the last step.
 */
void xo_session_settle(struct xo_session *s)
{
	struct xo_link *l = s->link;
	u64 before = s->own;

	lockdep_assert_held(&xo.lock);
	if (!s->closing)
		return;
	if (s->dead || !l->up || (!s->id && !any_under_way(s)))
		s->closed = true;
	if (!s->closed && s->id && !s->close_posted)
		post_close(s);
	if (!s->closed)
		return;
	return_slots(s);
	if (s->own == before && s->own)
		return;
	settle_others(l);
	if (!s->own)
		session_free(s);
}
