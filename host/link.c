// SPDX-License-Identifier: GPL-2.0
/*
 * Links: a permitted pair of VMs, the window that they share, and the way up and down.
 *
 * A link ends in two steps, since its guests are other people's kernels: xo_link_down() ends its
 * calls and tells both sides; after a grace xo_link_free() takes the window away. A guest that has
 * not let go by then reads ones and writes nothing.
 */
#include "host.h"
#include <linux/slab.h>
#include "trace.h"
#include "vmfunc.h"
#include "visitor.h"

LIST_HEAD(xo_links);

enum xo_side xo_link_side(const struct xo_link *link, const struct xo_vm *vm)
{
	return link->vm[XO_CALLER] == vm ? XO_CALLER : XO_CALLEE;
}

/* Under RCU: a link found stays until the reader is through. */
struct xo_link *xo_link_find(struct xo_vm *vm, enum xo_side side, u64 id)
{
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		struct xo_link *link = READ_ONCE(vm->link[i]);

		if (link && link->id == id && link->vm[side] == vm)
			return link;
	}
	return NULL;
}

static struct xo_link *find(const struct xo_vm *caller, const struct xo_vm *callee)
{
	struct xo_link *link;

	list_for_each_entry(link, &xo_links, node)
		if (link->vm[XO_CALLER] == caller && link->vm[XO_CALLEE] == callee)
			return link;
	return NULL;
}

static bool free_index(const struct xo_vm *vm, u32 *index)
{
	for (*index = 0; *index < XO_LINKS_PER_VM; ++*index)
		if (!vm->link[*index])
			return true;
	return false;
}

static struct xo_link *new_link(struct xo_vm *caller, struct xo_vm *callee, u32 engine, u32 slots)
{
	struct xo_link *link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);

	if (!link)
		return NULL;
	if (xo_memory_alloc(&link->window, "crossover-window", XO_WINDOW_SIZE(slots))) {
		kfree(link);
		return NULL;
	}
	link->id = xo_wid_new();
	link->engine = engine;
	link->slots = slots;
	link->vm[XO_CALLER] = caller;
	link->vm[XO_CALLEE] = callee;
	raw_spin_lock_init(&link->lock);
	return link;
}

static enum xo_reason map_window(struct xo_link *link, enum xo_side side)
{
	struct xo_vm *vm = link->vm[side];
	u32 entry = 1 + link->index[side]; /* 0 is the board */
	int error;

	if (!vm->kvm)
		return XO_REASON_NONE; /* the host reads it where it is */
	error = xo_memory_map(vm->kvm, &link->window, XO_MEMSLOT_BASE + entry,
			      vm->gpa_base + entry * XO_GPA_STRIDE, &link->mapping[side]);

	switch (error) {
	case 0:
		return XO_REASON_NONE;
	case -ESRCH:
		return XO_REASON_VM_DYING;
	case -EEXIST:
	case -EINVAL:
		return XO_REASON_NO_GPA;
	default:
		return XO_REASON_NO_MEMORY;
	}
}

static void drop_memory(struct xo_link *link)
{
	enum xo_side side;

	for (side = XO_CALLER; side <= XO_CALLEE; side++)
		if (link->mapping[side].mapped)
			xo_memory_unmap(link->vm[side]->kvm, &link->mapping[side]);
	xo_memory_free(&link->window);
}

/* Into one VM's table. From here on its HELLO and its end reach the link. */
static void attach(struct xo_link *link, enum xo_side side)
{
	struct xo_vm *vm = link->vm[side];

	raw_spin_lock_irq(&vm->lock);
	smp_store_release(&vm->link[link->index[side]], link);
	if (vm->up)
		xo_link_side_up(link, side);
	raw_spin_unlock_irq(&vm->lock);
}

static void detach(struct xo_link *link, enum xo_side side)
{
	struct xo_vm *vm = link->vm[side];

	raw_spin_lock_irq(&vm->lock);
	WRITE_ONCE(vm->link[link->index[side]], NULL);
	raw_spin_unlock_irq(&vm->lock);
}

/* Shows the link, as it is now, to both sides, and says so. */
static void show(struct xo_link *link)
{
	enum xo_side side;

	for (side = XO_CALLER; side <= XO_CALLEE; side++) {
		xo_board_set_link(link, side);
		xo_board_event(link->vm[side], XO_EVENT_LINKS);
	}
}

static void go_up(struct xo_link *link)
{
	xo_self_link_up(link);
	attach(link, XO_CALLER);
	attach(link, XO_CALLEE);
	raw_spin_lock_irq(&link->lock);
	WRITE_ONCE(link->up, true);
	raw_spin_unlock_irq(&link->lock);
	list_add_tail(&link->node, &xo_links);
	show(link);
}

static enum xo_reason build(struct xo_vm *caller, struct xo_vm *callee, u32 slots,
			    struct xo_h_link *arg)
{
	enum xo_reason reason;
	struct xo_link *link;
	u32 caller_index, callee_index;

	if (!free_index(caller, &caller_index) || !free_index(callee, &callee_index))
		return XO_REASON_LINKS_FULL;
	link = new_link(caller, callee, arg->engine ?: XO_ENGINE_EXIT, slots);
	if (!link)
		return XO_REASON_NO_MEMORY;
	link->flags = arg->flags;
	link->index[XO_CALLER] = caller_index;
	link->index[XO_CALLEE] = callee_index;
	reason = map_window(link, XO_CALLER);
	if (!reason)
		reason = map_window(link, XO_CALLEE);
	if (reason) {
		drop_memory(link);
		kfree(link);
		return reason;
	}
	go_up(link);
	arg->id = link->id;
	pr_info("link %s -> %s made\n", caller->name, callee->name);
	return XO_REASON_NONE;
}

/* May calls of that VM take that engine? A VM whose kernel is not up cannot be judged yet: then the
 * engine is the link's, and each connection is judged when it is made. */
static enum xo_reason check_engine(struct xo_vm *caller, u32 engine)
{
	switch (engine) {
	case 0: /* that of the link, or `exit` for a new one */
	case XO_ENGINE_EXIT:
	case XO_ENGINE_RING: /* the guests' own affair; see xo_board_set_link() */
		return XO_REASON_NONE;
	case XO_ENGINE_VMFUNC:
		return READ_ONCE(caller->up) ? xo_vmfunc_qualify(caller) : XO_REASON_NONE;
	default:
		return XO_REASON_ENGINE;
	}
}

/* Both sides are told; calls that are under way end as they began. */
static enum xo_reason switch_engine(struct xo_link *link, struct xo_h_link *arg)
{
	if (arg->slots && arg->slots != link->slots)
		return XO_REASON_SLOTS_FIXED;
	if (!arg->engine || (link->engine == arg->engine && link->flags == arg->flags))
		return XO_REASON_LINK_EXISTS;
	WRITE_ONCE(link->engine, arg->engine);
	if (link->flags & XO_LINK_KERNEL && link->flags != arg->flags)
		xo_visits_link_gone(link);
	WRITE_ONCE(link->flags, arg->flags);
	show(link);
	xo_services_link_switched(link);
	arg->id = link->id;
	arg->switched = 1;
	return XO_REASON_NONE;
}

/*
 * What keeps visits off may pass: a kernel boots with other parameters, a migration ends. Such a
 * link is made, and its system calls go by `exit` until xo_record_add() finds that it has passed.
 */
static bool may_pass(enum xo_reason reason)
{
	switch (reason) {
	case XO_REASON_ENGINE:
	case XO_REASON_HOST_KERNEL:
	case XO_REASON_NO_HOOKS:
	case XO_REASON_NO_IBPB:
	case XO_REASON_NO_MEMORY:
	case XO_REASON_VM_DYING:
		return false;
	default:
		return true;
	}
}

/* As check_engine(); what may pass is told in *meanwhile. */
static enum xo_reason check_visits(struct xo_vm *caller, struct xo_vm *callee, u32 flags,
				   enum xo_reason *meanwhile)
{
	enum xo_reason reason;

	if (flags & XO_LINK_IBPB && !boot_cpu_has(X86_FEATURE_IBPB))
		return XO_REASON_NO_IBPB;
	reason = check_engine(caller, XO_ENGINE_VMFUNC) ?: xo_visits_enable(caller, callee);
	if (!may_pass(reason))
		return reason;
	*meanwhile = reason;
	return XO_REASON_NONE;
}

static bool flags_ok(const struct xo_h_link *arg)
{
	switch (arg->flags) {
	case 0:
		return true;
	case XO_LINK_KERNEL:
	case XO_LINK_KERNEL | XO_LINK_IBPB:
		return arg->engine == XO_ENGINE_VMFUNC;
	default:
		return false;
	}
}

/* A VM, or the host. */
static struct xo_vm *find_callee(const char *name)
{
	return strcmp(name, XO_HOST_NAME) ? xo_vm_by_name(name) : xo_self_vm();
}

enum xo_reason xo_link_add(struct xo_h_link *arg)
{
	u32 slots = arg->slots ?: XO_SLOTS_PER_LINK;
	enum xo_reason reason, meanwhile = XO_REASON_NONE;
	struct xo_vm *caller, *callee;
	struct xo_link *link;

	if (!xo_name_valid(arg->caller) || !xo_name_valid(arg->callee))
		return XO_REASON_NAME_BAD;
	if (slots > XO_SLOTS_PER_LINK)
		return XO_REASON_SLOTS_BAD;
	if (!strcmp(arg->caller, XO_HOST_NAME))
		return XO_REASON_HOST_CALLS;
	caller = xo_vm_by_name(arg->caller);
	callee = find_callee(arg->callee);
	if (!caller || !callee)
		return XO_REASON_NOT_ENROLLED;
	if (caller == callee)
		return XO_REASON_LINK_SELF;
	if (READ_ONCE(caller->leaving) || READ_ONCE(callee->leaving))
		return XO_REASON_VM_DYING;
	if (!flags_ok(arg))
		return XO_REASON_ENGINE;
	reason = arg->flags ? check_visits(caller, callee, arg->flags, &meanwhile)
			    : check_engine(caller, arg->engine);
	if (reason)
		return reason;
	arg->switched = 0;
	link = find(caller, callee);
	reason = link ? switch_engine(link, arg) : build(caller, callee, slots, arg);
	if (arg->flags && reason)
		xo_visits_unused(callee);
	if (!reason || (meanwhile && reason == XO_REASON_LINK_EXISTS))
		xo_visits_kept_off(find(caller, callee), meanwhile);
	return reason;
}

/* Both sides' calls and requests end; the window stays for now. Harmless when said twice. */
void xo_link_down(struct xo_link *link, const char *why)
{
	bool was_up;
	u32 calls;

	raw_spin_lock_irq(&link->lock);
	was_up = link->up;
	WRITE_ONCE(link->up, false);
	calls = xo_calls_fail(link);
	raw_spin_unlock_irq(&link->lock);
	if (!was_up)
		return;
	xo_services_link_down(link);
	trace_xo_teardown(link->id, "link", why, calls);
	show(link);
}

/* The second step. Nobody can find the link any more when its window goes. */
void xo_link_free(struct xo_link *link)
{
	enum xo_side side;

	list_del(&link->node);
	xo_visits_link_gone(link);
	xo_services_link_free(link);
	xo_self_link_gone(link);
	detach(link, XO_CALLER);
	detach(link, XO_CALLEE);
	/* From here on no HELLO of either side can show the link again. */
	for (side = XO_CALLER; side <= XO_CALLEE; side++) {
		xo_board_clear_link(link, side);
		xo_board_event(link->vm[side], XO_EVENT_LINKS);
	}
	synchronize_rcu(); /* hooks that found it before */
	drop_memory(link);
	kfree(link);
}

enum xo_reason xo_link_remove(const char *caller_name, const char *callee_name)
{
	struct xo_vm *caller, *callee;
	struct xo_link *link;

	if (!xo_name_valid(caller_name) || !xo_name_valid(callee_name))
		return XO_REASON_NAME_BAD;
	caller = xo_vm_by_name(caller_name);
	callee = find_callee(callee_name);
	if (!caller || !callee)
		return XO_REASON_NOT_ENROLLED;
	link = find(caller, callee);
	if (!link)
		return XO_REASON_LINK_NONE;
	xo_link_down(link, "unlinked");
	msleep(XO_GRACE_MS);
	pr_info("link %s -> %s removed\n", caller_name, callee_name);
	xo_link_free(link);
	return XO_REASON_NONE;
}

static void tell_peer(struct xo_link *link, enum xo_side side)
{
	xo_board_set_link(link, !side);
	xo_board_event(link->vm[!side], XO_EVENT_LINKS);
}

void xo_link_side_up(struct xo_link *link, enum xo_side side)
{
	raw_spin_lock(&link->lock);
	WRITE_ONCE(link->side_up[side], true);
	raw_spin_unlock(&link->lock);
	tell_peer(link, side);
}

u32 xo_link_side_down(struct xo_link *link, enum xo_side side)
{
	u32 calls;

	raw_spin_lock(&link->lock);
	WRITE_ONCE(link->side_up[side], false);
	calls = side == XO_CALLEE ? xo_calls_fail(link) : xo_calls_orphan(link);
	raw_spin_unlock(&link->lock);
	tell_peer(link, side);
	return calls;
}
