// SPDX-License-Identifier: GPL-2.0
/* Links: made and removed as the board's list says; their windows; the pool of a caller's slots. */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include "guest.h"
#include "hypercall.h"

static void free_work(struct work_struct *work)
{
	struct xo_link *l = container_of(work, struct xo_link, free);

	memunmap(l->window);
	kfree(l);
}

/* The last reference may go in the interrupt, where nothing can be unmapped. */
static void last_put(struct kref *ref)
{
	struct xo_link *l = container_of(ref, struct xo_link, ref);

	queue_work(xo.wq, &l->free);
}

void xo_link_put(struct xo_link *l)
{
	kref_put(&l->ref, last_put);
}

static bool is_link(const struct xo_board_link *bl)
{
	return (bl->role == XO_ROLE_CALLER || bl->role == XO_ROLE_CALLEE) && bl->slots &&
	       bl->slots <= XO_SLOTS_PER_LINK && PAGE_ALIGNED(bl->window_gpa) && bl->window_gpa &&
	       strnlen(bl->peer, XO_NAME_MAX) < XO_NAME_MAX;
}

static struct xo_link *make(u32 index, const struct xo_board_link *bl, u64 peer_incarnation)
{
	struct xo_link *l = kzalloc(sizeof(*l), GFP_KERNEL);

	if (!l)
		return NULL;
	l->window = memremap(bl->window_gpa, XO_WINDOW_SIZE(bl->slots), MEMREMAP_WB);
	if (!l->window) {
		kfree(l);
		return NULL;
	}
	kref_init(&l->ref);
	INIT_WORK(&l->free, free_work);
	INIT_LIST_HEAD(&l->members);
	l->id = bl->id;
	l->index = index;
	l->role = bl->role;
	l->engine = bl->engine;
	l->engine_epoch = 1;
	l->flags = bl->reserved[1];
	l->slots = bl->slots;
	l->window_gpa = bl->window_gpa;
	l->peer_wid = bl->peer_wid;
	l->peer_incarnation = peer_incarnation;
	l->up = true;
	memcpy(l->peer, bl->peer, XO_NAME_MAX);
	if (l->role == XO_ROLE_CALLEE)
		xo_ring_reset(l);
	return l;
}

void xo_link_add(u32 index, const struct xo_board_link *bl, u64 peer_incarnation)
{
	struct xo_link *l;

	if (!is_link(bl)) {
		pr_err_ratelimited("link %llu: the host describes it wrongly, it is not used\n",
				   bl->id);
		return;
	}
	l = make(index, bl, peer_incarnation);
	if (!l) {
		pr_err_ratelimited(
			"link %llu with '%s': no memory to map its window, it is not used\n",
			bl->id, bl->peer);
		return;
	}
	spin_lock_irq(&xo.lock);
	xo.link[index] = l;
	spin_unlock_irq(&xo.lock);
}

/*
 * Takes xo.lock; a callee's link then has no session: not one that was adopted meanwhile either, or
 * that stub would go on seeing its slot. May sleep before.
 */
static void lock_without_stubs(struct xo_link *l)
{
	struct xo_stub *s;
	bool ending;

	for (;;) {
		spin_lock_irq(&xo.lock);
		s = l->role == XO_ROLE_CALLEE
			    ? list_first_entry_or_null(&l->members, struct xo_stub, member)
			    : NULL;
		if (!s)
			return;
		kref_get(&s->ref);
		ending = s->dead;
		spin_unlock_irq(&xo.lock);
		/* Somebody else is at it, who may need this very CPU to get through. */
		if (ending)
			usleep_range(50, 100);
		else
			xo_stub_end(s, XO_NO_SLOT);
		xo_stub_put(s);
	}
}

/* xo.lock held. OPEN calls that no stub has adopted yet are the last that a caller can have left.
 */
static void reset_slots(struct xo_link *l)
{
	u32 i;

	l->opens = 0;
	for (i = 0; i < l->slots; i++) {
		/* The host keeps a dead caller's slot until the callee says that it is through. */
		if (l->slot[i].state != XO_SLOT_IDLE)
			xo_slot_refuse(l, i, l->slot[i].seq, -EHOSTDOWN);
		xo_slot_reset(&l->slot[i]);
	}
}

/* xo.lock held. All are marked first: one that ends gives its slots to no other of them. */
static void down_sessions(struct xo_link *l)
{
	struct xo_session *s, *next;

	list_for_each_entry(s, &l->members, member)
		s->dead = true;
	list_for_each_entry_safe(s, next, &l->members, member)
		xo_session_down(s);
}

/* xo.lock held. The host told the callee, and will tell nobody here, how these calls ended. */
static void end_calls(struct xo_link *l)
{
	u32 i;

	for (i = 0; i < l->slots; i++)
		if (l->slot[i].state != XO_SLOT_IDLE)
			xo_call_done(l, i, l->slot[i].seq, -EHOSTDOWN);
}

void xo_link_peer_changed(struct xo_link *l, u64 peer_wid, u64 peer_incarnation)
{
	lock_without_stubs(l);
	if (l->role == XO_ROLE_CALLEE)
		reset_slots(l);
	else
		down_sessions(l); /* the host itself ends the calls under way */
	l->peer_wid = peer_wid;
	l->peer_incarnation = peer_incarnation;
	spin_unlock_irq(&xo.lock);
	if (l->role == XO_ROLE_CALLER)
		xo_conn_zap_dead(l);
}

void xo_link_engine_changed(struct xo_link *l, const struct xo_board_link *bl)
{
	spin_lock_irq(&xo.lock);
	WRITE_ONCE(l->flags, bl->reserved[1]);
	l->engine = bl->engine;
	l->engine_epoch++;
	spin_unlock_irq(&xo.lock);
}

void xo_link_remove(struct xo_link *l)
{
	spin_lock_irq(&xo.lock);
	l->up = false;
	xo.link[l->index] = NULL;
	spin_unlock_irq(&xo.lock);
	lock_without_stubs(l);
	if (l->role == XO_ROLE_CALLEE) {
		reset_slots(l);
	} else {
		down_sessions(l);
		end_calls(l);
	}
	spin_unlock_irq(&xo.lock);
	if (l->role == XO_ROLE_CALLER)
		xo_conn_zap_dead(l);
	xo_link_put(l);
}

struct xo_link *xo_link_by_peer(const char *peer, u32 role)
{
	struct xo_link *l, *found = NULL;
	u32 i;

	spin_lock_irq(&xo.lock);
	for (i = 0; i < XO_LINKS_PER_VM && !found; i++) {
		l = xo.link[i];
		if (l && l->role == role && !strncmp(l->peer, peer, XO_NAME_MAX))
			found = l;
	}
	if (found)
		kref_get(&found->ref);
	spin_unlock_irq(&xo.lock);
	return found;
}

struct xo_link *xo_link_by_id(u64 id, u32 role)
{
	struct xo_link *l;
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		l = xo.link[i];
		if (l && l->id == id && l->role == role)
			return l;
	}
	return NULL;
}

/* The link that follows info->after in the order of ids. */
int xo_link_info(struct xo_g_link_info *info)
{
	struct xo_link *l, *next = NULL;
	u32 i;

	spin_lock_irq(&xo.lock);
	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		l = xo.link[i];
		if (l && l->id > info->after && (!next || l->id < next->id))
			next = l;
	}
	if (next) {
		info->id = next->id;
		memcpy(info->peer, next->peer, XO_NAME_MAX);
		info->peer_wid = next->peer_wid;
		info->role = next->role;
		info->engine = next->engine;
		info->slots = next->slots;
		info->sessions = next->sessions;
		info->calls = atomic64_read(&next->calls);
		info->errors = atomic64_read(&next->errors);
		info->bytes = atomic64_read(&next->bytes);
		info->ring = atomic64_read(&next->ring);
		info->visits = atomic64_read(&next->visits);
	}
	spin_unlock_irq(&xo.lock);
	return next ? 0 : -ENOENT;
}

/* ------------------------------------------------------------------ a caller's slots */

/* xo.lock held. */
static int take_slot(struct xo_session *s, u32 *slot)
{
	struct xo_link *l = s->link;
	bool busy = false;
	u32 i;

	if (s->dead || !l->up)
		return -EHOSTDOWN;
	for (i = 0; i < l->slots; i++) {
		if (!(s->own & BIT_ULL(i)) || i == s->buffer)
			continue;
		if (l->slot[i].state == XO_SLOT_IDLE)
			goto take;
		busy |= l->slot[i].state == XO_SLOT_BUSY;
	}
	if (hweight64(s->own) < XO_SLOTS_PER_SESSION + (s->buffer != XO_NO_SLOT))
		for (i = 0; i < l->slots; i++)
			if (!l->slot[i].session && xo_ring_free(l, i)) {
				l->slot[i].bound = false;
				goto take;
			}
	/* Abandoned ones come back when the callee pleases: nothing to wait for. */
	return busy ? -EAGAIN : -EBUSY;
take:
	l->slot[i].session = s;
	l->slot[i].state = XO_SLOT_BUSY;
	s->own |= BIT_ULL(i);
	*slot = i;
	return 0;
}

static int try_slot(struct xo_session *s, u32 *slot)
{
	int ret;

	spin_lock_irq(&xo.lock);
	ret = take_slot(s, slot);
	spin_unlock_irq(&xo.lock);
	return ret;
}

int xo_slot_get(struct xo_session *s, u32 *slot, long timeout)
{
	int ret = -EAGAIN;
	long left;

	left = ___wait_event(s->wait, ___wait_cond_timeout((ret = try_slot(s, slot)) != -EAGAIN),
			     TASK_INTERRUPTIBLE, 1, timeout, __ret = schedule_timeout(__ret));
	if (ret != -EAGAIN)
		return ret;
	return left < 0 ? -EINTR : -ETIMEDOUT;
}

void xo_slot_put(struct xo_session *s, u32 slot)
{
	spin_lock_irq(&xo.lock);
	/* A link that went away ended the call and took the slot back itself. */
	if (s->own & BIT_ULL(slot)) {
		s->link->slot[slot].state = XO_SLOT_IDLE;
		s->link->slot[slot].ticket = 0;
	}
	wake_up(&s->wait);
	spin_unlock_irq(&xo.lock);
}
