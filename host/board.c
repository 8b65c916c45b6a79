// SPDX-License-Identifier: GPL-2.0
/*
 * The board: host memory in which the host tells a guest what happened. The guest can scribble on
 * all of it, so everything here writes and nothing reads.
 *
 * ORDER: status and seq, then the event bit, then the interrupt; the guest takes them in reverse.
 */
#include "host.h"
#include <linux/vmalloc.h>

int xo_board_init(struct xo_vm *vm)
{
	struct xo_board *board;
	int error;

	error = xo_memory_alloc(&vm->board_memory, "crossover-board", XO_BOARD_SIZE);
	if (error)
		return error;
	board = vmap(vm->board_memory.pages, vm->board_memory.npages, VM_MAP, PAGE_KERNEL);
	if (!board) {
		xo_memory_free(&vm->board_memory);
		return -ENOMEM;
	}
	board->magic = XO_BOARD_MAGIC;
	board->revision = XO_ABI_REVISION;
	board->size = XO_BOARD_SIZE;
	board->wid = vm->wid;
	memcpy(board->name, vm->name, sizeof(board->name));
	vm->board = board;
	return 0;
}

/* For a new incarnation: what the last one was told is nothing to it. */
void xo_board_clear_events(struct xo_vm *vm)
{
	struct xo_board *board = vm->board;
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		WRITE_ONCE(board->posted[i], 0);
		WRITE_ONCE(board->cancelled[i], 0);
		WRITE_ONCE(board->done[i], 0);
	}
	WRITE_ONCE(board->events, 0);
}

/* A seqcount whose counter we keep ourselves: the one on the board is the guest's to overwrite. */
static void begin_links(struct xo_vm *vm)
{
	WRITE_ONCE(vm->board->generation, ++vm->generation);
	smp_wmb();
}

static void end_links(struct xo_vm *vm)
{
	smp_wmb();
	WRITE_ONCE(vm->board->generation, ++vm->generation);
}

/* On one processor whoever polls keeps the other from answering. */
static u32 engine_shown(const struct xo_link *link)
{
	u32 engine = READ_ONCE(link->engine);

	return engine == XO_ENGINE_RING && num_online_cpus() < 2 ? XO_ENGINE_EXIT : engine;
}

/*
 * Shows a link, as it is now, to one side. Everybody who changes link->up or link->side_up calls
 * this afterwards, for the side that must learn of it: whoever comes last under board_lock sees
 * the last state.
 */
void xo_board_set_link(struct xo_link *link, enum xo_side side)
{
	struct xo_vm *vm = link->vm[side], *peer = link->vm[!side];
	struct xo_board_link *entry = &vm->board->links[link->index[side]];
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->board_lock, flags);
	begin_links(vm);
	entry->id = link->id;
	entry->peer_wid = READ_ONCE(link->side_up[!side]) ? peer->wid : 0;
	/* Which life of the peer's kernel that is: its WID stays when it says HELLO anew. */
	entry->reserved[0] = READ_ONCE(peer->incarnation);
	entry->window_gpa = link->mapping[side].gpa;
	entry->role = side == XO_CALLER ? XO_ROLE_CALLER : XO_ROLE_CALLEE;
	entry->engine = engine_shown(link);
	entry->reserved[1] = READ_ONCE(link->flags);
	entry->slots = link->slots;
	entry->up = READ_ONCE(link->up);
	memcpy(entry->peer, peer->name, sizeof(entry->peer));
	end_links(vm);
	raw_spin_unlock_irqrestore(&vm->board_lock, flags);
}

void xo_board_clear_link(struct xo_link *link, enum xo_side side)
{
	struct xo_vm *vm = link->vm[side];
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->board_lock, flags);
	begin_links(vm);
	memset(&vm->board->links[link->index[side]], 0, sizeof(struct xo_board_link));
	end_links(vm);
	raw_spin_unlock_irqrestore(&vm->board_lock, flags);
}

/* set_bit() is atomic against the guest's exchange; the barrier makes it the last store. */
static void raise(u64 *word, u32 bit)
{
	smp_mb__before_atomic();
	set_bit(bit, (unsigned long *)word);
}

void xo_board_event(struct xo_vm *vm, u64 event)
{
	raise(&vm->board->events, __ffs64(event));
	xo_event_send(vm);
}

/* The interrupt behind a call's event bits, once for as many as were raised. link->lock is held. */
void xo_board_interrupt(struct xo_link *link, enum xo_side side)
{
	link->stat.interrupts += xo_event_send(link->vm[side]);
}

void xo_board_posted(struct xo_link *link, u32 slot, u64 seq)
{
	struct xo_board *board = link->vm[XO_CALLEE]->board;
	u32 index = link->index[XO_CALLEE];

	/* What the slot's last call was told of, and perhaps not heard, is not for this one. */
	clear_bit(slot, (unsigned long *)&board->cancelled[index]);
	WRITE_ONCE(board->seq[index][slot], seq);
	raise(&board->posted[index], slot);
}

void xo_board_cancelled(struct xo_link *link, u32 slot, u64 seq)
{
	struct xo_board *board = link->vm[XO_CALLEE]->board;
	u32 index = link->index[XO_CALLEE];

	WRITE_ONCE(board->given_up[index][slot], seq);
	raise(&board->cancelled[index], slot);
}

void xo_board_done(struct xo_link *link, u32 slot, u64 seq, int status)
{
	struct xo_board *board = link->vm[XO_CALLER]->board;
	u32 index = link->index[XO_CALLER];

	WRITE_ONCE(board->status[index][slot], status);
	WRITE_ONCE(board->seq[index][slot], seq);
	raise(&board->done[index], slot);
}
