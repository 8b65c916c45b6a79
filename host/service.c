// SPDX-License-Identifier: GPL-2.0
/*
 * Services and grants: who offers what, and to which sessions. service.h says who may touch what.
 *
 * They belong to an incarnation of their owner's kernel. xo_services_vm_end() ends all that is an
 * incarnation's, in any context; what it leaves is freed before anything new is made of the same
 * VM's, so that no name or slot stays taken.
 */
#include "service.h"
#include <linux/slab.h>

DEFINE_RAW_SPINLOCK(xo_service_lock);

static void reap(struct work_struct *work);
static DECLARE_WORK(reaper, reap);

void xo_service_tell(struct xo_service *service)
{
	xo_board_event(service->owner, XO_EVENT_SERVICE);
}

bool xo_publish_begin(struct xo_vm *vm, u64 incarnation)
{
	raw_spin_lock_irq(&vm->lock);
	if (!vm->up || vm->incarnation != incarnation) {
		raw_spin_unlock_irq(&vm->lock);
		return false;
	}
	raw_spin_lock(&xo_service_lock);
	return true;
}

void xo_publish_end(struct xo_vm *vm)
{
	raw_spin_unlock(&xo_service_lock);
	raw_spin_unlock_irq(&vm->lock);
}

/* ---- the end, first step: any context; xo_service_lock is held */

static void end_grant(struct xo_grant *grant)
{
	grant->ended = true;
	if (grant->conn)
		xo_conn_stop(grant->conn);
}

static void end_service(struct xo_service *service)
{
	struct xo_grant *grant;

	service->ended = true;
	list_for_each_entry(grant, &service->grants, node)
		end_grant(grant);
}

/* The VM's kernel ends, and with it what it offered and what it was granted. vm->lock is held. */
void xo_services_vm_end(struct xo_vm *vm)
{
	struct xo_service *service;
	struct xo_grant *grant;

	raw_spin_lock(&xo_service_lock);
	list_for_each_entry(service, &vm->services, node)
		end_service(service);
	list_for_each_entry(grant, &vm->grants, caller_node)
		end_grant(grant);
	if (!list_empty(&vm->services) || !list_empty(&vm->grants))
		queue_work(xo_wq, &reaper);
	raw_spin_unlock(&xo_service_lock);
}

/* The link goes down: its connections take no call any more. */
void xo_services_link_down(struct xo_link *link)
{
	struct xo_grant *grant;

	raw_spin_lock_irq(&xo_service_lock);
	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link)
			end_grant(grant);
	raw_spin_unlock_irq(&xo_service_lock);
}

/* ---- the end, second step: may sleep; xo_mutex is held */

static void free_grant(struct xo_grant *grant)
{
	raw_spin_lock_irq(&xo_service_lock);
	end_grant(grant);
	raw_spin_unlock_irq(&xo_service_lock);
	xo_disconnect(grant);
	raw_spin_lock_irq(&xo_service_lock);
	list_del(&grant->node);
	list_del(&grant->caller_node);
	raw_spin_unlock_irq(&xo_service_lock);
	kfree_rcu(grant, rcu); /* xo_service_faulted() may look at it */
}

/* When it returns, no processor runs or can reach anything of the service, and no page of it is
 * watched. */
static void free_service(struct xo_service *service)
{
	struct xo_grant *grant, *next;

	raw_spin_lock_irq(&xo_service_lock);
	end_service(service);
	raw_spin_unlock_irq(&xo_service_lock);
	list_for_each_entry_safe(grant, next, &service->grants, node)
		free_grant(grant);
	raw_spin_lock_irq(&xo_service_lock);
	list_del(&service->node);
	raw_spin_unlock_irq(&xo_service_lock);
	xo_pages_drop(&service->pages);
	xo_image_free(service->image);
	kfree_rcu(service, rcu);
}

/* What of a VM has ended is freed. */
void xo_services_reap(struct xo_vm *vm)
{
	struct xo_service *service, *next_service;
	struct xo_grant *grant, *next;

	list_for_each_entry_safe(service, next_service, &vm->services, node)
		if (READ_ONCE(service->ended))
			free_service(service);
	list_for_each_entry_safe(grant, next, &vm->grants, caller_node)
		if (READ_ONCE(grant->ended))
			free_grant(grant);
}

static void reap(struct work_struct *work)
{
	struct xo_vm *vm;

	mutex_lock(&xo_mutex);
	list_for_each_entry(vm, &xo_vms, node)
		xo_services_reap(vm);
	mutex_unlock(&xo_mutex);
}

void xo_services_link_free(struct xo_link *link)
{
	struct xo_grant *grant, *next;

	list_for_each_entry_safe(grant, next, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link)
			free_grant(grant);
}

/* The VM has no link any more, so nobody has a grant of it. */
void xo_services_vm_free(struct xo_vm *vm)
{
	struct xo_service *service, *next;

	list_for_each_entry_safe(service, next, &vm->services, node)
		free_service(service);
}

void xo_services_exit(void)
{
	xo_drain_exit();
	cancel_work_sync(&reaper);
}

/* ---- services */

struct xo_service *xo_service_by_id(struct xo_vm *owner, u64 id)
{
	struct xo_service *service;

	list_for_each_entry(service, &owner->services, node)
		if (service->id == id && !READ_ONCE(service->ended))
			return service;
	return NULL;
}

static enum xo_reason check_room(struct xo_vm *owner, const char *name)
{
	struct xo_service *service;
	u32 n = 0;

	list_for_each_entry(service, &owner->services, node) {
		if (!strcmp(service->name, name))
			return XO_REASON_SERVICE_EXISTS;
		n++;
	}
	return n < XO_SERVICES_PER_VM ? XO_REASON_NONE : XO_REASON_SERVICES_FULL;
}

static int image_reason(int error)
{
	return error == -ENOMEM	 ? XO_REASON_NO_MEMORY
	       : error == -E2BIG ? -E2BIG
				 : XO_REASON_SERVICE_BAD;
}

static int make_image(struct xo_service *service, const struct xo_service_spec *spec)
{
	struct xo_image_page *page;
	int result = 0;
	u32 i;

	page = kvmalloc_array(spec->count, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return XO_REASON_NO_MEMORY;
	for (i = 0; i < spec->count; i++) {
		page[i].va = spec->page[i].va;
		page[i].prot = spec->page[i].gpa & ~PAGE_MASK;
	}
	service->image = xo_image_new(page, spec->count, spec->entry, spec->flags);
	if (IS_ERR(service->image))
		result = image_reason(PTR_ERR(service->image));
	kvfree(page);
	return result;
}

/* Everything that xo_image_new() does not look at: it knows nothing of where pages come from. */
static int check_spec(const struct xo_service_spec *spec)
{
	u32 i;

	if (!xo_name_valid(spec->name))
		return XO_REASON_NAME_BAD;
	if (spec->count > XO_SERVICE_PAGES)
		return -E2BIG;
	if (!spec->count || (spec->flags & ~XO_SERVICE_GPR))
		return XO_REASON_SERVICE_BAD;
	for (i = 0; i < spec->count; i++)
		if ((spec->page[i].gpa & ~PAGE_MASK & ~(XO_PAGE_WRITE | XO_PAGE_EXEC)) ||
		    spec->page[i].gpa >> 52)
			return XO_REASON_SERVICE_BAD;
	return check_room(spec->owner, spec->name);
}

static int build(struct xo_service *service, const struct xo_service_spec *spec)
{
	int result = make_image(service, spec);

	if (result)
		return result;
	if (xo_pages_init(&service->pages, spec)) {
		result = XO_REASON_NO_MEMORY;
		goto no_pages;
	}
	result = xo_pages_fill(service);
	if (!result)
		return 0;
	result = result == -ENOMEM   ? XO_REASON_NO_MEMORY
		 : result == -EFAULT ? XO_REASON_SERVICE_BAD
				     : XO_REASON_MEMORY_GONE;
	xo_pages_drop(&service->pages);
no_pages:
	xo_image_free(service->image);
	return result;
}

static void unbuild(struct xo_service *service)
{
	xo_pages_drop(&service->pages);
	xo_image_free(service->image);
	kfree(service);
}

int xo_service_add(const struct xo_service_spec *spec, u64 *id)
{
	struct xo_service *service;
	int result = check_spec(spec);

	if (result)
		return result;
	service = kzalloc(sizeof(*service), GFP_KERNEL_ACCOUNT);
	if (!service)
		return XO_REASON_NO_MEMORY;
	INIT_LIST_HEAD(&service->grants);
	service->owner = spec->owner;
	service->pid = spec->pid;
	service->flags = spec->flags;
	service->id = xo_wid_new();
	strscpy(service->name, spec->name, sizeof(service->name));
	result = build(service, spec);
	if (result) {
		kfree(service);
		return result;
	}
	if (!xo_publish_begin(spec->owner, spec->incarnation)) {
		unbuild(service);
		return -EHOSTDOWN;
	}
	list_add_tail(&service->node, &spec->owner->services);
	xo_publish_end(spec->owner);
	*id = service->id;
	return 0;
}

int xo_service_del(struct xo_vm *owner, u64 id)
{
	struct xo_service *service = xo_service_by_id(owner, id);

	if (!service)
		return -ENOENT;
	free_service(service);
	return 0;
}

void xo_service_describe(struct xo_service *service, struct xo_service_info *info)
{
	struct xo_service_info one;
	struct xo_grant *grant;

	memset(info, 0, sizeof(*info));
	list_for_each_entry(grant, &service->grants, node) {
		if (!grant->conn)
			continue;
		memset(&one, 0, sizeof(one));
		xo_conn_stat(grant->conn, &one);
		info->connections++;
		info->calls += one.calls;
		info->interrupts += one.interrupts;
		info->restarts += one.restarts;
	}
	raw_spin_lock_irq(&xo_service_lock);
	info->calls += service->stat.calls;
	info->interrupts += service->stat.interrupts;
	info->restarts += service->stat.restarts;
	info->faults = service->stat.faults;
	info->fault = service->stat.fault;
	info->revocations = service->stat.revocations;
	info->revivals = service->stat.revivals;
	info->live = !service->ended && service->pages.state == XO_PAGES_THERE;
	raw_spin_unlock_irq(&xo_service_lock);
}

static struct xo_service *next_of(struct xo_vm *vm, u64 after, struct xo_service *next)
{
	struct xo_service *service;

	list_for_each_entry(service, &vm->services, node)
		if (service->id > after && (!next || service->id < next->id))
			next = service;
	return next;
}

static struct xo_service *next_service(u64 after)
{
	struct xo_service *next = next_of(xo_self_vm(), after, NULL);
	struct xo_vm *vm;

	list_for_each_entry(vm, &xo_vms, node)
		next = next_of(vm, after, next);
	return next;
}

bool xo_service_next(u64 after, struct xo_h_service_info *info)
{
	struct xo_service *service = next_service(after);
	struct list_head *node;

	if (!service)
		return false;
	info->id = service->id;
	memcpy(info->vm, service->owner->name, sizeof(info->vm));
	memcpy(info->name, service->name, sizeof(info->name));
	info->pid = service->pid;
	info->flags = service->flags;
	info->pages = service->pages.count;
	info->grants = 0;
	list_for_each(node, &service->grants) info->grants++;
	xo_service_describe(service, &info->info);
	return true;
}

/* ---- grants */

static struct xo_grant *find_grant(struct xo_link *link, u64 session)
{
	struct xo_grant *grant;

	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link && grant->session == session)
			return grant;
	return NULL;
}

/* One session has one slot's data area, and one service: that bounds the number of grants, too. */
static bool slot_taken(struct xo_link *link, u32 slot)
{
	struct xo_grant *grant;

	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link && grant->slot == slot)
			return true;
	return false;
}

/* The link must be up, and both its sides: whoever ends one of them ends its grants then. */
static bool publish_grant(struct xo_grant *grant, u64 incarnation)
{
	struct xo_service *service = grant->service;
	struct xo_link *link = grant->link;
	bool done;

	if (!xo_publish_begin(service->owner, incarnation))
		return false;
	done = !service->ended && READ_ONCE(link->up) && READ_ONCE(link->side_up[XO_CALLER]);
	if (done) {
		list_add_tail(&grant->node, &service->grants);
		list_add_tail(&grant->caller_node, &grant->caller->grants);
	}
	xo_publish_end(service->owner);
	return done;
}

int xo_grant_add(struct xo_vm *owner, u64 incarnation, const struct xo_request *request)
{
	struct xo_service *service = xo_service_by_id(owner, request->id);
	struct xo_link *link = xo_link_find(owner, XO_CALLEE, request->link);
	struct xo_grant *grant;

	if (!service || !link)
		return -ENOENT;
	if (request->slot >= link->slots)
		return -EINVAL;
	xo_services_reap(link->vm[XO_CALLER]);
	if (find_grant(link, request->session) || slot_taken(link, request->slot))
		return -EEXIST;
	grant = kzalloc(sizeof(*grant), GFP_KERNEL_ACCOUNT);
	if (!grant)
		return XO_REASON_NO_MEMORY;
	grant->service = service;
	grant->link = link;
	grant->caller = link->vm[XO_CALLER];
	grant->session = request->session;
	grant->slot = request->slot;
	INIT_HLIST_NODE(&grant->hash);
	if (publish_grant(grant, incarnation))
		return 0;
	kfree(grant);
	return -EHOSTDOWN;
}

int xo_grant_del(struct xo_vm *owner, u64 link_id, u64 session)
{
	struct xo_link *link = xo_link_find(owner, XO_CALLEE, link_id);
	struct xo_grant *grant = link ? find_grant(link, session) : NULL;

	if (!grant)
		return -ENOENT;
	free_grant(grant);
	return 0;
}
