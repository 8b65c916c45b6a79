// SPDX-License-Identifier: GPL-2.0
/*
 * Requests: what a guest's kernel asks for that the host must sleep for (XO_HC_REQUEST).
 *
 * A VM has one at a time. The hypercall takes the place and queues work; the work reads the page
 * once, acts under xo_mutex, and writes the answer back. It belongs to the incarnation that asked:
 * for a later one it neither acts nor writes, since the page may be anything by then.
 *
 * The work holds a reference to the VM. It waits for xo_mutex, whose holder may be letting the VM
 * go: then it finds the VM leaving, and does nothing.
 */
#include "service.h"
#include "visitor.h"
#include <linux/kthread.h>
#include <linux/memcontrol.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "trace.h"

/* How often the answer's page may be paged out before it is there. */
#define ANSWER_TRIES	    16

/* Of one VM; it waits with what is more. */
#define REQUESTS_PER_SECOND 256

static void work(struct work_struct *work);

void xo_request_init(struct xo_vm *vm)
{
	INIT_WORK(&vm->request.work, work);
	ratelimit_state_init(&vm->request.rate, HZ, REQUESTS_PER_SECOND);
	ratelimit_set_flags(&vm->request.rate, RATELIMIT_MSG_ON_RELEASE);
}

/* The hypercall. Interrupts are off. */
int xo_request_take(struct xo_vm *vm, u64 gpa)
{
	int error = 0;

	if (!PAGE_ALIGNED(gpa) || gpa >> 52)
		return -EINVAL;
	raw_spin_lock(&vm->lock);
	if (!vm->up) {
		error = -ENOTCONN;
	} else if (vm->request.busy || !__ratelimit(&vm->request.rate)) {
		/* Most of them interrupt every processor: not at a guest's will. */
		error = -EBUSY;
	} else {
		vm->request.busy = true;
		vm->request.gpa = gpa;
		vm->request.incarnation = vm->incarnation;
		xo_vm_get(vm);
		queue_work(xo_wq, &vm->request.work);
	}
	raw_spin_unlock(&vm->lock);
	return error;
}

/* ---- operations: 0, an enum xo_reason, or a negative errno; xo_mutex is held */

static int service_add(struct xo_vm *vm, struct xo_request *request,
		       const struct xo_request_page *list)
{
	const struct xo_service_spec spec = {
		.owner = vm,
		.incarnation = vm->request.incarnation,
		.mm = vm->kvm->mm,
		.kvm = vm->kvm,
		.name = request->name,
		.flags = request->flags,
		.pid = request->pid,
		.entry = request->entry,
		.count = request->count,
		.page = list,
	};

	return xo_service_add(&spec, &request->id);
}

static int service_info(struct xo_vm *vm, struct xo_request *request)
{
	struct xo_service *service = xo_service_by_id(vm, request->id);

	if (!service)
		return -ENOENT;
	xo_service_describe(service, &request->info);
	return 0;
}

static int act(struct xo_vm *vm, struct xo_request *request, const struct xo_request_page *list)
{
	u64 incarnation = vm->request.incarnation;

	switch (request->op) {
	case XO_REQ_SERVICE_ADD:
		return service_add(vm, request, list);
	case XO_REQ_SERVICE_DEL:
		return xo_service_del(vm, request->id);
	case XO_REQ_SERVICE_INFO:
		return service_info(vm, request);
	case XO_REQ_GRANT:
		return xo_grant_add(vm, incarnation, request);
	case XO_REQ_GRANT_DEL:
		return xo_grant_del(vm, request->link, request->session);
	case XO_REQ_ATTACH:
		return xo_attach(vm, incarnation, request);
	case XO_REQ_DETACH:
		return xo_detach(vm, request->id);
	case XO_REQ_REVIVE:
		return xo_revive(vm, request->id);
	case XO_REQ_RESET:
		return xo_reset_slot(vm, request->id, request->slot);
	case XO_REQ_PROCESS_DEL:
		xo_process_del(vm, request->cr3);
		return 0;
	case XO_REQ_RECORD_ADD:
		return xo_record_add(vm, request);
	case XO_REQ_RECORD_DEL:
		return xo_record_del(vm, request->id);
	case XO_REQ_VISIT:
		return xo_record_find(vm, request);
	default:
		return -EINVAL;
	}
}

/* Is the VM's kernel still the one that asked? */
static bool wanted(struct xo_vm *vm)
{
	bool wanted;

	raw_spin_lock_irq(&vm->lock);
	wanted = vm->up && !vm->leaving && vm->incarnation == vm->request.incarnation;
	raw_spin_unlock_irq(&vm->lock);
	return wanted;
}

static int act_if_wanted(struct xo_vm *vm, struct xo_request *request,
			 const struct xo_request_page *list)
{
	int result = -EHOSTDOWN;

	mutex_lock(&xo_mutex);
	if (wanted(vm)) {
		xo_services_reap(vm);
		result = act(vm, request, list);
	}
	mutex_unlock(&xo_mutex);
	return result;
}

/* ---- the guest's page; its process's address space is borrowed */

static int read_guest(struct kvm *kvm, u64 gpa, void *to, size_t size)
{
	int srcu = srcu_read_lock(&kvm->srcu), error;

	error = kvm_read_guest(kvm, gpa, to, size);
	srcu_read_unlock(&kvm->srcu, srcu);
	return error;
}

/* The pages of a service that is to be added, else NULL. */
static int read_list(struct xo_vm *vm, const struct xo_request *request,
		     struct xo_request_page **list)
{
	size_t size = request->count * sizeof(**list);

	*list = NULL;
	if (request->op != XO_REQ_SERVICE_ADD)
		return 0;
	if (request->count > XO_SERVICE_PAGES)
		return -E2BIG;
	if (!request->count || !IS_ALIGNED(request->list, sizeof(**list)) || request->list >> 52)
		return -EINVAL;
	*list = kvmalloc(size, GFP_KERNEL_ACCOUNT);
	if (!*list)
		return -ENOMEM;
	return read_guest(vm->kvm, request->list, *list, size);
}

/* -EFAULT: not in memory just now. -ESTALE: it is not that incarnation's any more. */
static int write_now(struct xo_vm *vm, void __user *to, const struct xo_request *request)
{
	int error = -ESTALE;

	raw_spin_lock_irq(&vm->lock);
	if (vm->up && vm->incarnation == vm->request.incarnation)
		error = copy_to_user_nofault(to, request, sizeof(*request));
	raw_spin_unlock_irq(&vm->lock);
	return error;
}

/* Not kvm_write_guest(), which could not be kept from writing into the memory of the next
 * incarnation, and wants a vCPU to log the page as dirty (an enrolled VM is not migrated). */
static void write_guest(struct xo_vm *vm, const struct xo_request *request)
{
	struct kvm *kvm = vm->kvm;
	int srcu = srcu_read_lock(&kvm->srcu), tries;
	char __user *to = (char __user *)xo_guest_hva(kvm, vm->request.gpa, true);

	for (tries = 0; to && tries < ANSWER_TRIES; tries++) {
		if (write_now(vm, to, request) != -EFAULT)
			break;
		if (fault_in_safe_writeable(to, sizeof(*request)))
			break;
	}
	srcu_read_unlock(&kvm->srcu, srcu);
}

static int check(const struct xo_request *request)
{
	if (request->revision != XO_ABI_REVISION)
		return -EPROTO;
	return request->reserved ? -EINVAL : 0;
}

static int serve(struct xo_vm *vm, struct xo_request *request)
{
	struct xo_request_page *list = NULL;
	int result = check(request);

	if (!result)
		result = read_list(vm, request, &list);
	/* What is out only, and what nobody has terminated yet. */
	memset(&request->info, 0, sizeof(request->info));
	request->name[XO_NAME_MAX - 1] = '\0';
	if (!result)
		result = act_if_wanted(vm, request, list);
	kvfree(list);
	return result;
}

static void answer(struct xo_vm *vm)
{
	struct xo_request request;
	int result;

	if (read_guest(vm->kvm, vm->request.gpa, &request, sizeof(request)))
		return; /* nowhere to write to, either */
	result = serve(vm, &request);
	request.info.reason = result > 0 ? result : XO_REASON_NONE;
	request.status = result > 0 ? xo_reason_errno(result) : result;
	if (result) {
		atomic64_inc(&vm->refused);
		trace_xo_refuse(vm->wid, XO_HC_REQUEST, request.op, request.id, request.status);
	}
	write_guest(vm, &request);
}

/* In the VM's address space, and at its expense: tables are memory that its guest asked for. */
static void answer_as(struct xo_vm *vm, struct mm_struct *mm)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(mm), *own = set_active_memcg(memcg);

	kthread_use_mm(mm);
	answer(vm);
	kthread_unuse_mm(mm);
	set_active_memcg(own);
	mem_cgroup_put(memcg);
}

static void work(struct work_struct *work)
{
	struct xo_vm *vm = container_of(work, struct xo_vm, request.work);
	struct mm_struct *mm = vm->kvm->mm;

	if (mmget_not_zero(mm)) {
		answer_as(vm, mm);
		mmput(mm);
	}
	raw_spin_lock_irq(&vm->lock);
	vm->request.busy = false;
	raw_spin_unlock_irq(&vm->lock);
	/* A later incarnation hears of it as well: it may have found the place taken. */
	xo_board_event(vm, XO_EVENT_REQUEST);
	xo_vm_put(vm);
}
