// SPDX-License-Identifier: GPL-2.0
/*
 * Connections: a caller's process is put in touch with a service that its session was granted.
 *
 * A connection runs while its grant, its service, the service's pages and the link's engine all
 * let it; whoever takes one of them away stops it. Switching a link to another engine stops it slot
 * by slot as calls leave (drain), so that none is lost.
 */
#include "service.h"
#include <linux/hashtable.h>
#include <linux/rculist.h>
#include "gate_blob.h"

/* How often to look whether the last call has left a connection of a link that was switched: less
 * and less, since each look costs every processor an interrupt, and a service can hold it up. */
#define DRAIN_FIRST msecs_to_jiffies(20)
#define DRAIN_LAST  (2 * HZ)

/* By the engine's connection, since that is what visit.c knows. */
static DEFINE_HASHTABLE(by_conn, 8);

static void drain(struct work_struct *work);
static DECLARE_DELAYED_WORK(drainer, drain);

/* ---- running or not; xo_service_lock is held */

static bool may_run(const struct xo_grant *grant)
{
	return !grant->ended && !grant->service->ended &&
	       grant->service->pages.state == XO_PAGES_THERE;
}

/* With another engine only calls that are inside go on: they may have met a revocation. */
void xo_grant_settle(struct xo_grant *grant)
{
	if (!grant->conn)
		return;
	if (!may_run(grant)) {
		xo_conn_stop(grant->conn);
		return;
	}
	xo_conn_start(grant->conn);
	if (grant->link->engine != XO_ENGINE_VMFUNC)
		xo_conn_stop_idle(grant->conn);
}

/* ---- what the engine tells; interrupts off */

static struct xo_grant *by_engine(const struct xo_conn *conn)
{
	struct xo_grant *grant;

	hash_for_each_possible_rcu(by_conn, grant, hash,
				   (unsigned long)conn) if (READ_ONCE(grant->conn) ==
							    conn) return grant;
	return NULL;
}

void xo_service_faulted(struct xo_conn *conn, u64 fault)
{
	struct xo_grant *grant;
	unsigned long flags;

	rcu_read_lock();
	grant = by_engine(conn);
	if (grant) {
		struct xo_service *service = grant->service;

		raw_spin_lock_irqsave(&xo_service_lock, flags);
		service->stat.faults++;
		service->stat.fault = fault;
		raw_spin_unlock_irqrestore(&xo_service_lock, flags);
		xo_service_tell(service);
	}
	rcu_read_unlock();
}

/* ---- the end; xo_mutex is held */

void xo_disconnect(struct xo_grant *grant)
{
	struct xo_conn *conn = grant->conn;
	struct xo_service_info info = {};

	if (!conn)
		return;
	raw_spin_lock_irq(&xo_service_lock);
	xo_conn_stop(conn);
	xo_conn_stat(conn, &info);
	grant->service->stat.calls += info.calls;
	grant->service->stat.interrupts += info.interrupts;
	grant->service->stat.restarts += info.restarts;
	hash_del_rcu(&grant->hash);
	WRITE_ONCE(grant->conn, NULL);
	raw_spin_unlock_irq(&xo_service_lock);
	xo_conn_free(conn);
}

/* Closes the slots that no call is in. */
static void close_idle(struct xo_grant *grant)
{
	raw_spin_lock_irq(&xo_service_lock);
	xo_conn_stop_idle(grant->conn);
	raw_spin_unlock_irq(&xo_service_lock);
}

/* After a flush: a slot that is not taken now was not when it was closed. True: a call is still
 * inside, who may go on; else the connection goes. */
static bool finish_idle(struct xo_grant *grant)
{
	bool busy;

	raw_spin_lock_irq(&xo_service_lock);
	busy = xo_conn_busy(grant->conn, may_run(grant));
	raw_spin_unlock_irq(&xo_service_lock);
	if (!busy)
		xo_disconnect(grant);
	return busy;
}

static bool drain_link(struct xo_link *link)
{
	struct xo_grant *grant;
	bool any = false, more = false;

	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link && grant->conn) {
			close_idle(grant);
			any = true;
		}
	if (!any)
		return false;
	xo_away_flush();
	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link && grant->conn)
			more |= finish_idle(grant);
	return more;
}

static void drain(struct work_struct *work)
{
	static unsigned long interval; /* there is one drainer */
	struct xo_link *link;
	bool more = false;

	mutex_lock(&xo_mutex);
	list_for_each_entry(link, &xo_links, node)
		if (link->engine != XO_ENGINE_VMFUNC)
			more |= drain_link(link);
	interval = more ? clamp_t(unsigned long, interval * 2, DRAIN_FIRST, DRAIN_LAST) : 0;
	if (more)
		queue_delayed_work(xo_wq, &drainer, interval);
	mutex_unlock(&xo_mutex);
}

/* link->engine was changed: its connections go, or those that have not gone yet stay. */
void xo_services_link_switched(struct xo_link *link)
{
	struct xo_grant *grant;

	raw_spin_lock_irq(&xo_service_lock);
	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link)
			xo_grant_settle(grant);
	raw_spin_unlock_irq(&xo_service_lock);
	if (link->engine != XO_ENGINE_VMFUNC)
		mod_delayed_work(xo_wq, &drainer, 0);
}

void xo_drain_exit(void)
{
	cancel_delayed_work_sync(&drainer);
}

/* ---- the beginning; xo_mutex is held */

static struct xo_grant *granted(struct xo_link *link, u64 session, u32 slot)
{
	struct xo_grant *grant;

	list_for_each_entry(grant, &link->vm[XO_CALLER]->grants, caller_node)
		if (grant->link == link && grant->session == session && grant->slot == slot)
			return READ_ONCE(grant->ended) ? NULL : grant;
	return NULL;
}

static int check_room(struct xo_vm *caller, const struct xo_request *request)
{
	u32 conns = 0, slots = request->slots;
	struct xo_grant *grant;

	list_for_each_entry(grant, &caller->grants, caller_node) {
		if (!grant->conn)
			continue;
		if (grant->cr3 == request->cr3 && grant->index == request->index)
			return -EEXIST;
		conns++;
		slots += grant->slots;
	}
	if (conns >= XO_CONNS_PER_VM || slots > XO_GATE_SLOTS_PER_VM)
		return XO_REASON_CONNS_FULL;
	return 0;
}

static int check_attach(struct xo_vm *caller, struct xo_link *link, struct xo_grant *grant,
			const struct xo_request *request)
{
	if (!request->slots || request->slots > XO_GATE_SLOTS || request->index >= XO_GATE_CONNS ||
	    !PAGE_ALIGNED(request->cr3) || request->cr3 >> 52)
		return -EINVAL;
	/* The caller's kernel maps its own copy of the gate text, which must be this one. */
	if (request->entry != XO_GATE_BUILD)
		return XO_REASON_VERSION;
	if (grant->conn)
		return -EEXIST;
	if (link->engine != XO_ENGINE_VMFUNC)
		return -EXDEV;
	return check_room(caller, request) ?: xo_vmfunc_qualify(caller);
}

static int make(struct xo_grant *grant, const struct xo_request *request, struct xo_conn **conn,
		u64 *save_gpa)
{
	struct page *buffer[XO_GATE_BUFFER_SIZE >> PAGE_SHIFT];
	u64 first = (grant->slot * (u64)XO_SLOT_SIZE + XO_SLOT_HEADER) >> PAGE_SHIFT;
	const struct xo_conn_spec spec = {
		.cr3 = request->cr3,
		.index = request->index,
		.slots = request->slots,
		.buffer = buffer,
		.caller_wid = grant->caller->wid,
		.caller_name = grant->caller->name,
	};
	u32 i;

	BUILD_BUG_ON(XO_GATE_BUFFER_SIZE != XO_SLOT_DATA);
	for (i = 0; i < ARRAY_SIZE(buffer); i++)
		buffer[i] = grant->link->window.pages[first + i];
	return xo_conn_make(grant->caller, grant->service->image, &spec, conn, save_gpa);
}

/* From here on the connection runs, if everything that it needs is still there. */
static bool publish(struct xo_grant *grant, u64 incarnation, struct xo_conn *conn,
		    const struct xo_request *request)
{
	bool done;

	if (!xo_publish_begin(grant->caller, incarnation))
		return false;
	done = !grant->ended && !grant->service->ended;
	if (done) {
		grant->id = xo_wid_new();
		grant->cr3 = request->cr3;
		grant->index = request->index;
		grant->slots = request->slots;
		grant->pid = request->pid;
		WRITE_ONCE(grant->conn, conn);
		hash_add_rcu(by_conn, &grant->hash, (unsigned long)conn);
		xo_grant_settle(grant);
	}
	xo_publish_end(grant->caller);
	return done;
}

int xo_attach(struct xo_vm *caller, u64 incarnation, struct xo_request *request)
{
	struct xo_link *link = xo_link_find(caller, XO_CALLER, request->link);
	struct xo_grant *grant;
	struct xo_conn *conn;
	u64 save_gpa;
	int result;

	grant = link ? granted(link, request->session, request->slot) : NULL;
	if (!grant)
		return -EACCES;
	result = check_attach(caller, link, grant, request);
	if (result)
		return result;
	if (xo_pages_fill(grant->service))
		return XO_REASON_MEMORY_GONE;
	result = make(grant, request, &conn, &save_gpa);
	if (result)
		return result;
	if (!publish(grant, incarnation, conn, request)) {
		xo_conn_free(conn);
		return -EHOSTDOWN;
	}
	request->id = grant->id;
	request->save_gpa = save_gpa;
	return 0;
}

struct xo_grant *xo_conn_by_id(struct xo_vm *caller, u64 id)
{
	struct xo_grant *grant;

	list_for_each_entry(grant, &caller->grants, caller_node)
		if (grant->conn && grant->id == id)
			return grant;
	return NULL;
}

int xo_detach(struct xo_vm *caller, u64 id)
{
	struct xo_grant *grant = xo_conn_by_id(caller, id);

	if (!grant)
		return -ENOENT;
	xo_disconnect(grant);
	return 0;
}

int xo_revive(struct xo_vm *caller, u64 id)
{
	struct xo_grant *grant = xo_conn_by_id(caller, id);

	if (!grant)
		return -ENOENT;
	if (READ_ONCE(grant->ended) || READ_ONCE(grant->service->ended))
		return -EHOSTDOWN;
	if (xo_pages_fill(grant->service))
		return XO_REASON_MEMORY_GONE;
	raw_spin_lock_irq(&xo_service_lock);
	xo_grant_settle(grant);
	raw_spin_unlock_irq(&xo_service_lock);
	/* It is there again; whether this VM's vCPUs may use it just now is another matter. */
	if (xo_gate_add_cpus(caller))
		return XO_REASON_NO_MEMORY;
	return xo_vmfunc_qualify(caller);
}

int xo_reset_slot(struct xo_vm *caller, u64 id, u32 slot)
{
	struct xo_grant *grant = xo_conn_by_id(caller, id);
	int error;

	if (!grant)
		return -ENOENT;
	if (slot >= grant->slots)
		return -EINVAL;
	error = xo_conn_reset_slot(grant->conn, slot);
	/* It leaves the slot as it was when it began; what stopped the connection since counts. */
	raw_spin_lock_irq(&xo_service_lock);
	xo_grant_settle(grant);
	raw_spin_unlock_irq(&xo_service_lock);
	return error;
}

/* The process is about to end, or its CR3 page to be used for something else. */
void xo_process_del(struct xo_vm *caller, u64 cr3)
{
	struct xo_grant *grant;

	list_for_each_entry(grant, &caller->grants, caller_node)
		if (grant->conn && grant->cr3 == cr3)
			xo_disconnect(grant);
}

/* ---- lists */

static struct xo_grant *next_conn(u64 after)
{
	struct xo_grant *grant, *next = NULL;
	struct xo_vm *vm;

	list_for_each_entry(vm, &xo_vms, node)
		list_for_each_entry(grant, &vm->grants, caller_node)
			if (grant->conn && grant->id > after && (!next || grant->id < next->id))
				next = grant;
	return next;
}

bool xo_conn_next(u64 after, struct xo_h_conn_info *info)
{
	struct xo_grant *grant = next_conn(after);

	if (!grant)
		return false;
	info->id = grant->id;
	info->link = grant->link->id;
	info->service = grant->service->id;
	memcpy(info->caller, grant->caller->name, sizeof(info->caller));
	memcpy(info->callee, grant->service->owner->name, sizeof(info->callee));
	memcpy(info->name, grant->service->name, sizeof(info->name));
	info->pid = grant->pid;
	info->slots = grant->slots;
	memset(&info->info, 0, sizeof(info->info));
	xo_conn_stat(grant->conn, &info->info);
	info->info.connections = 1;
	raw_spin_lock_irq(&xo_service_lock);
	info->info.live = may_run(grant) && grant->link->engine == XO_ENGINE_VMFUNC;
	raw_spin_unlock_irq(&xo_service_lock);
	return true;
}
