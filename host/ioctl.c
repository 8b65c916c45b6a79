// SPDX-License-Identifier: GPL-2.0
/*
 * The host's ioctls, as include/crossover/abi.h part 4 has them. Each copies its structure in once,
 * works on the copy under xo_mutex, and copies it back whole, on refusal too (with the reason).
 */
#include "away.h"
#include "visitor.h"
#include "service.h"
#include <linux/uaccess.h>
#include <linux/utsname.h>
#include <generated/utsrelease.h>

/* What every structure begins with. */
struct head {
	u32 revision;
	u32 reason;
};

/* 0, a positive enum xo_reason, or a negative errno that needs no sentence (end of a list). */
static int h_version(void *p)
{
	struct xo_h_version *arg = p;
	bool same = arg->revision == XO_ABI_REVISION;

	arg->revision = XO_ABI_REVISION;
	strscpy_pad(arg->build, UTS_RELEASE, sizeof(arg->build));
	return same ? XO_REASON_NONE : XO_REASON_VERSION;
}

static int h_enrol(void *p)
{
	return xo_vm_enrol(p);
}

static int h_unenrol(void *p)
{
	struct xo_h_enrol *arg = p;

	return xo_vm_unenrol(arg->name);
}

static int h_link(void *p)
{
	return xo_link_add(p);
}

static int h_unlink(void *p)
{
	struct xo_h_link *arg = p;

	return xo_link_remove(arg->caller, arg->callee);
}

static void describe_vm(struct xo_vm *vm, struct xo_h_vm_info *info)
{
	u32 i;
	int cpu;

	memset((char *)info + sizeof(struct head) + sizeof(info->after), 0,
	       sizeof(*info) - sizeof(struct head) - sizeof(info->after));
	info->wid = vm->wid;
	memcpy(info->name, vm->name, sizeof(info->name));
	info->pid = vm->pid;
	info->pinned_pages = vm->board_memory.npages;
	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		if (!vm->link[i])
			continue;
		info->links++;
		info->pinned_pages += vm->link[i]->window.npages;
	}
	if (vm->ram)
		info->pinned_pages += vm->ram->pinned;
	for_each_possible_cpu(cpu) info->exits += *per_cpu_ptr(vm->exits, cpu);
	info->hypercalls = atomic64_read(&vm->hypercalls);
	info->refused = atomic64_read(&vm->refused);
	info->interrupts = atomic64_read(&vm->interrupts);
	raw_spin_lock_irq(&vm->lock);
	info->up = vm->up;
	info->worlds = vm->worlds + vm->up;
	info->incarnation = vm->incarnation;
	raw_spin_unlock_irq(&vm->lock);
}

static int h_vm_info(void *p)
{
	struct xo_h_vm_info *info = p;
	struct xo_vm *vm;

	list_for_each_entry(vm, &xo_vms, node) {
		if (vm->wid <= info->after)
			continue;
		describe_vm(vm, info);
		return 0;
	}
	return -ENOENT;
}

static void describe_link(struct xo_link *link, struct xo_h_link_info *info)
{
	struct xo_vm *caller = link->vm[XO_CALLER], *callee = link->vm[XO_CALLEE];

	info->id = link->id;
	memcpy(info->caller, caller->name, sizeof(info->caller));
	memcpy(info->callee, callee->name, sizeof(info->callee));
	info->caller_wid = caller->wid;
	info->callee_wid = callee->wid;
	info->engine = link->engine;
	info->slots = link->slots;
	raw_spin_lock_irq(&link->lock);
	info->calls = link->stat.calls;
	info->ok = link->stat.ok;
	info->errors = link->stat.errors;
	info->hostdown = link->stat.hostdown;
	info->cancelled = link->stat.cancelled;
	info->refused = link->stat.refused;
	info->exits = link->stat.exits;
	info->interrupts = link->stat.interrupts;
	info->busy = link->stat.busy;
	info->by_exit = link->by_exit;
	memcpy(info->kept_off, link->stat.kept_off, sizeof(info->kept_off));
	raw_spin_unlock_irq(&link->lock);
	info->kernel = link->flags;
	info->window_pages = link->window.npages;
	info->added_pages = info->ram_pages = 0;
	xo_visits_price(link, info);
}

static int h_link_info(void *p)
{
	struct xo_h_link_info *info = p;
	struct xo_link *link;

	list_for_each_entry(link, &xo_links, node) {
		if (link->id <= info->after)
			continue;
		describe_link(link, info);
		return 0;
	}
	return -ENOENT;
}

static int h_world_info(void *p)
{
	struct xo_h_world_info *info = p;

	return xo_world_next(info->after, info) ? 0 : -ENOENT;
}

static int h_service_info(void *p)
{
	struct xo_h_service_info *info = p;

	return xo_service_next(info->after, info) ? 0 : -ENOENT;
}

static int h_conn_info(void *p)
{
	struct xo_h_conn_info *info = p;

	return xo_conn_next(info->after, info) ? 0 : -ENOENT;
}

static int h_record_info(void *p)
{
	struct xo_h_record_info *info = p;

	return xo_record_next(info->after, info) ? 0 : -ENOENT;
}

static int h_qualify(void *p)
{
	struct xo_h_qualify *arg = p;
	struct xo_vm *vm;

	if (!xo_name_valid(arg->name))
		return XO_REASON_NAME_BAD;
	if (!strcmp(arg->name, XO_HOST_NAME))
		return xo_processor_lacks;
	vm = xo_vm_by_name(arg->name);
	return vm ? xo_vmfunc_qualify(vm) : XO_REASON_NOT_ENROLLED;
}

static const struct {
	unsigned int cmd;
	int (*run)(void *arg);
} table[] = {
	{ XO_H_VERSION, h_version },
	{ XO_H_ENROL, h_enrol },
	{ XO_H_UNENROL, h_unenrol },
	{ XO_H_LINK, h_link },
	{ XO_H_UNLINK, h_unlink },
	{ XO_H_VM_INFO, h_vm_info },
	{ XO_H_LINK_INFO, h_link_info },
	{ XO_H_WORLD_INFO, h_world_info },
	{ XO_H_SERVICE_INFO, h_service_info },
	{ XO_H_CONN_INFO, h_conn_info },
	{ XO_H_QUALIFY, h_qualify },
	{ XO_H_RECORD_INFO, h_record_info },
};

union argument {
	struct head head;
	struct xo_h_version version;
	struct xo_h_enrol enrol;
	struct xo_h_link link;
	struct xo_h_vm_info vm_info;
	struct xo_h_link_info link_info;
	struct xo_h_world_info world_info;
	struct xo_h_service_info service_info;
	struct xo_h_conn_info conn_info;
	struct xo_h_qualify qualify;
	struct xo_h_record_info record_info;
};

/* What the structures rely on to be read through struct head. */
#define HEAD_FIRST(type)                                                             \
	static_assert(offsetof(type, revision) == offsetof(struct head, revision) && \
		      offsetof(type, reason) == offsetof(struct head, reason))
HEAD_FIRST(struct xo_h_version);
HEAD_FIRST(struct xo_h_enrol);
HEAD_FIRST(struct xo_h_link);
HEAD_FIRST(struct xo_h_vm_info);
HEAD_FIRST(struct xo_h_link_info);
HEAD_FIRST(struct xo_h_world_info);
HEAD_FIRST(struct xo_h_service_info);
HEAD_FIRST(struct xo_h_conn_info);
HEAD_FIRST(struct xo_h_qualify);
HEAD_FIRST(struct xo_h_record_info);

static int run(unsigned int i, union argument *arg)
{
	int result;

	if (table[i].cmd != XO_H_VERSION && arg->head.revision != XO_ABI_REVISION)
		return XO_REASON_VERSION;
	if (mutex_lock_interruptible(&xo_mutex))
		return -EINTR;
	result = table[i].run(arg);
	mutex_unlock(&xo_mutex);
	return result;
}

long xo_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	union argument arg = {};
	unsigned int i;
	int result;

	for (i = 0; i < ARRAY_SIZE(table) && table[i].cmd != cmd; i++)
		;
	if (i == ARRAY_SIZE(table))
		return -ENOTTY;
	if (copy_from_user(&arg, (void __user *)user, _IOC_SIZE(cmd)))
		return -EFAULT;
	result = run(i, &arg);
	arg.head.reason = result > 0 ? result : XO_REASON_NONE;
	if (copy_to_user((void __user *)user, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return result > 0 ? xo_reason_errno(result) : result;
}
