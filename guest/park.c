// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: a stub that waits for calls lets its caller's virtual CPUs visit it meanwhile. It stands
 * in XO_HC_PARK; a visitor runs xo_visit_serve() as this very task on this very CPU, and answers
 * the call in its slot. Whatever wakes the CPU ends the parking; whatever cannot be done in a visit
 * is done here, natively, by the same function at the same instruction.
 */
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/preempt.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/pgtable.h>
#include <asm/syscall.h>
#include <crossover/kgate.h>
#include <crossover/syscalls.h>
#include "guest.h"
#include "hypercall.h"
#include "kgate_blob.h"
#include "visit.h"

#define KERNEL_TABLE 0x63ULL /* present, writable, accessed, dirty */
#define NOBODY	     (-1)

extern long xo_park_stub(u64 record, u64 cookie);
extern char xo_visit_native[];
u64 xo_visit_serve(u64 slot, u64 seq, struct xo_stub *s);

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
	window.table[2][XO_KGATE_RT >> PAGE_SHIFT] = __pa(window.text) | KERNEL_TABLE;
	preempt_notifier_inc();
	return 0;
}

/* Into the stub's root; its address space is the current one. */
static void show_window(struct xo_stub *s)
{
	u64 *root = (u64 *)current->mm->pgd;

	if (s->mm)
		return;
	s->mm = current->mm;
	mmgrab(s->mm);
	WRITE_ONCE(root[XO_KGATE_ROOT], __pa(window.table[0]) | KERNEL_TABLE);
}

/* ------------------------------------------------------------------ which calls
 *
 * Those that name neither memory nor descriptors, by the numbers that the stub allows. Others come
 * by exit, where the stub looks at them.
 */
static sys_call_ptr_t function[XO_SYSCALLS];

static bool is_plain(const struct xo_syscall *sc)
{
	u32 i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (sc->args[i].kind != XO_ARG_NONE && sc->args[i].kind != XO_ARG_VALUE)
			return false;
	return sc->group == XO_CLASS_INFO;
}

/* The kernel does not export them. */
static sys_call_ptr_t find_function(const char *name)
{
	char symbol[64];
	struct kprobe probe = { .symbol_name = symbol, .flags = KPROBE_FLAG_DISABLED };
	sys_call_ptr_t at;

	snprintf(symbol, sizeof(symbol), "__x64_sys_%s", name);
	if (register_kprobe(&probe))
		return NULL;
	at = (sys_call_ptr_t)probe.addr;
	unregister_kprobe(&probe);
	return at;
}

int xo_park_allow(struct xo_stub *s, const u64 *bitmap, u32 words)
{
	u32 nr;

	mutex_lock(&lock);
	for (nr = 0; nr < min_t(u32, words * 64, XO_SYSCALLS); nr++) {
		const struct xo_syscall *sc = xo_syscall_find(nr);

		if (!(bitmap[nr / 64] & BIT_ULL(nr % 64)) || !sc || !is_plain(sc))
			continue;
		if (!function[nr])
			function[nr] = find_function(sc->name);
		if (function[nr])
			__set_bit(nr, s->allowed);
	}
	mutex_unlock(&lock);
	return 0;
}

/* ------------------------------------------------------------------ a visitor's work
 *
 * As the stub, on its stack, between two instructions of xo_park_stub(). It may sleep, fault or
 * exit wherever it likes: then it goes on natively. Returns 0: the reply is in the slot; else the
 * call is one for the stub's ring 3.
 */
static int serve(struct xo_stub *s, u32 slot)
{
	struct xo_msg *msg = xo_slot_msg(s->link, slot);
	struct pt_regs regs = { .orig_ax = READ_ONCE(msg->nr) };
	u64 nr = regs.orig_ax;
	s64 result = 0;

	if (READ_ONCE(msg->session) != s->id || s->dead || s->buffer != XO_NO_SLOT)
		return -EAGAIN;
	switch (READ_ONCE(msg->op)) {
	case XO_OP_PING:
		break;
	case XO_OP_SYSCALL:
		if (nr >= XO_SYSCALLS || !test_bit(nr, s->allowed) || !function[nr])
			return -EAGAIN;
		regs.di = READ_ONCE(msg->args[0]);
		regs.si = READ_ONCE(msg->args[1]);
		regs.dx = READ_ONCE(msg->args[2]);
		regs.r10 = READ_ONCE(msg->args[3]);
		regs.r8 = READ_ONCE(msg->args[4]);
		regs.r9 = READ_ONCE(msg->args[5]);
		result = function[nr](&regs);
		break;
	default:
		return -EAGAIN;
	}
	WRITE_ONCE(msg->result, result);
	WRITE_ONCE(msg->out_len, 0);
	WRITE_ONCE(msg->file_mode, 0);
	atomic64_inc(&s->link->visits);
	return 0;
}

u64 xo_visit_serve(u64 slot, u64 seq, struct xo_stub *s)
{
	s->visit_slot = slot;
	s->visit_seq = seq;
	WRITE_ONCE(s->visiting, true);
	barrier();
	/* Only slots that have been bound to the session by a call over exit. */
	s->visit_status = slot < s->link->slots && (READ_ONCE(s->bound) & BIT_ULL(slot))
				  ? serve(s, slot)
				  : -EAGAIN;
	barrier();
	WRITE_ONCE(s->visiting, false);
	return s->visit_status;
}

/* Interrupts are off: the stub is to be switched out, and a visitor must not be. */
static void switched_out(struct preempt_notifier *notifier, struct task_struct *next)
{
	struct xo_stub *s = container_of(notifier, struct xo_stub, notifier);
	u64 rcx = 0, rdx = 0;

	if (!READ_ONCE(s->visiting))
		return;
	xo_vmcall(XO_HC_EVICT, 0, &rcx, &rdx, 0);
	WRITE_ONCE(s->visiting, false); /* native now */
}

static void switched_in(struct preempt_notifier *notifier, int cpu)
{
}

static struct preempt_ops notifier_ops = { switched_in, switched_out };

/* ------------------------------------------------------------------ parking */

/* The host's record of this stub; asked for once. */
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

	if (s->record_asked)
		return s->record ? 0 : -EAGAIN;
	s->record_asked = true;
	mutex_lock(&lock);
	ret = make_window();
	if (!ret)
		show_window(s);
	mutex_unlock(&lock);
	if (ret)
		return -EAGAIN;
	req.save_gpa = __pa(window.text);
	ret = xo_request(&req);
	if (ret)
		return -EAGAIN;
	s->record = req.id;
	return 0;
}

/* The evicted call has ended, as any call over exit does; or was none that a visitor serves. */
static void end_evicted(struct xo_stub *s)
{
	struct xo_link *l = s->link;
	u32 slot = s->visit_slot;

	if (!s->visit_status) {
		atomic64_inc(&l->calls);
		if (l->up)
			xo_hc_return(l->id, slot, s->visit_seq, 0);
		return;
	}
	spin_lock_irq(&xo.lock);
	if (l->up && slot < l->slots)
		xo_serve_posted(l, slot, s->visit_seq);
	spin_unlock_irq(&xo.lock);
}

/* 0: something may have changed here. */
static int park(struct xo_stub *s)
{
	long ret;

	local_irq_disable();
	if (need_resched() || signal_pending(current) || READ_ONCE(s->pending) || s->dead) {
		local_irq_enable();
		return 0;
	}
	WRITE_ONCE(s->parked_on, smp_processor_id());
	ret = xo_park_stub(s->record, (u64)s);
	WRITE_ONCE(s->parked_on, NOBODY);
	if (ret == 1)
		end_evicted(s);
	return ret < 0 && ret != -EBUSY ? (int)ret : 0;
}

static bool become_parker(struct xo_stub *s)
{
	bool mine;

	spin_lock_irq(&xo.lock);
	mine = !s->parker;
	if (mine)
		s->parker = current;
	spin_unlock_irq(&xo.lock);
	return mine;
}

int xo_park_wait(struct xo_stub *s, struct xo_g_serve *req,
		 int (*take)(struct xo_stub *s, struct xo_g_serve *req))
{
	int got = 0, error = 0;

	if (!READ_ONCE(s->link->kernel) || s->buffer != XO_NO_SLOT || !s->opened || req->timeout_ms)
		return -EAGAIN;
	if (!become_parker(s))
		return -EAGAIN;
	error = get_record(s);
	if (!error) {
		preempt_notifier_init(&s->notifier, &notifier_ops);
		preempt_notifier_register(&s->notifier);
		for (;;) {
			got = take(s, req);
			req->idle = READ_ONCE(s->idle);
			if (got || signal_pending(current))
				break;
			error = park(s);
			if (error || !READ_ONCE(s->link->kernel))
				break;
			cond_resched();
		}
		preempt_notifier_unregister(&s->notifier);
	}
	spin_lock_irq(&xo.lock);
	s->parker = NULL;
	spin_unlock_irq(&xo.lock);
	if (got)
		return got < 0 ? got : 0;
	return signal_pending(current) ? -EINTR : -EAGAIN;
}

void xo_park_kick(struct xo_stub *s)
{
	int cpu = READ_ONCE(s->parked_on);

	lockdep_assert_held(&xo.lock);
	if (s->parker && cpu != NOBODY && cpu != smp_processor_id())
		smp_send_reschedule(cpu);
}

/* An evicted call, perhaps: a signal ends what it waits for. */
bool xo_park_cancel(struct xo_link *l, struct xo_stub *s, u32 slot)
{
	lockdep_assert_held(&xo.lock);
	if (!s || !s->parker || s->visit_slot != slot || READ_ONCE(s->parked_on) == NOBODY)
		return false;
	send_sig(XO_CANCEL_SIGNAL, s->parker, 1);
	return true;
}

void xo_park_end(struct xo_stub *s)
{
	struct xo_request req = { .op = XO_REQ_RECORD_DEL, .id = s->record };

	if (!s->record)
		return;
	s->record = 0;
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
