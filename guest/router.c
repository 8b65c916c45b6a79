// SPDX-License-Identifier: GPL-2.0
/*
 * Routing begins here: a session is armed, and from the program's execve() on two probes turn its
 * system calls into an ioctl on the session's file.
 *
 * sys_enter runs with preemption off (hazards.md, section 7): it decides, keeps the registers, and
 * writes others. The ioctl makes the call, sleeping as it likes. sys_exit puts the registers back
 * before any signal is delivered, so that what is restarted is the original call.
 *
 * A routed process is one whose descriptor XO_SELF_FD is a session's file and whose memory is not
 * that of who armed the session. So threads inherit it, execve() starts it, the end of the process
 * ends it, and no table of tasks has to be kept.
 */
#include <linux/atomic.h>
#include <linux/compat.h>
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/hash.h>
#include <linux/log2.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/task_stack.h>
#include <linux/slab.h>
#include <linux/tracepoint.h>
#include <asm/ptrace.h>
#include <asm/syscall.h>
#include <asm/unistd.h>
#include "router.h"

#define SYSCALL_INSN 2 /* bytes */

/* By number; the last one counts all that the table cannot name. */
static atomic64_t counts[XO_SYSCALLS + 1][XO_COUNT_ERRORS + 1];

static struct tracepoint *tp_enter, *tp_exit;
static DEFINE_MUTEX(arm_lock); /* armed, registered, tested */
static unsigned int armed;     /* sessions */
static bool registered;	       /* the probes; only while something is armed, or being tested */

/*
 * Does this kernel read the number again after the probes? Tried at the first XO_G_ARM, which runs
 * three times in a row for that: once to start the test, once to be rewritten into nothing, once
 * more to go on. All under arm_lock but `testing`, which the probe looks at.
 */
static enum { TEST_NONE, TEST_PASSED } tested;
static struct task_struct *testing;
static bool test_rewrote;

void xo_count(u64 nr, enum xo_count what)
{
	atomic64_inc(&counts[nr < XO_SYSCALLS ? nr : XO_SYSCALLS][what]);
}

int xo_router_stat(struct xo_g_route_stat *st)
{
	u32 nr = st->after == ~0U ? 0 : st->after + 1;

	for (; nr <= XO_SYSCALLS; nr++) {
		st->nr = nr;
		st->local = atomic64_read(&counts[nr][XO_COUNT_LOCAL]);
		st->remote = atomic64_read(&counts[nr][XO_COUNT_REMOTE]);
		st->enosys = atomic64_read(&counts[nr][XO_COUNT_ENOSYS]);
		st->errors = atomic64_read(&counts[nr][XO_COUNT_ERRORS]);
		if (st->local || st->remote || st->enosys || st->errors)
			return 0;
	}
	return -ENOENT;
}

/* What descriptor XO_SELF_FD is, with a reference, if it is one of ours. */
static struct file *self_file(void)
{
	struct file *file;

	if (!current->files)
		return NULL;
	rcu_read_lock();
	file = lookup_fd_rcu(XO_SELF_FD);
	if (file && (!xo_is_device(file) || !get_file_rcu(file)))
		file = NULL;
	rcu_read_unlock();
	return file;
}

/* The session's file of a process that is, or soon will be, routed; to be given back by fput(). A
 * thread may close the descriptor while another is in a probe, in its loader for one. */
static struct file *session_file(struct xo_route **route)
{
	struct file *file = self_file();
	struct xo_session *s;

	if (likely(!file))
		return NULL;
	s = xo_session_of_file(file);
	*route = s ? smp_load_acquire((struct xo_route **)xo_session_router(s)) : NULL;
	if (*route && current->mm && current->mm != (*route)->mm)
		return file;
	fput(file);
	return NULL;
}

/* Entry of current, or -1. A task is looked for first where it is put when there is no crowd. */
static int rewritten_find(struct xo_route *r)
{
	unsigned int i, n = hash_ptr(current, ilog2(XO_ROUTE_CALLS));

	for (i = 0; i < XO_ROUTE_CALLS; i++, n = (n + 1) % XO_ROUTE_CALLS)
		if (READ_ONCE(r->task[n]) == current)
			return n;
	return -1;
}

static struct xo_rewritten *rewritten_get(struct xo_route *r)
{
	unsigned int i, n = hash_ptr(current, ilog2(XO_ROUTE_CALLS));

	for (i = 0; i < XO_ROUTE_CALLS; i++, n = (n + 1) % XO_ROUTE_CALLS)
		if (!READ_ONCE(r->task[n]) && !cmpxchg(&r->task[n], NULL, current))
			return &r->calls[n];
	return NULL;
}

static void put_args(struct pt_regs *regs, const u64 *args)
{
	regs->di = args[0];
	regs->si = args[1];
	regs->dx = args[2];
	regs->r10 = args[3];
	regs->r8 = args[4];
	regs->r9 = args[5];
}

/* The call is not made at all. */
static void answer(struct pt_regs *regs, s64 value)
{
	regs->orig_ax = -1;
	regs->ax = value;
}

static void rewrite(struct pt_regs *regs, struct xo_route *r, u64 nr, const u64 *args,
		    const struct xo_decision *d)
{
	struct xo_rewritten *w = rewritten_get(r);

	if (!w) {
		xo_count(nr, XO_COUNT_ERRORS);
		answer(regs, -EAGAIN);
		return;
	}
	w->nr = nr;
	memcpy(w->args, args, sizeof(w->args));
	w->again = d->again;
	w->made = false;
	if (d->fate == XO_FATE_CHANGED) {
		put_args(regs, d->args);
		return;
	}
	regs->orig_ax = __NR_ioctl;
	regs->di = XO_SELF_FD;
	regs->si = XO_G_ROUTED;
	regs->dx = 0;
}

static void test_enter(struct pt_regs *regs)
{
	if (test_rewrote || regs->orig_ax != __NR_ioctl || regs->si != XO_G_ARM)
		return;
	test_rewrote = true;
	answer(regs, __NR_ioctl);
	regs->ip -= SYSCALL_INSN;
}

static void enter_routed(struct pt_regs *regs, struct xo_route *r, struct file *file)
{
	struct xo_decision d = { .fate = XO_FATE_LOCAL };
	unsigned long args[XO_SYSCALL_ARGS];
	int nr = syscall_get_nr(current, regs);

	if (nr == -1) /* a tracer wants none to be made */
		return;
	if (in_32bit_syscall() || nr < 0) {
		xo_count(XO_SYSCALLS, XO_COUNT_ENOSYS);
		answer(regs, -ENOSYS);
		return;
	}
	syscall_get_arguments(current, regs, args);
	memcpy(d.args, args, sizeof(d.args));
	if (!xo_in_loader(r, regs->ip))
		xo_decide(r, file, nr, &d);

	switch (d.fate) {
	case XO_FATE_LOCAL:
		xo_count(nr, XO_COUNT_LOCAL);
		break;
	case XO_FATE_ANSWER:
		xo_count(nr, d.answer == -ENOSYS ? XO_COUNT_ENOSYS
			     : d.answer < 0	 ? XO_COUNT_ERRORS
						 : XO_COUNT_LOCAL);
		answer(regs, d.answer);
		break;
	case XO_FATE_CHANGED:
		xo_count(nr, XO_COUNT_LOCAL);
		rewrite(regs, r, nr, (u64 *)args, &d);
		break;
	case XO_FATE_REMOTE:
		rewrite(regs, r, nr, (u64 *)args, &d);
		break;
	}
}

static void probe_enter(void *data, struct pt_regs *regs, long id)
{
	struct xo_route *r;
	struct file *file;

	if (unlikely(READ_ONCE(testing) == current)) {
		test_enter(regs);
		return;
	}
	file = session_file(&r);
	if (likely(!file))
		return;
	enter_routed(regs, r, file);
	fput(file);
}

static void exit_routed(struct pt_regs *regs, struct xo_route *r, long ret)
{
	struct xo_rewritten *w;
	int n;

	n = rewritten_find(r);
	if (n < 0) {
		if (!ret && !in_32bit_syscall())
			xo_mark_local_device(regs, syscall_get_nr(current, regs));
		return;
	}
	w = &r->calls[n];
	regs->orig_ax = w->nr;
	put_args(regs, w->args);
	if (w->made)
		regs->ax = w->result;
	if (w->made && w->again && !w->result) {
		regs->ax = w->nr;
		regs->ip -= SYSCALL_INSN;
	}
	smp_store_release(&r->task[n], NULL);
}

static void probe_exit(void *data, struct pt_regs *regs, long ret)
{
	struct xo_route *r;
	struct file *file = session_file(&r);

	if (likely(!file))
		return;
	exit_routed(regs, r, ret);
	fput(file);
}

/* Reads one byte of each string that decides, so that the probe finds it when it looks again. */
static long page_in(const struct xo_syscall *sc, const u64 *args)
{
	unsigned int i;
	char *scratch;
	long err = 0;

	scratch = kmalloc(XO_LOCAL_PATH_MAX, GFP_KERNEL);
	if (!scratch)
		return -ENOMEM;
	for (i = 0; i < XO_SYSCALL_ARGS && !err; i++)
		if (xo_arg_is_path(&sc->args[i]) &&
		    xo_copy_string_in(scratch, args[i], XO_LOCAL_PATH_MAX) < 0)
			err = -EFAULT;
	kfree(scratch);
	return err;
}

long xo_router_routed(struct file *file, struct xo_session *s, unsigned long arg)
{
	struct xo_route *r = smp_load_acquire((struct xo_route **)xo_session_router(s));
	const struct xo_syscall *sc;
	struct xo_rewritten *w;
	int n;

	n = r ? rewritten_find(r) : -1;
	if (n < 0)
		return -EINVAL;
	w = &r->calls[n];
	sc = xo_syscall_find(w->nr);
	if (!sc)
		return -EINVAL;
	if (w->again) {
		w->result = page_in(sc, w->args);
	} else {
		w->result = xo_route_call(file, sc, w->args);
		xo_count(w->nr, XO_COUNT_REMOTE);
		if (w->result < 0 && w->result >= -MAX_ERRNO)
			xo_count(w->nr, XO_COUNT_ERRORS);
	}
	w->made = true;
	return 0;
}

static void probes_off(void)
{
	if (!registered)
		return;
	tracepoint_probe_unregister(tp_enter, probe_enter, NULL);
	tracepoint_probe_unregister(tp_exit, probe_exit, NULL);
	registered = false;
	WRITE_ONCE(testing, NULL);
}

static int probes_on(void)
{
	int err;

	if (registered)
		return 0;
	err = tracepoint_probe_register(tp_exit, probe_exit, NULL);
	if (err)
		return err;
	err = tracepoint_probe_register(tp_enter, probe_enter, NULL);
	if (err)
		tracepoint_probe_unregister(tp_exit, probe_exit, NULL);
	registered = !err;
	return err;
}

/* A step of the test (above). 0: passed; positive: what the ioctl returns, to be run again. */
static int test_step(void)
{
	struct pt_regs *regs = task_pt_regs(current);

	if (tested == TEST_PASSED)
		return 0;
	if (testing != current) { /* the first time round */
		test_rewrote = false;
		WRITE_ONCE(testing, current);
		regs->ip -= SYSCALL_INSN;
		return __NR_ioctl;
	}
	WRITE_ONCE(testing, NULL);
	if (test_rewrote && regs->orig_ax == __NR_ioctl) {
		tested = TEST_PASSED;
		return 0;
	}
	if (test_rewrote)
		regs->ip += SYSCALL_INSN; /* ran though it was rewritten */
	pr_err("crossover: this kernel does not read a system call's number again after sys_enter; "
	       "routing is refused, use a kernel that does (6.1.192 and later)\n");
	return -EOPNOTSUPP;
}

static int arm_locked(struct xo_session *s, const struct xo_g_arm *arm)
{
	struct xo_route *r;
	int err;

	err = probes_on();
	if (!err)
		err = test_step();
	if (err > 0)
		return err; /* the probes stay for the next round, or until the session ends */
	r = err ? NULL : kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r) {
		if (!armed)
			probes_off();
		return err ?: -ENOMEM;
	}
	mmgrab(current->mm);
	r->mm = current->mm;
	r->loader_span = arm->loader_span;
	r->stub_pid = xo_session_info(s)->pid;
	armed++;
	smp_store_release((struct xo_route **)xo_session_router(s), r);
	return 0;
}

int xo_router_arm(struct file *file, struct xo_session *s, const struct xo_g_arm *arm)
{
	struct file *self;
	int err;

	if (!tp_enter || !tp_exit)
		return -EOPNOTSUPP;
	if (arm->flags || arm->self_fd != XO_SELF_FD || in_32bit_syscall())
		return -EINVAL;
	self = fget(XO_SELF_FD);
	if (self)
		fput(self);
	if (self != file)
		return -EBADF;
	if (!xo_session_alive(s))
		return -EHOSTDOWN;
	mutex_lock(&arm_lock);
	err = *xo_session_router(s) ? -EISCONN : arm_locked(s, arm);
	mutex_unlock(&arm_lock);
	return err;
}

void xo_router_release(struct xo_session *s)
{
	struct xo_route *r = *xo_session_router(s);

	mutex_lock(&arm_lock);
	if (r)
		armed--;
	if (!armed)
		probes_off();
	mutex_unlock(&arm_lock);
	if (!r)
		return;
	*xo_session_router(s) = NULL;
	mmdrop(r->mm);
	if (r->base_mm)
		mmdrop(r->base_mm);
	kfree(r);
}

static void find_tracepoint(struct tracepoint *tp, void *data)
{
	if (!strcmp(tp->name, "sys_enter"))
		tp_enter = tp;
	else if (!strcmp(tp->name, "sys_exit"))
		tp_exit = tp;
}

int xo_router_init(void)
{
	for_each_kernel_tracepoint(find_tracepoint, NULL);
	if (!tp_enter || !tp_exit)
		pr_warn("crossover: this kernel has no sys_enter and sys_exit tracepoints; "
			"xo sh is refused, all else works\n");
	return 0;
}

void xo_router_exit(void)
{
	tracepoint_synchronize_unregister();
}
