// SPDX-License-Identifier: GPL-2.0
/*
 * The host as a callee: its links, its board's events, and the calls posted to it. self.h has the
 * story; the way of a call is that of guest/serve.c.
 */
#include "self.h"
#include <linux/sched/signal.h>
#include <linux/slab.h>

struct xo_self xo_self = {
	.lock = __SPIN_LOCK_UNLOCKED(xo_self.lock),
	.masters = LIST_HEAD_INIT(xo_self.masters),
	.sessions = LIST_HEAD_INIT(xo_self.sessions),
};

static void work(struct work_struct *work);
static DECLARE_WORK(events, work);

/* Its event interrupt. Any context. */
bool xo_self_event(void)
{
	return queue_work(xo_wq, &events);
}

/* ---- slots */

struct xo_msg *xo_self_msg(const struct xo_link *link, u32 slot)
{
	return page_address(link->window.pages[slot * (XO_SLOT_SIZE >> PAGE_SHIFT)]);
}

static struct xo_open *open_of(const struct xo_link *link, u32 slot)
{
	u32 page = slot * (XO_SLOT_SIZE >> PAGE_SHIFT) + (XO_SLOT_HEADER >> PAGE_SHIFT);

	return page_address(link->window.pages[page]);
}

int xo_self_index(u64 link_id)
{
	int i;

	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (xo_self.link[i] && xo_self.link[i]->id == link_id)
			return i;
	return -1;
}

/* RETURN, as a guest's hypercall would. A call that has ended meanwhile has ended. */
void xo_self_end_call(struct xo_link *link, u32 slot, u64 seq, int status)
{
	raw_spin_lock_irq(&link->lock);
	if (!xo_return_check(link, slot, seq))
		xo_call_return(link, slot, status);
	raw_spin_unlock_irq(&link->lock);
}

void xo_self_let_go(struct xo_self_slot *slot)
{
	put_pid(slot->thread);
	slot->thread = NULL;
	slot->wanted = NULL;
	slot->cancelled = false;
	slot->state = SELF_IDLE;
}

void xo_self_refuse(u32 index, u32 slot, int status)
{
	struct xo_self_slot *s = &xo_self.slot[index][slot];

	xo_self_let_go(s);
	xo_self_end_call(xo_self.link[index], slot, s->seq, status);
}

/* ---- posted; self.lock is held */

static int post_open(struct xo_link *link, struct xo_self_slot *s, u32 slot, u64 session)
{
	char name[XO_NAME_MAX];
	struct xo_master *master;

	if (session || s->session)
		return -EPROTO;
	if (READ_ONCE(xo_self_msg(link, slot)->in_len) < sizeof(struct xo_open))
		return -EPROTO;
	memcpy(name, open_of(link, slot)->service, sizeof(name));
	/* System calls of the host are not served. */
	if (!xo_name_valid(name))
		return -ECONNREFUSED;
	master = xo_master_find(name);
	if (!master)
		return -ECONNREFUSED;
	s->wanted = master;
	s->state = SELF_POSTED;
	wake_up(&master->wait);
	return 0;
}

static struct xo_session *find_session(struct xo_link *link, u64 id)
{
	struct xo_session *session;

	list_for_each_entry(session, &xo_self.sessions, node)
		if (session->link == link && session->id == id)
			return session;
	return NULL;
}

static int post_to_session(struct xo_link *link, struct xo_self_slot *s, u32 slot, u64 id)
{
	struct xo_session *session = find_session(link, id);

	if (!session || session->dead || !session->opened)
		return -EHOSTDOWN;
	if ((s->session && s->session != session) ||
	    (slot == session->buffer && s->op != XO_OP_CLOSE))
		return -EPROTO;
	s->session = session;
	s->state = SELF_POSTED;
	session->bound |= BIT_ULL(slot);
	session->pending |= BIT_ULL(slot);
	wake_up(&session->wait);
	return 0;
}

static void forget_posted(struct xo_self_slot *s, u32 slot)
{
	if (s->session)
		s->session->pending &= ~BIT_ULL(slot);
}

/* What the engine knows of a call that was posted there, and its number. */
static u8 engine_state(struct xo_link *link, u32 slot, u64 *seq)
{
	u8 state;

	raw_spin_lock_irq(&link->lock);
	state = link->slot[slot].state;
	*seq = link->slot[slot].seq;
	raw_spin_unlock_irq(&link->lock);
	return state;
}

static void posted(u32 index, u32 slot)
{
	struct xo_self_slot *s = &xo_self.slot[index][slot];
	struct xo_link *link = xo_self.link[index];
	struct xo_msg *msg = xo_self_msg(link, slot);
	u64 session = READ_ONCE(msg->session), seq;
	int error;

	switch (engine_state(link, slot, &seq)) {
	case XO_SLOT_FREE:
		return;
	case XO_SLOT_ORPHAN:
		if (s->state == SELF_IDLE)
			xo_self_end_call(link, slot, seq, -EHOSTDOWN);
		return;
	}
	if (s->state != SELF_IDLE) {
		if (s->seq == seq)
			return;
		/* The old call was ended without us; who works on it learns that when it returns.
		 */
		forget_posted(s, slot);
		xo_self_let_go(s);
	}
	s->seq = seq;
	s->op = READ_ONCE(msg->op);
	error = s->op == XO_OP_OPEN ? post_open(link, s, slot, session)
				    : post_to_session(link, s, slot, session);
	if (error)
		xo_self_refuse(index, slot, error);
}

static void interrupt_thread(struct xo_self_slot *s)
{
	struct task_struct *task;

	if (!s->session || !s->session->opened)
		return;
	rcu_read_lock();
	task = pid_task(s->thread, PIDTYPE_PID);
	if (task)
		send_sig(XO_CANCEL_SERVICE_SIGNAL, task, 1);
	rcu_read_unlock();
}

static void give_up(u32 index, u32 slot)
{
	struct xo_self_slot *s = &xo_self.slot[index][slot];

	if (s->state == SELF_POSTED) {
		forget_posted(s, slot);
		xo_self_refuse(index, slot, -EINTR);
	} else if (s->state == SELF_SERVED && !s->cancelled) {
		interrupt_thread(s);
		s->cancelled = true;
	}
}

/* Unless it was said of an earlier call of the slot. */
static void cancelled(u32 index, u32 slot)
{
	if (xo_self.slot[index][slot].seq == READ_ONCE(xo_self.vm->board->given_up[index][slot]))
		give_up(index, slot);
}

/* ---- sessions whose caller is another by now */

static u64 incarnation_of(const struct xo_link *link)
{
	return READ_ONCE(link->side_up[XO_CALLER]) ? READ_ONCE(link->vm[XO_CALLER]->incarnation)
						   : 0;
}

/* One that is to end, with a reference; nobody uses it any more from here on. */
static struct xo_session *next_stale(void)
{
	struct xo_session *session, *found = NULL;
	u32 i;

	spin_lock(&xo_self.lock);
	list_for_each_entry(session, &xo_self.sessions, node) {
		if (session->dead || session->incarnation == incarnation_of(session->link))
			continue;
		for (i = 0; i < session->link->slots; i++)
			if (xo_self.slot[session->index][i].session == session)
				give_up(session->index, i);
		session->dead = true;
		xo_session_get(session);
		found = session;
		break;
	}
	spin_unlock(&xo_self.lock);
	return found;
}

static void end_stale(void)
{
	struct xo_session *session;

	while ((session = next_stale())) {
		xo_session_ungrant(session);
		xo_session_zap(session);
		spin_lock(&xo_self.lock);
		xo_session_unbind(session, XO_NO_SLOT);
		spin_unlock(&xo_self.lock);
		wake_up_all(&session->wait);
		xo_session_put(session);
	}
}

/* ---- the board's events */

static void tell_masters(void)
{
	struct xo_master *master;

	list_for_each_entry(master, &xo_self.masters, node) {
		master->news = true;
		wake_up(&master->wait);
	}
}

static void each_bit(u32 index, u64 word, void (*handle)(u32 index, u32 slot))
{
	for (; word && xo_self.link[index]; word &= word - 1)
		if (__ffs64(word) < xo_self.link[index]->slots)
			handle(index, __ffs64(word));
}

/* The words are taken off first: then the sessions are at least as new as the calls. */
static void work(struct work_struct *unused)
{
	struct xo_board *board = xo_self.vm->board;
	u64 post[XO_LINKS_PER_VM], cancel[XO_LINKS_PER_VM], what;
	u32 i;

	what = xchg(&board->events, 0);
	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		post[i] = xchg(&board->posted[i], 0);
		cancel[i] = xchg(&board->cancelled[i], 0);
	}
	end_stale();
	spin_lock(&xo_self.lock);
	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		each_bit(i, post[i], posted);
		each_bit(i, cancel[i], cancelled);
	}
	if (what & XO_EVENT_SERVICE)
		tell_masters();
	spin_unlock(&xo_self.lock);
}

/* ---- links come and go; xo_mutex is held */

void xo_self_link_up(struct xo_link *link)
{
	if (link->vm[XO_CALLEE] != xo_self.vm)
		return;
	spin_lock(&xo_self.lock);
	xo_self.link[link->index[XO_CALLEE]] = link;
	spin_unlock(&xo_self.lock);
}

/* The first session on that link, with a reference, and off it. */
static struct xo_session *take_off(struct xo_link *link)
{
	struct xo_session *session, *found = NULL;

	spin_lock(&xo_self.lock);
	list_for_each_entry(session, &xo_self.sessions, node) {
		if (session->link != link)
			continue;
		session->dead = true;
		xo_session_unbind(session, XO_NO_SLOT);
		session->link = NULL;
		xo_session_get(session);
		found = session;
		break;
	}
	spin_unlock(&xo_self.lock);
	return found;
}

/* Its window goes: nothing here may look at it any more. */
void xo_self_link_gone(struct xo_link *link)
{
	u32 i, index = link->index[XO_CALLEE];
	struct xo_session *session;

	if (link->vm[XO_CALLEE] != xo_self.vm)
		return;
	while ((session = take_off(link))) {
		xo_session_zap(session);
		wake_up_all(&session->wait);
		xo_session_put(session);
	}
	spin_lock(&xo_self.lock);
	for (i = 0; i < XO_SLOTS_PER_LINK; i++) {
		xo_self_let_go(&xo_self.slot[index][i]);
		xo_self.slot[index][i].session = NULL;
	}
	xo_self.link[index] = NULL;
	spin_unlock(&xo_self.lock);
}

/* ---- the pseudo VM */

struct xo_vm *xo_self_vm(void)
{
	return xo_self.vm;
}

int xo_self_init(void)
{
	const struct xo_h_enrol arg = { .name = XO_HOST_NAME };
	struct xo_vm *vm = xo_vm_new(&arg);

	if (!vm) {
		pr_err("no memory for the host's own board; free some and load crossover again\n");
		return -ENOMEM;
	}
	vm->up = true;
	vm->incarnation = 1;
	xo_self.vm = vm;
	return 0;
}

/* No descriptor is open and no link is left. */
void xo_self_exit(void)
{
	flush_work(&events);
	xo_vm_put(xo_self.vm);
	xo_self.vm = NULL;
}
