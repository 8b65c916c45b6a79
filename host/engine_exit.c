// SPDX-License-Identifier: GPL-2.0
/*
 * The engine `exit`: a call is a VMCALL of the caller, an interrupt to the callee, a VMCALL of the
 * callee, an interrupt to the caller. Here is the life of a call; the host's own table of slots
 * says what is under way, never the window or the board. link->lock is held throughout, so that
 * a call ends once: by return, or by teardown, whoever comes first.
 *
 *   FREE --CALL--> POSTED --CANCEL--> CANCELLED
 *     ^              |                    |
 *     +---RETURN, or the link or callee ends---+
 *   POSTED, CANCELLED --the caller ends--> ORPHAN --RETURN, or the callee ends--> FREE
 *
 * Each check is for one transition and changes nothing; what follows it cannot fail.
 */
#include "host.h"
#include "trace.h"

int xo_call_check(const struct xo_link *link, u32 slot)
{
	if (!link->side_up[XO_CALLER])
		return -ENOTCONN;
	if (!link->up || !link->side_up[XO_CALLEE])
		return -EHOSTDOWN;
	if (link->slot[slot].state != XO_SLOT_FREE)
		return -EBUSY;
	return 0;
}

void xo_call_post(struct xo_link *link, u32 slot, u64 seq)
{
	link->slot[slot].state = XO_SLOT_POSTED;
	link->slot[slot].seq = seq;
	link->stat.calls++;
	link->stat.busy++;
	trace_xo_call(link->id, link->vm[XO_CALLER]->wid, link->vm[XO_CALLEE]->wid, slot, seq);
	xo_board_posted(link, slot, seq);
	xo_board_interrupt(link, XO_CALLEE);
}

/*
 * A visitor that had this call under way goes on in the callee: from here on it is like any posted
 * call, but for the callee, who has it already.
 */
int xo_call_evicted(struct xo_link *link, u32 slot, u64 seq)
{
	int error = slot < link->slots ? xo_call_check(link, slot) : -EINVAL;

	if (error)
		return error;
	link->slot[slot].state = XO_SLOT_POSTED;
	link->slot[slot].seq = seq;
	link->stat.calls++;
	link->stat.busy++;
	trace_xo_call(link->id, link->vm[XO_CALLER]->wid, link->vm[XO_CALLEE]->wid, slot, seq);
	return 0;
}

static bool under_way(const struct xo_slot *slot, u64 seq)
{
	return slot->state != XO_SLOT_FREE && slot->seq == seq;
}

int xo_return_check(const struct xo_link *link, u32 slot, u64 seq)
{
	return under_way(&link->slot[slot], seq) ? 0 : -ESTALE;
}

/* The one place where a call ends. Its caller sends the interrupt. */
static void end_call(struct xo_link *link, u32 slot, int status)
{
	struct xo_slot *s = &link->slot[slot];
	bool wanted = s->state != XO_SLOT_ORPHAN;

	s->state = XO_SLOT_FREE;
	link->stat.busy--;
	trace_xo_done(link->id, slot, s->seq, status);
	if (wanted)
		xo_board_done(link, slot, s->seq, status);
}

void xo_call_return(struct xo_link *link, u32 slot, int status)
{
	if (status)
		link->stat.errors++;
	else
		link->stat.ok++;
	end_call(link, slot, status);
	xo_board_interrupt(link, XO_CALLER);
}

int xo_cancel_check(const struct xo_link *link, u32 slot, u64 seq)
{
	const struct xo_slot *s = &link->slot[slot];

	return under_way(s, seq) && s->state != XO_SLOT_ORPHAN ? 0 : -ESTALE;
}

void xo_call_cancel(struct xo_link *link, u32 slot)
{
	if (link->slot[slot].state == XO_SLOT_CANCELLED)
		return; /* said before */
	link->slot[slot].state = XO_SLOT_CANCELLED;
	link->stat.cancelled++;
	xo_board_cancelled(link, slot, link->slot[slot].seq);
	xo_board_interrupt(link, XO_CALLEE);
}

/* The link or its callee ends: so does every call, for its caller with EHOSTDOWN. */
u32 xo_calls_fail(struct xo_link *link)
{
	u32 slot, ended = 0;

	for (slot = 0; slot < link->slots; slot++) {
		if (link->slot[slot].state == XO_SLOT_FREE)
			continue;
		xo_board_cancelled(link, slot, link->slot[slot].seq);
		end_call(link, slot, -EHOSTDOWN);
		ended++;
	}
	link->stat.hostdown += ended;
	if (ended) {
		xo_board_interrupt(link, XO_CALLEE);
		xo_board_interrupt(link, XO_CALLER);
	}
	return ended;
}

/*
 * The caller ends. A callee may be writing its reply just now: the slot stays taken until it says
 * that it is through, or a later caller's call would find the reply of an earlier one.
 */
u32 xo_calls_orphan(struct xo_link *link)
{
	u32 slot, ended = 0;

	for (slot = 0; slot < link->slots; slot++) {
		struct xo_slot *s = &link->slot[slot];

		if (s->state == XO_SLOT_FREE || s->state == XO_SLOT_ORPHAN)
			continue;
		s->state = XO_SLOT_ORPHAN;
		xo_board_cancelled(link, slot, s->seq);
		ended++;
	}
	if (ended)
		xo_board_interrupt(link, XO_CALLEE);
	return ended;
}
