// SPDX-License-Identifier: GPL-2.0
/* Worlds and their identities. */
#include "host.h"
#include <linux/timekeeping.h>

static atomic64_t xo_last_id;

/*
 * WIDs and link ids come from one counter. It starts at the time since boot in nanoseconds, not at
 * 1: the module may be unloaded and loaded again, and an id that a guest of the first load still
 * remembers must not mean somebody else in the second. No host gives one id per nanosecond.
 */
void xo_wid_init(void)
{
	atomic64_set(&xo_last_id, ktime_get_boottime_ns());
}

u64 xo_wid_new(void)
{
	return atomic64_inc_return(&xo_last_id);
}

/* -EDQUOT: the table is the quota, so that nothing needs to be allocated with interrupts off. */
int xo_world_add(struct xo_vm *vm, u32 kind, s32 pid, u64 *wid)
{
	unsigned long flags;
	int error = -EDQUOT;
	u32 i;

	raw_spin_lock_irqsave(&vm->lock, flags);
	for (i = 0; i < XO_WORLDS_PER_VM; i++) {
		struct xo_world *world = &vm->world[i];

		if (world->wid)
			continue;
		world->wid = xo_wid_new();
		world->kind = kind;
		world->pid = pid;
		vm->worlds++;
		*wid = world->wid;
		error = 0;
		break;
	}
	raw_spin_unlock_irqrestore(&vm->lock, flags);
	return error;
}

int xo_world_del(struct xo_vm *vm, u64 wid)
{
	unsigned long flags;
	int error = -ENOENT;
	u32 i;

	if (!wid)
		return error;
	raw_spin_lock_irqsave(&vm->lock, flags);
	for (i = 0; i < XO_WORLDS_PER_VM; i++) {
		if (vm->world[i].wid != wid)
			continue;
		vm->world[i].wid = 0;
		vm->worlds--;
		error = 0;
		break;
	}
	raw_spin_unlock_irqrestore(&vm->lock, flags);
	return error;
}

/* The worlds of a VM end with its kernel. vm->lock is held. */
void xo_worlds_clear(struct xo_vm *vm)
{
	memset(vm->world, 0, sizeof(vm->world));
	vm->worlds = 0;
}

static void offer(struct xo_h_world_info *info, const struct xo_vm *vm, u64 after, u64 wid,
		  u32 kind, s32 pid)
{
	if (wid <= after || (info->wid && wid >= info->wid))
		return;
	info->wid = wid;
	info->kind = kind;
	info->pid = pid;
	memcpy(info->vm, vm->name, sizeof(info->vm));
}

static void offer_all(struct xo_h_world_info *info, struct xo_vm *vm, u64 after)
{
	u32 i;

	raw_spin_lock_irq(&vm->lock);
	if (vm->up)
		offer(info, vm, after, vm->wid, XO_WORLD_KERNEL, 0);
	for (i = 0; i < XO_WORLDS_PER_VM; i++)
		offer(info, vm, after, vm->world[i].wid, vm->world[i].kind, vm->world[i].pid);
	raw_spin_unlock_irq(&vm->lock);
}

/* The world with the smallest WID above `after`; false at the end. xo_mutex is held. */
bool xo_world_next(u64 after, struct xo_h_world_info *info)
{
	struct xo_vm *vm;

	info->wid = 0;
	offer_all(info, xo_self_vm(), after);
	list_for_each_entry(vm, &xo_vms, node)
		offer_all(info, vm, after);
	return info->wid != 0;
}
