// SPDX-License-Identifier: GPL-2.0
/*
 * Enrolled VMs: enrolment, the incarnations of their kernels, and every way in which they end.
 *
 * A VM ends when its process dies (the notifier on its address space tells at once), when its
 * descriptors are closed while the process lives on (the reaper looks), when the administrator
 * unenrols it, or when the module is unloaded. What must not wait is done at once and in any
 * context: its calls end (xo_vm_end()). The rest may sleep and is done by announce() and finish().
 */
#include "host.h"
#include <linux/file.h>
#include <linux/hashtable.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "compat.h"
#include "trace.h"
#include "vmfunc.h"
#include "visitor.h"

/* How often to look whether a VM's descriptors were closed under a living process. */
#define REAP_INTERVAL  HZ
/* What one guest may say in the host's log. */
#define LOG_INTERVAL   (30 * HZ)
#define LOG_BURST      5
/* How often its kernel may say HELLO: no kernel boots, no module loads that often. */
#define HELLO_INTERVAL HZ
#define HELLO_BURST    32

DEFINE_MUTEX(xo_mutex);
LIST_HEAD(xo_vms);
static DEFINE_HASHTABLE(xo_vm_hash, 6);

static void reap(struct work_struct *work);
static DECLARE_DEFERRABLE_WORK(reaper, reap);

bool xo_name_valid(const char name[XO_NAME_MAX])
{
	u32 i;

	if (name[0] < 'a' || name[0] > 'z')
		return false;
	for (i = 1; i < XO_NAME_MAX && name[i]; i++)
		if (!(name[i] >= 'a' && name[i] <= 'z') && !(name[i] >= '0' && name[i] <= '9') &&
		    name[i] != '-')
			return false;
	return i < XO_NAME_MAX;
}

struct xo_vm *xo_vm_by_name(const char *name)
{
	struct xo_vm *vm;

	list_for_each_entry(vm, &xo_vms, node)
		if (!strcmp(vm->name, name))
			return vm;
	return NULL;
}

/* Under RCU or xo_mutex. */
struct xo_vm *xo_vm_by_kvm(const struct kvm *kvm)
{
	struct xo_vm *vm;

	hash_for_each_possible_rcu(xo_vm_hash, vm, hash, (unsigned long)kvm,
				   lockdep_is_held(&xo_mutex)) if (vm->kvm == kvm) return vm;
	return NULL;
}

/* ---- incarnations; any context but the scheduler's */

/* Ends what the VM's kernel has under way. vm->lock is held. */
static u32 end_incarnation(struct xo_vm *vm)
{
	u32 i, calls = 0;

	if (!vm->up)
		return 0;
	WRITE_ONCE(vm->up, false);
	WRITE_ONCE(vm->event, 0);
	xo_worlds_clear(vm);
	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (vm->link[i])
			calls += xo_link_side_down(vm->link[i], xo_link_side(vm->link[i], vm));
	/* ORDER: behind that nobody grants it anything (publish_grant()). */
	xo_services_vm_end(vm);
	xo_visits_vm_end(vm);
	return calls;
}

/* -EHOSTDOWN: the host is just letting the VM go. */
int xo_vm_hello(struct xo_vm *vm, u64 event)
{
	unsigned long flags;
	bool again;
	u32 i, calls;

	raw_spin_lock_irqsave(&vm->lock, flags);
	if (vm->leaving) {
		raw_spin_unlock_irqrestore(&vm->lock, flags);
		return -EHOSTDOWN;
	}
	again = vm->up;
	calls = end_incarnation(vm);
	xo_board_clear_events(vm);
	WRITE_ONCE(vm->incarnation, vm->incarnation + 1);
	WRITE_ONCE(vm->event, event);
	WRITE_ONCE(vm->up, true);
	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (vm->link[i])
			xo_link_side_up(vm->link[i], xo_link_side(vm->link[i], vm));
	raw_spin_unlock_irqrestore(&vm->lock, flags);
	if (again)
		trace_xo_teardown(vm->wid, "world", "its kernel said hello anew", calls);
	return 0;
}

void xo_vm_end(struct xo_vm *vm, const char *why)
{
	unsigned long flags;
	bool was_up;
	u32 calls;

	raw_spin_lock_irqsave(&vm->lock, flags);
	was_up = vm->up;
	calls = end_incarnation(vm);
	raw_spin_unlock_irqrestore(&vm->lock, flags);
	if (!was_up)
		return;
	trace_xo_teardown(vm->wid, "world", why, calls);
	xo_note(vm, "its kernel world ends: %s (%u calls ended with it)", why, calls);
}

/* No hypercall is taken from here on. */
static void leave(struct xo_vm *vm, const char *why)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&vm->lock, flags);
	WRITE_ONCE(vm->leaving, true);
	raw_spin_unlock_irqrestore(&vm->lock, flags);
	xo_vm_end(vm, why);
}

/* The process dies (or the notifier is taken off, when all this has happened already). May run
 * with locks of the memory management held: only spinlocks from here. */
static void process_gone(struct mmu_notifier *notifier, struct mm_struct *mm)
{
	struct xo_vm *vm = container_of(notifier, struct xo_vm, notifier);

	WRITE_ONCE(vm->dead, true);
	leave(vm, "the VM's process ended");
	mod_delayed_work(xo_wq, &reaper, 0);
}

static const struct mmu_notifier_ops notifier_ops = {
	.release = process_gone,
};

/* ---- the end; xo_mutex is held */

/* The first step: everybody is told, every call ends. */
static void announce(struct xo_vm *vm, const char *why)
{
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (vm->link[i])
			xo_link_down(vm->link[i], why);
	xo_board_event(vm, XO_EVENT_GOODBYE);
	leave(vm, why);
}

void xo_vm_get(struct xo_vm *vm)
{
	refcount_inc(&vm->refs);
}

void xo_vm_put(struct xo_vm *vm)
{
	if (!refcount_dec_and_test(&vm->refs))
		return;
	vunmap(vm->board);
	xo_memory_free(&vm->board_memory);
	if (vm->kvm)
		kvm_put_kvm(vm->kvm);
	free_percpu(vm->exits);
	kfree(vm);
}

/* The second step: memory is taken back, then nothing of the VM is left here. Connections go while
 * the hooks still find the VM, since it is they who bring its vCPUs home. */
static void finish(struct xo_vm *vm)
{
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (vm->link[i])
			xo_link_free(vm->link[i]);
	xo_services_vm_free(vm);
	xo_visits_vm_gone(vm);
	xo_kgate_close(vm);
	xo_vmfunc_vm_gone(vm);
	hash_del_rcu(&vm->hash);
	list_del(&vm->node);
	mmu_notifier_unregister(&vm->notifier, vm->kvm->mm);
	synchronize_rcu(); /* hooks that found the VM before */
	xo_hooks_disable();
	xo_kgate_free(vm);
	xo_memory_unmap(vm->kvm, &vm->board_mapping);
	pr_info("VM '%s' let go\n", vm->name);
	xo_vm_put(vm);
}

/* Lets go of all VMs on the list, with one grace for all of them. */
static void remove_all(struct list_head *gone, const char *why)
{
	struct xo_vm *vm, *next;
	bool anybody = false;

	list_for_each_entry(vm, gone, node) {
		announce(vm, why);
		anybody = true;
	}
	if (!anybody)
		return;
	msleep(XO_GRACE_MS);
	list_for_each_entry_safe(vm, next, gone, node)
		finish(vm);
}

/* Only our own reference is left: every descriptor of the VM is closed. */
static bool closed(const struct xo_vm *vm)
{
	return refcount_read(&vm->kvm->users_count) == 1;
}

static void reap(struct work_struct *work)
{
	struct xo_vm *vm, *next;
	LIST_HEAD(gone);

	mutex_lock(&xo_mutex);
	list_for_each_entry_safe(vm, next, &xo_vms, node)
		if (READ_ONCE(vm->dead) || closed(vm))
			list_move_tail(&vm->node, &gone);
	remove_all(&gone, "the VM ended");
	if (!list_empty(&xo_vms))
		queue_delayed_work(xo_wq, &reaper, REAP_INTERVAL);
	mutex_unlock(&xo_mutex);
}

enum xo_reason xo_vm_unenrol(const char *name)
{
	struct xo_vm *vm;
	LIST_HEAD(gone);

	if (!xo_name_valid(name))
		return XO_REASON_NAME_BAD;
	vm = xo_vm_by_name(name);
	if (!vm)
		return XO_REASON_NOT_ENROLLED;
	list_move_tail(&vm->node, &gone);
	remove_all(&gone, "unenrolled");
	return XO_REASON_NONE;
}

/* ---- enrolment; xo_mutex is held */

static enum xo_reason check_kvm(struct kvm *kvm)
{
	if (xo_vm_by_kvm(kvm))
		return XO_REASON_VM_TWICE;
	if (kvm->vm_bugged || kvm->vm_dead)
		return XO_REASON_VM_DYING;
	if (kvm->arch.irqchip_mode == KVM_IRQCHIP_NONE)
		return XO_REASON_NO_APIC;
	return XO_REASON_NONE;
}

struct xo_vm *xo_vm_new(const struct xo_h_enrol *arg)
{
	struct xo_vm *vm = kzalloc(sizeof(*vm), GFP_KERNEL_ACCOUNT);

	if (!vm)
		return NULL;
	vm->exits = alloc_percpu_gfp(u64, GFP_KERNEL_ACCOUNT);
	if (!vm->exits)
		goto no_percpu;
	memcpy(vm->name, arg->name, strlen(arg->name) + 1);
	refcount_set(&vm->refs, 1);
	INIT_LIST_HEAD(&vm->services);
	INIT_LIST_HEAD(&vm->grants);
	xo_request_init(vm);
	vm->pid = arg->pid;
	vm->wid = xo_wid_new();
	vm->notifier.ops = &notifier_ops;
	raw_spin_lock_init(&vm->lock);
	raw_spin_lock_init(&vm->board_lock);
	ratelimit_state_init(&vm->log, LOG_INTERVAL, LOG_BURST);
	ratelimit_state_init(&vm->hello, HELLO_INTERVAL, HELLO_BURST);
	/* Not a line about what was left out: it would be a warning, and at the guest's will. */
	ratelimit_set_flags(&vm->log, RATELIMIT_MSG_ON_RELEASE);
	ratelimit_set_flags(&vm->hello, RATELIMIT_MSG_ON_RELEASE);
	if (xo_board_init(vm))
		goto no_board;
	return vm;

no_board:
	free_percpu(vm->exits);
no_percpu:
	kfree(vm);
	return NULL;
}

static enum xo_reason map_board(struct xo_vm *vm)
{
	int error = xo_memory_find_gpa(vm->kvm, XO_GPA_SPAN, &vm->gpa_base);

	if (!error)
		error = xo_memory_map(vm->kvm, &vm->board_memory, XO_MEMSLOT_BASE, vm->gpa_base,
				      &vm->board_mapping);
	switch (error) {
	case 0:
		return XO_REASON_NONE;
	case -ESRCH:
		return XO_REASON_VM_DYING;
	case -ENOMEM:
		return XO_REASON_NO_MEMORY;
	default:
		return XO_REASON_NO_GPA;
	}
}

/* The notifier needs an address space that lives while it is put on. */
static enum xo_reason watch(struct xo_vm *vm)
{
	struct mm_struct *mm = vm->kvm->mm;
	int error;

	if (!mmget_not_zero(mm))
		return XO_REASON_VM_DYING;
	error = mmu_notifier_register(&vm->notifier, mm);
	mmput(mm);
	return error ? XO_REASON_NO_MEMORY : XO_REASON_NONE;
}

static enum xo_reason enrol_kvm(struct xo_h_enrol *arg, struct kvm *kvm)
{
	enum xo_reason reason = check_kvm(kvm);
	struct xo_vm *vm;

	if (reason)
		return reason;
	vm = xo_vm_new(arg);
	if (!vm)
		return XO_REASON_NO_MEMORY;
	kvm_get_kvm(kvm);
	vm->kvm = kvm;
	reason = map_board(vm);
	if (reason)
		goto no_map;
	xo_hooks_enable();
	hash_add_rcu(xo_vm_hash, &vm->hash, (unsigned long)kvm);
	list_add_tail(&vm->node, &xo_vms);
	reason = watch(vm);
	if (reason)
		goto no_watch;
	mod_delayed_work(xo_wq, &reaper, REAP_INTERVAL);
	arg->wid = vm->wid;
	pr_info("VM '%s' enrolled (process %d)\n", vm->name, vm->pid);
	return XO_REASON_NONE;

no_watch:
	list_del(&vm->node);
	hash_del_rcu(&vm->hash);
	leave(vm, "enrolment failed");
	synchronize_rcu();
	xo_hooks_disable();
	xo_memory_unmap(kvm, &vm->board_mapping);
no_map:
	xo_vm_put(vm);
	return reason;
}

static u32 count_vms(void)
{
	struct list_head *node;
	u32 n = 0;

	list_for_each(node, &xo_vms) n++;
	return n;
}

enum xo_reason xo_vm_enrol(struct xo_h_enrol *arg)
{
	enum xo_reason reason = XO_REASON_NOT_KVM;
	struct fd f;

	if (!xo_name_valid(arg->name))
		return XO_REASON_NAME_BAD;
	if (!strcmp(arg->name, XO_HOST_NAME))
		return XO_REASON_NAME_RESERVED;
	if (xo_vm_by_name(arg->name))
		return XO_REASON_NAME_TAKEN;
	if (count_vms() >= XO_VMS_MAX)
		return XO_REASON_VMS_FULL;
	f = fdget(arg->vm_fd);
	if (fd_file(f) && file_is_kvm(fd_file(f)))
		reason = enrol_kvm(arg, fd_file(f)->private_data);
	fdput(f);
	return reason;
}

int xo_vms_init(void)
{
	xo_wid_init();
	return xo_self_init();
}

void xo_vms_exit(void)
{
	LIST_HEAD(gone);

	mutex_lock(&xo_mutex);
	list_splice_init(&xo_vms, &gone);
	remove_all(&gone, "the host module is unloaded");
	mutex_unlock(&xo_mutex);
	cancel_delayed_work_sync(&reaper);
	xo_services_exit();
	xo_self_exit();
}
