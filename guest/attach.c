// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: connections at the host. A process is known there by the page that its CR3 names in ring
 * 3; so the host must have forgotten it before its page table can be another's: the notifier's
 * release, which runs before that, whatever ends the address space.
 *
 * What the host ends by itself (the service, the link's engine, the link) is learnt when a call
 * finds its context revoked and asks here. Until then its save pages may be the host's, and given
 * to another connection of this VM: which is asked for here too, and takes them away first.
 */
#include <linux/kdebug.h>
#include <linux/mmu_notifier.h>
#include <linux/rculist.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <asm/pgtable.h>
#include <asm/trapnr.h>
#include <crossover/gate.h>
#include "guest.h"
#include "gate_blob.h"

struct xo_process {
	struct mmu_notifier mn;
	struct list_head node; /* of processes; RCU */
	struct rcu_head rcu;
	struct mm_struct *mm; /* compared */
	u32 refs;	      /* its connections */
	bool ended;
	bool unsure; /* the host may have a connection of it that it did not tell of */
	u64 cr3;
	DECLARE_BITMAP(regions, XO_GATE_CONNS);
};

static DEFINE_MUTEX(lock);   /* around requests about connections, and what comes of them */
static LIST_HEAD(attached);  /* connections with an id */
static LIST_HEAD(processes); /* read under RCU too */

/* ------------------------------------------------------------------ processes */

/* What CR3 names while the process runs in ring 3. */
static u64 user_cr3(struct mm_struct *mm)
{
	pgd_t *pgd = mm->pgd;

#ifdef CONFIG_PAGE_TABLE_ISOLATION
	if (boot_cpu_has(X86_FEATURE_PTI))
		pgd = kernel_to_user_pgdp(pgd);
#endif
	return __pa(pgd);
}

/* lock held. The host has no connection of that name: what is left of it here is undone. */
static void forget(struct xo_conn *conn)
{
	if (!conn->id)
		return;
	conn->id = 0;
	list_del_init(&conn->attached);
	if (xo_conn_set_save(conn, 0))
		pr_err_ratelimited("no memory for save pages: a process keeps the host's\n");
}

static void released(struct mmu_notifier *mn, struct mm_struct *mm)
{
	struct xo_process *p = container_of(mn, struct xo_process, mn);
	struct xo_request req = { .op = XO_REQ_PROCESS_DEL, .cr3 = p->cr3 };
	struct xo_conn *conn, *next;
	bool any = false;
	int ret = 0;

	mutex_lock(&lock);
	p->ended = true;
	list_for_each_entry_safe(conn, next, &attached, attached)
		if (conn->process == p) {
			any = true;
			forget(conn);
		}
	if (any || p->unsure)
		ret = xo_request(&req);
	/* Connections go by the CR3: while the host may still know this one, nobody else gets it.
	 */
	if (ret && ret != -ENOENT && ret != -EHOSTDOWN) {
		pr_err_ratelimited(
			"the host was not told that a process ended (%d): its page table is kept\n",
			ret);
		mmgrab(mm);
	}
	mutex_unlock(&lock);
}

static const struct mmu_notifier_ops ops = { .release = released };

/* lock held. */
static struct xo_process *find_process(struct mm_struct *mm)
{
	struct xo_process *p;

	list_for_each_entry(p, &processes, node)
		if (p->mm == mm && !p->ended)
			return p;
	return NULL;
}

/* lock held. */
static struct xo_process *get_process(void)
{
	struct xo_process *p = find_process(current->mm);
	int ret;

	if (p)
		return p;
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	p->mn.ops = &ops;
	p->mm = current->mm;
	p->cr3 = user_cr3(p->mm);
	ret = mmu_notifier_register(&p->mn, p->mm);
	if (ret) {
		kfree(p);
		return ERR_PTR(ret);
	}
	list_add_rcu(&p->node, &processes);
	return p;
}

/* lock held: a connection takes a region of its process, for life. */
static int take_region(struct xo_conn *conn, u32 slots)
{
	struct xo_process *p = get_process();
	u32 index;

	if (IS_ERR(p))
		return PTR_ERR(p);
	index = find_first_zero_bit(p->regions, XO_GATE_CONNS);
	if (index == XO_GATE_CONNS)
		return -EDQUOT;
	__set_bit(index, p->regions);
	p->refs++;
	conn->process = p;
	conn->index = index;
	conn->slots = slots;
	return 0;
}

/* Not under the lock, which its release takes. */
static void drop_process(struct xo_process *p)
{
	/* If the address space is still there, this calls released(), which finds nothing. */
	mmu_notifier_unregister(&p->mn, p->mm);
	kfree_rcu(p, rcu);
}

/* ------------------------------------------------------------------ attach, detach */

/* lock held. Save pages that the host gives out again are nobody else's here. */
static void take_pages_away(u64 gpa, u32 slots)
{
	struct xo_conn *conn, *next;

	list_for_each_entry_safe(conn, next, &attached, attached)
		if (conn->save_gpa < gpa + (u64)slots * PAGE_SIZE &&
		    gpa < conn->save_gpa + (u64)conn->slots * PAGE_SIZE)
			forget(conn);
}

static void detach(struct xo_conn *conn)
{
	struct xo_request req = { .op = XO_REQ_DETACH, .id = conn->id };

	if (conn->id)
		xo_request(&req);
}

/* lock held. 0: attached; positive: the engine is `exit`, for this reason or (-1) none. */
static int make(struct xo_session *s, struct xo_g_attach *out)
{
	struct xo_conn *conn = s->conn;
	struct xo_request req = {
		.op = XO_REQ_ATTACH,
		.link = s->link->id,
		.session = s->id,
		.slot = s->buffer,
		.cr3 = conn->process->cr3,
		.index = conn->index,
		.slots = conn->slots,
		.entry = XO_GATE_BUILD,
		.pid = task_tgid_nr(current),
	};
	int ret = xo_request(&req);

	out->reason = req.info.reason;
	if (ret == -ETIMEDOUT)
		conn->process->unsure = true;
	if (ret)
		return ret;
	take_pages_away(req.save_gpa, conn->slots);
	conn->id = req.id;
	conn->save_gpa = req.save_gpa;
	list_add(&conn->attached, &attached);
	ret = xo_conn_set_save(conn, req.save_gpa);
	if (ret) {
		detach(conn);
		forget(conn);
	}
	return ret;
}

/* lock held. 0: the connection is there again. */
static int revive(struct xo_conn *conn, struct xo_g_attach *out)
{
	struct xo_request req = { .op = XO_REQ_REVIVE, .id = conn->id };
	int ret = conn->id ? xo_request(&req) : -ENOENT;

	out->reason = req.info.reason;
	/* It is there, and this VM's vCPUs may not use it just now (a debugger, say). */
	if (ret == -EOPNOTSUPP)
		return ret;
	/* Once its memory is gone it does not come back, though the host may not yet say so. */
	if (ret && conn->id) {
		detach(conn);
		forget(conn);
	}
	return ret;
}

/* lock held. 0: attached. A negative errno: the engine is `exit`. */
static int attach(struct xo_session *s, struct xo_g_attach *req, bool inside)
{
	struct xo_conn *conn = s->conn;
	u32 epoch = READ_ONCE(s->link->engine_epoch);
	int ret;

	/* With another engine now, only a call that is inside already goes on. */
	if (inside || (conn->id && READ_ONCE(s->link->engine) == XO_ENGINE_VMFUNC))
		ret = revive(conn, req);
	else
		ret = -ENOENT;
	if (inside && ret == -EOPNOTSUPP)
		return 0; /* it goes on there, as soon as it can */
	if (!ret || inside)
		return ret;
	if (READ_ONCE(s->link->engine) != XO_ENGINE_VMFUNC)
		return -EXDEV;
	if (ret != -EOPNOTSUPP)
		ret = conn->process ? 0 : take_region(conn, req->slots);
	if (!ret)
		ret = make(s, req);
	if (ret) {
		conn->refused_at = jiffies;
		WRITE_ONCE(conn->refused, epoch);
	}
	return ret;
}

long xo_conn_attach(struct xo_session *s, struct xo_g_attach *req)
{
	bool inside = req->engine == XO_ENGINE_VMFUNC;
	int ret;

	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (!s->conn)
		return -ENOTCONN;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	if (!req->slots || req->slots > XO_GATE_SLOTS)
		return -EINVAL;
	if (!xo_session_alive(s))
		return -EHOSTDOWN;
	req->reason = 0;
	if (mutex_lock_killable(&lock))
		return -EINTR;
	ret = attach(s, req, inside);
	if (ret == -EDQUOT && !req->reason)
		req->reason = XO_REASON_CONNS_FULL;
	req->engine = ret ? XO_ENGINE_EXIT : XO_ENGINE_VMFUNC;
	if (!ret) {
		req->slots = s->conn->slots;
		req->base = XO_GATE_BASE + (u64)s->conn->index * XO_GATE_CONN_SIZE;
		req->id = s->conn->id;
	}
	mutex_unlock(&lock);
	return 0;
}

u32 xo_conn_engine(const struct xo_session *s)
{
	const struct xo_link *l = s->link;

	bool refused = READ_ONCE(s->conn->refused) == READ_ONCE(l->engine_epoch) &&
		       time_before(jiffies, READ_ONCE(s->conn->refused_at) + HZ);

	return READ_ONCE(l->engine) == XO_ENGINE_VMFUNC && !refused ? XO_ENGINE_VMFUNC
								    : XO_ENGINE_EXIT;
}

void xo_conn_detach(struct xo_conn *conn)
{
	struct xo_process *p;
	bool last = false;

	mutex_lock(&lock);
	detach(conn);
	forget(conn);
	p = conn->process;
	if (p) {
		__clear_bit(conn->index, p->regions);
		last = !--p->refs;
		if (last)
			list_del_rcu(&p->node);
	}
	mutex_unlock(&lock);
	if (last)
		drop_process(p);
}

int xo_conn_reset(struct xo_session *s, u32 slot)
{
	struct xo_request req = { .op = XO_REQ_RESET, .slot = slot };
	int ret = 0;

	if (!s->conn)
		return -ENOTCONN;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	mutex_lock(&lock);
	req.id = s->conn->id;
	if (slot >= s->conn->slots)
		ret = -EINVAL;
	else if (req.id)
		ret = xo_request(&req);
	mutex_unlock(&lock);
	return ret == -ENOENT ? 0 : ret;
}

/* ------------------------------------------------------------------ a gate that leads nowhere */

/*
 * VMFUNC at home, in a gate, though no host (any more) knows it: #UD. The call has not left home;
 * it ends as a revoked one does, and who made it asks here. Registers: gate.S.
 */
static int undefined(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;
	struct pt_regs *regs = args->regs;
	u64 offset = regs->ip - XO_GATE_BASE;
	struct xo_process *p;
	bool ours = false;

	if (event != DIE_TRAP || args->trapnr != X86_TRAP_UD || !user_mode(regs) ||
	    offset >= (u64)XO_GATE_CONNS * XO_GATE_CONN_SIZE ||
	    offset % XO_GATE_SLOT_SIZE != XO_L_gate_in - 3)
		return NOTIFY_DONE;
	rcu_read_lock();
	list_for_each_entry_rcu(p, &processes, node)
		ours |= p->mm == current->mm;
	rcu_read_unlock();
	if (!ours)
		return NOTIFY_DONE;
	regs->ip += XO_L_gate_home - (XO_L_gate_in - 3);
	regs->si = XO_GATE_REVOKED;
	regs->dx = 0;
	return NOTIFY_STOP;
}

static struct notifier_block undefined_block = { .notifier_call = undefined };

int xo_conn_init(void)
{
	int ret = xo_text_init();

	if (ret)
		return ret;
	ret = register_die_notifier(&undefined_block);
	if (ret)
		xo_text_exit();
	return ret;
}

void xo_conn_exit(void)
{
	unregister_die_notifier(&undefined_block);
	xo_text_exit();
	/* kfree_rcu() needs no code of ours; notifiers' callbacks are through, as all files are. */
}
