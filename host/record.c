// SPDX-License-Identifier: GPL-2.0
/*
 * Records: a stub of a session that its caller's vCPUs may visit. Each has an EPT context of its
 * own: the callee's memory, the link's window, and, where the gate's page tables look for them,
 * gate text and the record itself.
 *
 * Made when the callee's guest module asks; ended by whoever ends the session, the link or one of
 * the two kernels. A visitor that is inside then is evicted first: what it holds is the callee's.
 */
#include "visitor.h"
#include <linux/rculist.h>
#include <linux/slab.h>
#include <asm/vmx.h>
#include "compat.h"
#include "crossover/mark.h"
#include "kgate_blob.h"

#define RECORDS_PER_LINK XO_SLOTS_PER_LINK
/* How long a server CPU may take to fetch an evicted visitor when its record goes. One that is
 * paused has taken it back; so it is one that waits for the host's memory or processors. (Its
 * memory is to be let go, so that nothing can wait for ever.) */
#define FETCH_MS	 60000

DEFINE_RAW_SPINLOCK(xo_record_lock);
static LIST_HEAD(records); /* written under xo_mutex */

struct xo_record *xo_record_by_id(u64 id)
{
	struct xo_record *r;

	list_for_each_entry_rcu(r, &records, node, lockdep_is_held(&xo_mutex))
		if (r->id == id)
			return r;
	return NULL;
}

struct xo_record *xo_record_by_server(const struct kvm_vcpu *vcpu)
{
	struct xo_record *r;

	list_for_each_entry_rcu(r, &records, node, lockdep_is_held(&xo_mutex))
		if (READ_ONCE(r->server) == vcpu && READ_ONCE(r->state) != XO_RUNS)
			return r;
	return NULL;
}

/* ------------------------------------------------------------------ its context */

static int map(struct xo_record *r, u64 gpa, const void *page, u64 rights)
{
	return xo_ept_map(&r->pages, r->pdpt, 2, gpa,
			  xo_ept_leaf(virt_to_phys((void *)page), rights));
}

/* What the gate's page tables of each of the caller's vCPUs lead to. */
static int map_gate(struct xo_record *r)
{
	const u64 *rt = r->link->flags & XO_LINK_IBPB ? xo_krt_ibpb_page : xo_krt_page;
	const struct xo_kgate *k = r->caller->kgate;
	int error = map(r, xo_kregion(k, XO_KREGION_TEXT), xo_ktext_page, XO_EPT_X);
	u32 i;

	for (i = 1; i < 4 && !error; i++)
		error = map(r, xo_kregion(k, XO_KREGION_TABLE + i - 1), k->table[i], XO_EPT_R);
	for (i = 0; i < k->cpus && !error; i++)
		error = map(r, xo_kregion(k, XO_KREGION_CPU(i)), k->table[0], XO_EPT_R);
	return error ?: map(r, xo_kregion(k, XO_KREGION_RT), rt, XO_EPT_X)
		     ?: map(r, xo_kregion(k, XO_KREGION_RECORD), r->page, XO_EPT_R);
}

static int map_window(struct xo_record *r)
{
	const struct xo_memory *window = &r->link->window;
	u64 gpa = r->link->mapping[XO_CALLEE].gpa;
	int error = 0;
	u32 i;

	for (i = 0; i < window->npages && !error; i++)
		error = map(r, gpa + ((u64)i << PAGE_SHIFT), page_address(window->pages[i]),
			    XO_EPT_R | XO_EPT_W);
	return error;
}

/* Ours must not lie where the callee has memory: those tables are shared. */
static bool is_apart(const struct xo_record *r)
{
	const u64 gpa[] = { r->caller->kgate->mapping.gpa, r->link->mapping[XO_CALLEE].gpa };
	u32 i;

	for (i = 0; i < ARRAY_SIZE(gpa); i++)
		if (gpa[i] >= 1ULL << 39 || r->callee->ram->pdpt[xo_level_index(gpa[i], 2)])
			return false;
	return true;
}

static int fill(struct xo_record *r)
{
	r->root = xo_page_new(&r->pages);
	r->pdpt = xo_page_new(&r->pages);
	r->page = (u8 *)xo_page_new(&r->pages);
	if (!r->root || !r->pdpt || !r->page)
		return -ENOMEM;
	if (!is_apart(r))
		return XO_REASON_NO_GPA;
	r->root[0] = xo_ept_table(r->pdpt);
	memcpy(r->pdpt, r->callee->ram->pdpt, PAGE_SIZE);
	r->eptp = xo_eptp(r->root);
	if (!xo_eptp_ok(r->eptp))
		return -ENOMEM;
	*(u64 *)(r->page + XO_KREC_CR4) = ~0ULL;
	return map_gate(r) ?: map_window(r);
}

/* ------------------------------------------------------------------ the TLB model */

u16 xo_vpid(void)
{
	if (!(xo_vmread(SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_ENABLE_VPID))
		return 0;
	return xo_vmread(VIRTUAL_PROCESSOR_ID);
}

void xo_record_name(struct xo_record *r, u16 server, u16 bound)
{
	if (r->bound_vpid && r->bound_vpid != bound)
		xo_mark_tlb_name(0, r->bound_vpid, r->eptp);
	if (server && bound)
		xo_mark_tlb_name(server, bound, r->eptp);
	r->server_vpid = server;
	r->bound_vpid = bound;
}

/* ------------------------------------------------------------------ ends */

/* xo_record_lock is held. Who is inside comes out at his next exit; he stays known, since the
 * server CPU may wake before. */
void xo_record_close(struct xo_record *r)
{
	r->ended = true;
	WRITE_ONCE(*(u32 *)(r->page + XO_KREC_PARKED), 0);
	if (r->bound && READ_ONCE(r->bound->record) == r)
		WRITE_ONCE(r->bound->record, NULL);
}

static bool is_waiting(struct xo_record *r)
{
	bool waiting;

	raw_spin_lock_irq(&xo_record_lock);
	waiting = r->state == XO_EVICTED && !r->dead;
	raw_spin_unlock_irq(&xo_record_lock);
	return waiting;
}

/* T1: its server CPU is halted still, and has not heard of what visits did to the page tables:
 * nobody will tell it when it wakes, for the record is gone by then. */
static void let_server_go(struct xo_record *r)
{
	raw_spin_lock_irq(&xo_record_lock);
	if (r->state != XO_RUNS && !r->dead)
		kvm_make_request(KVM_REQ_TLB_FLUSH_GUEST, r->server);
	raw_spin_unlock_irq(&xo_record_lock);
}

static void end(struct xo_record *r)
{
	u32 ms;

	raw_spin_lock_irq(&xo_record_lock);
	xo_record_close(r);
	if (r->state == XO_SUSPENDED)
		xo_suspended_evict(r, &r->stat.unfit);
	raw_spin_unlock_irq(&xo_record_lock);
	irq_work_queue(&r->fetch);
	xo_away_flush();
	for (ms = 0; is_waiting(r) && ms < FETCH_MS; ms += 2)
		msleep(2);
	if (is_waiting(r))
		pr_notice("VM '%s' did not run for a minute, for want of the host's memory or "
			  "processors: a system call that it was making for VM '%s' is lost, with "
			  "what "
			  "locks that holds; if its kernel hangs, reset it\n",
			  r->callee->name, r->caller->name);
	let_server_go(r);
	xo_record_name(r, 0, 0);
	list_del_rcu(&r->node);
	synchronize_rcu(); /* whoever had it suspended */
	irq_work_sync(&r->fetch);
	xo_pages_free(&r->pages);
	kfree(r);
}

/* By which its memory has to be pinned. */
static bool is_visited(const struct xo_vm *vm)
{
	u32 i;

	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (vm->link[i] && vm->link[i]->flags & XO_LINK_KERNEL &&
		    vm->link[i]->vm[XO_CALLEE] == vm)
			return true;
	return false;
}

void xo_visits_unused(struct xo_vm *callee)
{
	if (!is_visited(callee))
		xo_ram_free(callee);
}

void xo_visits_link_gone(struct xo_link *link)
{
	struct xo_record *r, *next;

	/* Who is inside still has the other flag. */
	WRITE_ONCE(link->flags, link->flags & ~XO_LINK_KERNEL);
	list_for_each_entry_safe(r, next, &records, node)
		if (r->link == link)
			end(r);
	xo_visits_unused(link->vm[XO_CALLEE]);
}

/* Any context; vm->lock is held. */
void xo_visits_vm_end(struct xo_vm *vm)
{
	struct xo_record *r;
	unsigned long flags;

	rcu_read_lock();
	raw_spin_lock_irqsave(&xo_record_lock, flags);
	list_for_each_entry_rcu(r, &records, node) {
		if (r->caller != vm && r->callee != vm)
			continue;
		xo_record_close(r);
		r->dead |= r->callee == vm;
	}
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	rcu_read_unlock();
}

void xo_visits_revoke(struct xo_vm *callee)
{
	struct xo_record *r;
	unsigned long flags;

	rcu_read_lock();
	raw_spin_lock_irqsave(&xo_record_lock, flags);
	list_for_each_entry_rcu(r, &records, node)
		if (r->callee == callee)
			xo_record_close(r);
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	rcu_read_unlock();
}

void xo_visits_expel(struct xo_vm *callee)
{
	struct xo_ram *ram = READ_ONCE(callee->ram);
	struct xo_record *r;

	if (!ram)
		return;
	WRITE_ONCE(ram->revoked, true);
	xo_visits_revoke(callee);
	list_for_each_entry_rcu(r, &records, node)
		if (r->callee == callee)
			xo_record_empty(r);
}

void xo_visits_vm_gone(struct xo_vm *vm)
{
	struct xo_record *r, *next;

	list_for_each_entry_safe(r, next, &records, node)
		if (r->caller == vm || r->callee == vm)
			end(r);
	xo_ram_free(vm);
}

/* ------------------------------------------------------------------ why not, and at what price */

void xo_visits_kept_off(struct xo_link *link, enum xo_reason reason)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&link->lock, flags);
	link->by_exit = reason;
	if (reason)
		link->stat.kept_off[reason]++;
	raw_spin_unlock_irqrestore(&link->lock, flags);
}

void xo_visits_price(const struct xo_link *link, struct xo_h_link_info *info)
{
	const struct xo_vm *caller = link->vm[XO_CALLER];
	const struct xo_ram *ram = link->vm[XO_CALLEE]->ram;
	struct xo_record *r;

	if (!(link->flags & XO_LINK_KERNEL) || !ram)
		return;
	info->ram_pages = ram->pinned;
	info->added_pages =
		xo_pages_count(&ram->pages) + xo_gate_pages(caller) + xo_kgate_pages(caller);
	list_for_each_entry(r, &records, node)
		if (r->link == link)
			info->added_pages += xo_pages_count(&r->pages);
}

/* ------------------------------------------------------------------ requests */

enum xo_reason xo_visits_enable(struct xo_vm *caller, struct xo_vm *callee)
{
	enum xo_reason reason;

	if (!caller->kvm || !callee->kvm)
		return XO_REASON_HOST_KERNEL;
	/* The caller is judged as for services; xo_park() looks at each vCPU of the callee. */
	if (READ_ONCE(callee->up) && READ_ONCE(callee->lacks) == XO_REASON_PCID)
		return XO_REASON_PCID;
	if (xo_wake_hook())
		return XO_REASON_NO_HOOKS;
	if (!xo_gate_vm_get(caller) || xo_gate_add_cpus(caller) || !xo_kgate_get(caller) ||
	    xo_kgate_add_cpus(caller))
		return XO_REASON_NO_MEMORY;
	reason = xo_ram_get(callee);
	if (!reason)
		WRITE_ONCE(caller->gate->active, true);
	return reason;
}

/* What is over, and whose stub did not say so: its VM was reset, or did not wait for the answer
 * when that stub asked before. */
static void reap(const struct xo_vm *callee, const struct xo_link *link, u64 session)
{
	struct xo_record *r, *next;

	list_for_each_entry_safe(r, next, &records, node)
		if (r->callee == callee && (r->ended || (r->link == link && r->session == session)))
			end(r);
}

static u32 count(const struct xo_link *link)
{
	struct xo_record *r;
	u32 n = 0;

	list_for_each_entry(r, &records, node)
		n += r->link == link;
	return n;
}

/* How long all is as it is after its memory was mapped: a host that touches it all the while (KSM,
 * NUMA balancing) is not to spend more than a fifth of its time on that. */
#define REST 4

/*
 * After its memory changed nobody enters any more. Whoever asks first has it mapped anew; all its
 * records end before, also those of stubs that nobody calls just now, which would keep them. Their
 * threads learn it when they park again, their callers when they bind: and ask likewise.
 *
 * A link that did not qualify when it was made may do so now.
 */
static int prepare(struct xo_link *link)
{
	struct xo_vm *caller = link->vm[XO_CALLER], *callee = link->vm[XO_CALLEE];
	bool revoked = callee->ram && READ_ONCE(callee->ram->revoked);
	bool anew = !callee->ram || revoked;
	u64 begin = ktime_get_ns();
	struct xo_record *r, *next;
	enum xo_reason reason;

	if (anew && begin < callee->ram_rests)
		return -EXDEV;
	reason = xo_vmfunc_qualify(caller);
	if (reason)
		return reason;
	if (anew) {
		list_for_each_entry_safe(r, next, &records, node)
			if (r->callee == callee)
				end(r);
		xo_ram_free(callee);
	}
	reason = xo_visits_enable(caller, callee);
	if (revoked || reason)
		callee->ram_rests = ktime_get_ns() + REST * (ktime_get_ns() - begin);
	return reason;
}

/* What ended or changed while it was made, and could not find it yet: nobody enters it. */
static void publish(struct xo_record *r)
{
	list_add_tail_rcu(&r->node, &records);
	raw_spin_lock_irq(&xo_record_lock);
	if (READ_ONCE(r->callee->ram->revoked) || !READ_ONCE(r->callee->up) ||
	    !READ_ONCE(r->caller->up))
		xo_record_close(r);
	raw_spin_unlock_irq(&xo_record_lock);
}

/* Refused for a reason that somebody can do something about. */
static int keep_off(struct xo_link *link, int error)
{
	if (error > 0 || error == -ENOMEM)
		xo_visits_kept_off(link, error > 0 ? error : XO_REASON_NO_MEMORY);
	return error;
}

int xo_record_add(struct xo_vm *callee, struct xo_request *request)
{
	struct xo_link *link = xo_link_find(callee, XO_CALLEE, request->link);
	struct xo_record *r;
	int error;

	if (!link || !request->session)
		return -ENOENT;
	if (!(link->flags & XO_LINK_KERNEL) || !link->up)
		return -EXDEV;
	if (request->entry != XO_KGATE_BUILD)
		return keep_off(link, XO_REASON_GATE_BUILD);
	reap(callee, link, request->session);
	if (count(link) >= RECORDS_PER_LINK)
		return -EDQUOT;
	error = prepare(link) ?: xo_ram_runtime(callee->ram, request->save_gpa);
	if (error)
		return keep_off(link, error);
	r = kzalloc(sizeof(*r), GFP_KERNEL_ACCOUNT);
	if (!r)
		return keep_off(link, -ENOMEM);
	INIT_LIST_HEAD(&r->pages);
	init_irq_work(&r->fetch, xo_record_fetch);
	r->id = xo_wid_new();
	r->session = request->session;
	r->link = link;
	r->caller = link->vm[XO_CALLER];
	r->callee = callee;
	error = fill(r);
	if (error) {
		xo_pages_free(&r->pages);
		kfree(r);
		return keep_off(link, error);
	}
	publish(r);
	request->id = r->id;
	return 0;
}

int xo_record_del(struct xo_vm *callee, u64 id)
{
	struct xo_record *r = xo_record_by_id(id);

	if (!r || r->callee != callee)
		return -ENOENT;
	end(r);
	return 0;
}

int xo_record_find(struct xo_vm *caller, struct xo_request *request)
{
	struct xo_link *link = xo_link_find(caller, XO_CALLER, request->link);
	enum xo_reason reason;
	struct xo_record *r;

	if (!link)
		return -ENOENT;
	if (request->entry != XO_KGATE_BUILD)
		return keep_off(link, XO_REASON_GATE_BUILD);
	/* If the link was made before its kernel was up nobody has looked yet: not at the
	 * processors either. */
	reason = xo_vmfunc_qualify(caller);
	if (reason)
		return keep_off(link, reason);
	list_for_each_entry(r, &records, node) {
		if (r->caller != caller || r->link->id != request->link ||
		    r->session != request->session || r->ended)
			continue;
		if (xo_gate_add_cpus(caller) || xo_kgate_add_cpus(caller))
			return -ENOMEM;
		request->id = r->id;
		request->save_gpa = caller->kgate->mapping.gpa;
		request->count = caller->kgate->cpus;
		request->flags = link->flags;
		return 0;
	}
	return -ENOENT;
}

/* ------------------------------------------------------------------ lists */

bool xo_record_next(u64 after, struct xo_h_record_info *info)
{
	struct xo_record *r, *next = NULL;

	list_for_each_entry(r, &records, node)
		if (r->id > after && (!next || r->id < next->id))
			next = r;
	if (!next)
		return false;
	info->id = next->id;
	info->link = next->link->id;
	memcpy(info->caller, next->caller->name, sizeof(info->caller));
	memcpy(info->callee, next->callee->name, sizeof(info->callee));
	raw_spin_lock_irq(&xo_record_lock);
	info->state = next->state;
	info->parks = next->stat.parks;
	info->wakes = next->stat.wakes;
	info->kicks = next->stat.kicks;
	info->evictions = next->stat.evictions;
	info->suspensions = next->stat.suspensions;
	info->resumptions = next->stat.resumptions;
	info->taken_over = next->stat.taken_over;
	info->descheduled = next->stat.descheduled;
	info->injected = next->stat.injected;
	info->unfit = next->stat.unfit;
	info->again = next->stat.again;
	info->finished = next->stat.finished;
	info->faults = next->stat.faults;
	info->refused = next->stat.refused;
	memcpy(info->evicted_by, next->stat.evicted_by, sizeof(info->evicted_by));
	raw_spin_unlock_irq(&xo_record_lock);
	return true;
}
