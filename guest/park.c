// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: a stub that waits for calls lets its caller's virtual CPUs visit it meanwhile. It stands
 * in XO_HC_PARK; a visitor runs xo_visit_serve() as this very task on this very CPU, and answers
 * the call in its slot. Whatever wakes the CPU ends the parking; whatever cannot be done in a visit
 * is done here, natively, by the same function at the same instruction.
 */
#include <linux/io.h>
#include <linux/irqflags.h>
#include <linux/kernel.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/stat.h>
#include <linux/slab.h>
#include <asm/pgtable.h>
#include <crossover/kgate.h>
#include "guest.h"
#include "hypercall.h"
#include "kgate_blob.h"
#include "visit.h"

#define KERNEL_TABLE 0x63ULL /* present, writable, accessed, dirty */
#define KERNEL_TEXT  0x61ULL /* not writable */
#define NOBODY	     (-1)

/*
 * Parked, a stub is a task that runs: it wakes at each tick, and its CPU halts though others may
 * want to run there. So it stays parked so long, in jiffies, after its last visit; and so long if
 * others do want to. (Long enough for a host CPU to run the caller's VM and come back.)
 */
#define IDLE	     HZ
#define IDLE_WANTED  (HZ / 20)

extern long xo_park_stub(u64 record, u64 cookie, u64 seq, u64 slot);
extern char xo_visit_native[];
u64 xo_visit_serve(u64 slot, u64 seq, struct xo_parking *p);

/* ------------------------------------------------------------------ the window in a stub's page
 * tables
 *
 * One set of tables for all stubs, below one entry of each stub's root, that Linux leaves to
 * hypervisors.
 */
static DEFINE_MUTEX(lock);
static struct {
	u64 *table[3];
	u64 *text; /* in the runtime's place: who goes there natively was evicted */
} window;

/* movabs rax, to; jmp rax */
static void put_jump(u8 *at, const void *to)
{
	u64 address = (u64)to;

	at[0] = 0x48;
	at[1] = 0xb8;
	memcpy(at + 2, &address, sizeof(address));
	at[10] = 0xff;
	at[11] = 0xe0;
}

static void free_window(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(window.table); i++)
		free_page((unsigned long)window.table[i]);
	free_page((unsigned long)window.text);
	memset(&window, 0, sizeof(window));
}

/* lock held. */
static int make_window(void)
{
	u32 i;

	if (window.text)
		return 0;
	for (i = 0; i < ARRAY_SIZE(window.table); i++)
		window.table[i] = (u64 *)get_zeroed_page(GFP_KERNEL);
	window.text = (u64 *)get_zeroed_page(GFP_KERNEL);
	if (!window.table[0] || !window.table[1] || !window.table[2] || !window.text) {
		free_window();
		return -ENOMEM;
	}
	memset(window.text, 0xcc, PAGE_SIZE);
	put_jump((u8 *)window.text + XO_L_krt_ret, xo_visit_native);
	window.table[0][0] = __pa(window.table[1]) | KERNEL_TABLE;
	window.table[1][0] = __pa(window.table[2]) | KERNEL_TABLE;
	window.table[2][XO_KGATE_RT >> PAGE_SHIFT] = __pa(window.text) | KERNEL_TEXT;
	preempt_notifier_inc();
	return 0;
}

/* Into the stub's root; its address space is the current one. */
static void show_window(struct xo_stub *s)
{
	u64 *root = (u64 *)current->mm->pgd;

	s->mm = current->mm;
	mmgrab(s->mm);
	WRITE_ONCE(root[XO_KGATE_ROOT], __pa(window.table[0]) | KERNEL_TABLE);
}

/* ------------------------------------------------------------------ a visitor's work
 *
 * As the stub, on its stack, between two instructions of xo_park_stub().
 */

/* It goes on natively from here; if it is native, nothing happens. */
static void evict(struct xo_parking *p)
{
	u64 rcx = 0, rdx = 0;

	xo_vmcall(XO_HC_EVICT, 0, &rcx, &rdx, 0);
	WRITE_ONCE(p->visiting, false);
}

/* A call that was posted meanwhile, and left to this thread, may be what this one would wait for:
 * it comes first, and this one by exit. */
static int serve(struct xo_parking *p)
{
	/* What is pending, or given up, is seen here; or xo_park_kick() and xo_park_cancel() see
	 * what was written before. */
	smp_mb();
	if (READ_ONCE(p->stub->cancelled) == p->seq)
		WRITE_ONCE(p->cancelled, true);
	return READ_ONCE(p->stub->pending) ? -EAGAIN : xo_visits_serve(p, p->slot);
}

u64 xo_visit_serve(u64 slot, u64 seq, struct xo_parking *p)
{
	p->slot = min_t(u64, slot, XO_SLOTS_PER_LINK);
	p->seq = seq;
	p->cancelled = false;
	p->used = jiffies;
	WRITE_ONCE(p->serving, true);
	WRITE_ONCE(p->visiting, true);
	smp_store_release(&p->under_way, true);
	p->status = serve(p);
	WRITE_ONCE(p->serving, false);
	smp_mb(); /* against xo_park_kick(), which may have counted on another thread */
	/* Whom it woke on this CPU must not wait until something else wakes that; nor a call that
	 * was posted meanwhile. */
	if (need_resched() || READ_ONCE(p->stub->pending) || READ_ONCE(p->stub->dead))
		evict(p);
	barrier();
	WRITE_ONCE(p->visiting, false);
	return p->status;
}

/* Interrupts are off: the stub is to be switched out, and a visitor must not be. Natively it may
 * stay away for long: another thread can be visited meanwhile. */
static void switched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct xo_parking *p = container_of(notifier, struct xo_parking, notifier);

	if (!READ_ONCE(p->visiting))
		return;
	evict(p);
	cmpxchg(&p->stub->parker, p->task, NULL);
}

static void switched_in(struct preempt_notifier *notifier, int cpu)
{
}

static struct preempt_ops notifier_ops = { switched_in, switched_out };

/* ------------------------------------------------------------------ parking */

#define ASK_AGAIN HZ

/* The host's record of this stub, for the parker. What was refused is asked for again, later. */
static int get_record(struct xo_stub *s)
{
	struct xo_request req = {
		.op = XO_REQ_RECORD_ADD,
		.link = s->link->id,
		.session = s->id,
		.entry = XO_KGATE_BUILD,
		.pid = task_tgid_nr(current),
	};
	int ret;

	if (s->record)
		return s->mm == current->mm ? 0 : -EAGAIN;
	if (s->record_asked && time_before(jiffies, s->record_asked + ASK_AGAIN))
		return -EAGAIN;
	s->record_asked = jiffies | 1;
	mutex_lock(&lock);
	ret = make_window();
	if (!ret && !s->mm)
		show_window(s);
	mutex_unlock(&lock);
	if (ret || s->mm != current->mm)
		return -EAGAIN;
	req.save_gpa = __pa(window.text);
	ret = xo_request(&req);
	if (ret)
		return -EAGAIN;
	WRITE_ONCE(s->record, req.id);
	smp_mb(); /* against xo_stub_end() */
	if (READ_ONCE(s->dead))
		xo_park_end(s);
	return 0;
}

void xo_park_pay(struct xo_stub *s, struct xo_owed *owed)
{
	if (owed->seq && s->link->up)
		xo_hc_return(s->link->id, owed->slot, owed->seq, 0);
	owed->seq = 0;
}

/* The evicted call has ended, as any call over exit does; or was none that a visitor serves. */
static void end_evicted(struct xo_parking *p)
{
	struct xo_link *l = p->stub->link;
	u32 slot = p->slot;

	if (!p->status) {
		WRITE_ONCE(p->under_way, false);
		atomic64_dec(&l->visits); /* it was none */
		*p->owed = (struct xo_owed){ .seq = p->seq, .slot = slot };
		return;
	}
	spin_lock_irq(&xo.lock);
	if (l->up && slot < l->slots) {
		xo_serve_posted(l, slot, p->seq);
		/* Told to whoever takes it from here. */
		if (p->cancelled)
			xo_serve_cancelled(l, slot, p->seq);
	}
	p->under_way = false;
	spin_unlock_irq(&xo.lock);
}

/* 0: something may have changed here. */
static int park(struct xo_parking *p)
{
	struct xo_stub *s = p->stub;
	long ret;

	local_irq_disable();
	WRITE_ONCE(p->parked_on, smp_processor_id());
	smp_mb(); /* against xo_park_kick() */
	if (need_resched() || signal_pending(current) || READ_ONCE(s->pending) ||
	    READ_ONCE(s->dead)) {
		WRITE_ONCE(p->parked_on, NOBODY);
		local_irq_enable();
		xo_park_pay(s, p->owed);
		return 0;
	}
	/* As far as lockdep knows they are on from here: a visitor has them on, and so has who
	 * comes back. */
	trace_hardirqs_on_prepare();
	lockdep_hardirqs_on_prepare();
	lockdep_hardirqs_on(_THIS_IP_);
	ret = xo_park_stub(s->record, (u64)p, p->owed->seq, p->owed->slot);
	WRITE_ONCE(p->parked_on, NOBODY);
	if (ret < 0)
		xo_park_pay(s, p->owed);
	p->owed->seq = 0;
	if (ret == 1)
		end_evicted(p);
	else
		WRITE_ONCE(p->under_way, false);
	return ret < 0 && ret != -EBUSY ? (int)ret : 0;
}

/*
 * A visitor's call may block, in the parker; so that one parks only while another thread waits for
 * what comes by exit. True: it is the parker.
 */
static bool become_parker(struct xo_stub *s)
{
	return READ_ONCE(s->idle) && !cmpxchg(&s->parker, NULL, current);
}

static void begin(struct xo_parking *p, struct xo_stub *s, struct xo_owed *owed)
{
	*p = (struct xo_parking){
		.stub = s,
		.task = current,
		.owed = owed,
		.parked_on = NOBODY,
		.used = jiffies,
	};
	preempt_notifier_init(&p->notifier, &notifier_ops);
	preempt_notifier_register(&p->notifier);
	spin_lock_irq(&xo.lock);
	list_add(&p->member, &s->parkings);
	spin_unlock_irq(&xo.lock);
}

static void end(struct xo_parking *p)
{
	struct xo_stub *s = p->stub;

	spin_lock_irq(&xo.lock);
	list_del(&p->member);
	if (s->pending) /* it was to look, and goes */
		wake_up(&s->wait);
	spin_unlock_irq(&xo.lock);
	preempt_notifier_unregister(&p->notifier);
}

/* Then it sleeps, as any thread that waits, and parks again behind the next call, by exit. */
static bool is_idle(const struct xo_parking *p)
{
	return time_after(jiffies, p->used + (single_task_running() ? IDLE : IDLE_WANTED));
}

/* Until there is a call (> 0) or the session has ended (< 0); 0: a signal, or it cannot be here. */
static int wait_parked(struct xo_stub *s, struct xo_g_serve *req, struct xo_owed *owed,
		       int (*take)(struct xo_stub *s, struct xo_g_serve *req))
{
	struct xo_parking p;
	int got = 0, error = 0;

	begin(&p, s, owed);
	for (;;) {
		got = take(s, req);
		req->idle = READ_ONCE(s->idle);
		if (got || signal_pending(current))
			break;
		/* Another thread may be it, after a call that was long away. */
		if (READ_ONCE(s->parker) != current && !become_parker(s))
			break;
		error = park(&p);
		if (error || is_idle(&p) || !(READ_ONCE(s->link->flags) & XO_LINK_KERNEL))
			break;
		if (need_resched())
			xo_park_pay(s, owed);
		/* It never sleeps of its own will, and tasks' RCU (a probe that becomes a jump, a
		 * trampoline that goes) waits for each task to be nowhere. */
		cond_resched_tasks_rcu_qs();
	}
	end(&p); /* first: nobody is to count on this thread while it asks */
	/* The host knows it no more: the link was switched, or the VM's memory changed. */
	if (error)
		xo_park_end(s);
	return got;
}

/* Told once: another thread, which then is the parker. */
static bool want_thread(struct xo_stub *s, struct xo_g_serve *req)
{
	if (s->thread_wanted || READ_ONCE(s->idle))
		return false;
	s->thread_wanted = true;
	req->reply = 0;
	req->slot = XO_SLOT_NOTICE;
	req->idle = 0;
	return true;
}

int xo_park_wait(struct xo_stub *s, struct xo_g_serve *req, struct xo_owed *owed,
		 int (*take)(struct xo_stub *s, struct xo_g_serve *req))
{
	int got = 0;

	if (!(READ_ONCE(s->link->flags) & XO_LINK_KERNEL) || !s->visits.revision ||
	    s->buffer != XO_NO_SLOT || !s->opened || req->timeout_ms)
		return -EAGAIN;
	if (want_thread(s, req))
		return 0;
	if (!become_parker(s))
		return -EAGAIN;
	if (!READ_ONCE(s->record))
		xo_park_pay(s, owed); /* asking sleeps */
	if (!get_record(s))
		got = wait_parked(s, req, owed, take);
	cmpxchg(&s->parker, current, NULL);
	if (got)
		return got < 0 ? got : 0;
	return signal_pending(current) ? -EINTR : -EAGAIN;
}

bool xo_park_kick(struct xo_stub *s)
{
	struct xo_parking *p;
	bool looks = false;
	int cpu;

	lockdep_assert_held(&xo.lock);
	smp_mb(); /* against park() and serve() */
	list_for_each_entry(p, &s->parkings, member) {
		if (READ_ONCE(p->serving))
			continue; /* it looks before it ends, but that may be long */
		looks = true;
		cpu = READ_ONCE(p->parked_on);
		if (cpu != NOBODY && cpu != smp_processor_id() && cpu_online(cpu))
			smp_send_reschedule(cpu);
	}
	return looks;
}

/*
 * A signal ends what an evicted call waits for. Its caller gave up: what the call then says counts,
 * and if it has not begun it never does. A signal that comes too late ends nothing: another call's
 * -EINTR is no result of it, see was_interrupted().
 */
void xo_park_cancel(struct xo_stub *s, u32 slot, u64 seq)
{
	struct xo_parking *p;

	lockdep_assert_held(&xo.lock);
	WRITE_ONCE(s->cancelled, seq);
	smp_mb(); /* against serve(): it may be about to begin */
	list_for_each_entry(p, &s->parkings, member) {
		if (!smp_load_acquire(&p->under_way) || p->slot != slot || p->seq != seq)
			continue;
		WRITE_ONCE(p->cancelled, true);
		send_sig(XO_CANCEL_SIGNAL, p->task, 1);
	}
}

/* (With the link the host ends all its records itself; it may be about it, and holding up all
 * requests until their visitors have left.) */
void xo_park_end(struct xo_stub *s)
{
	struct xo_request req = { .op = XO_REQ_RECORD_DEL, .id = xchg(&s->record, 0) };

	if (req.id && READ_ONCE(s->link->up))
		xo_request(&req);
}

/* Not before: a call that was evicted returns through the window, whenever that is. */
void xo_park_release(struct xo_stub *s)
{
	if (!s->mm)
		return;
	WRITE_ONCE(((u64 *)s->mm->pgd)[XO_KGATE_ROOT], 0);
	mmdrop(s->mm);
	s->mm = NULL;
}

void xo_park_exit(void)
{
	if (window.text)
		preempt_notifier_dec();
	free_window();
}
