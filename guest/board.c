// SPDX-License-Identifier: GPL-2.0
/*
 * The board: taking event words off it in the interrupt, and reading the list of links again when
 * the host says that it changed.
 *
 * A posted or cancelled call is handled only when links[] is as new as the call: a caller's VM that
 * was reset posts under the same link and slots as before, and its calls must not meet the sessions
 * of its earlier life. The host raises XO_EVENT_LINKS before such a call, so posted words are taken
 * first and events read after; the words wait in xo.posted until the work item has read links[].
 */
#include <linux/delay.h>
#include <linux/io.h>
#include "guest.h"

static struct xo_board_link fresh[XO_LINKS_PER_VM]; /* under xo.host */

static void board_work(struct work_struct *work);
static DECLARE_DELAYED_WORK(work_item, board_work);

static void take_words(struct xo_board *b)
{
	u64 events;
	unsigned int i;

	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		if (READ_ONCE(b->posted[i]))
			xo.posted[i] |= xchg(&b->posted[i], 0);
		if (READ_ONCE(b->cancelled[i]))
			xo.cancelled[i] |= xchg(&b->cancelled[i], 0);
	}
	events = xchg(&b->events, 0);
	if (events & XO_EVENT_LINKS)
		xo.links_told++;
	if (events & XO_EVENT_GOODBYE)
		xo.lost = true;
	if (events & (XO_EVENT_REQUEST | XO_EVENT_GOODBYE))
		xo_request_event();
	if (events & XO_EVENT_SERVICE)
		xo_master_news();
	if (events & (XO_EVENT_LINKS | XO_EVENT_GOODBYE))
		mod_delayed_work(xo.wq, &work_item, 0);
}

static void handle_done(struct xo_board *b, struct xo_link *l)
{
	u32 i = l->index, slot;
	u64 word = xchg(&b->done[i], 0);

	while (word) {
		slot = __ffs64(word);
		word &= word - 1;
		if (slot < l->slots)
			xo_call_done(l, slot, READ_ONCE(b->seq[i][slot]),
				     READ_ONCE(b->status[i][slot]));
	}
}

static void handle_posted(struct xo_board *b, struct xo_link *l)
{
	u32 i = l->index, slot;
	u64 word = xo.posted[i];

	xo.posted[i] = 0;
	for (; word; word &= word - 1) {
		slot = __ffs64(word);
		if (slot < l->slots)
			xo_serve_posted(l, slot, READ_ONCE(b->seq[i][slot]));
	}
	word = xo.cancelled[i];
	xo.cancelled[i] = 0;
	for (; word; word &= word - 1) {
		slot = __ffs64(word);
		if (slot < l->slots)
			xo_serve_cancelled(l, slot, READ_ONCE(b->given_up[i][slot]));
	}
}

static void handle_links(struct xo_board *b)
{
	struct xo_link *l;
	unsigned int i;

	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		l = xo.link[i];
		if (l && l->role == XO_ROLE_CALLER && READ_ONCE(b->done[i]))
			handle_done(b, l);
		if (xo.links_told != xo.links_read || !(xo.posted[i] | xo.cancelled[i]))
			continue;
		if (l && l->role == XO_ROLE_CALLEE)
			handle_posted(b, l);
		else
			xo.posted[i] = xo.cancelled[i] = 0;
	}
}

void xo_board_interrupt(void)
{
	struct xo_board *b;
	unsigned long flags;

	spin_lock_irqsave(&xo.lock, flags);
	b = xo.board;
	if (b && !xo.lost) {
		/* Host memory that was taken away reads as anything but a board. */
		if (READ_ONCE(b->magic) == XO_BOARD_MAGIC) {
			take_words(b);
			handle_links(b);
		} else {
			xo_gone();
		}
	}
	spin_unlock_irqrestore(&xo.lock, flags);
}

void xo_gone(void)
{
	xo.lost = true;
	xo_request_event();
	mod_delayed_work(xo.wq, &work_item, 0);
}

static bool copy_links(struct xo_board *b)
{
	unsigned int tries;
	u32 before;

	for (tries = 0; tries < 100; tries++) {
		before = smp_load_acquire(&b->generation);
		if (!(before & 1)) {
			memcpy(fresh, b->links, sizeof(fresh));
			smp_rmb();
			if (READ_ONCE(b->generation) == before)
				return true;
		}
		usleep_range(10, 20);
	}
	return false;
}

/* The world of a VM keeps its WID when its module goes and comes; this tells one life from another.
 */
static u64 peer_incarnation(const struct xo_board_link *bl)
{
	return bl->reserved[0];
}

static void refresh_link(u32 i)
{
	const struct xo_board_link *bl = &fresh[i];
	struct xo_link *l = xo.link[i];
	bool exists = bl->id && bl->up;

	if (l && (!exists || bl->id != l->id)) {
		xo_link_remove(l);
		l = NULL;
	}
	if (l && (bl->peer_wid != l->peer_wid || peer_incarnation(bl) != l->peer_incarnation))
		xo_link_peer_changed(l, bl->peer_wid, peer_incarnation(bl));
	if (l && (bl->engine != l->engine || bl->reserved[1] != l->flags))
		xo_link_engine_changed(l, bl);
	if (!l && exists)
		xo_link_add(i, bl, peer_incarnation(bl));
}

void xo_board_refresh(void)
{
	u32 i, seen;

	lockdep_assert_held(&xo.host);
	spin_lock_irq(&xo.lock);
	seen = xo.links_told;
	spin_unlock_irq(&xo.lock);
	if (!copy_links(xo.board)) {
		mod_delayed_work(xo.wq, &work_item, HZ / 50);
		return;
	}
	for (i = 0; i < XO_LINKS_PER_VM; i++)
		refresh_link(i);
	spin_lock_irq(&xo.lock);
	xo.links_read = seen;
	spin_unlock_irq(&xo.lock);
}

void xo_board_sync(void)
{
	mutex_lock(&xo.host);
	if (xo.board && !READ_ONCE(xo.lost))
		xo_board_refresh();
	mutex_unlock(&xo.host);
}

static void board_work(struct work_struct *work)
{
	mutex_lock(&xo.host);
	if (READ_ONCE(xo.lost))
		xo_goodbye(false);
	else if (xo.board)
		xo_board_refresh();
	mutex_unlock(&xo.host);
	xo_board_interrupt();
}

int xo_board_init(void)
{
	xo.wq = alloc_workqueue("crossover", WQ_HIGHPRI, 0);
	return xo.wq ? 0 : -ENOMEM;
}

void xo_board_exit(void)
{
	cancel_delayed_work_sync(&work_item);
	destroy_workqueue(xo.wq);
}
