// SPDX-License-Identifier: GPL-2.0
/*
 * Where a call of a routed program runs. This is called in a tracepoint's probe, with preemption
 * off: it looks at registers, at the descriptor table, and at what of the program's memory happens
 * to be there; it never sleeps. What it decides by may change before the call is made: that harms
 * only the program, which made both.
 */
#include <linux/auxvec.h>
#include <linux/fcntl.h>
#include <linux/fdtable.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/pid.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>
#include <uapi/asm-generic/fcntl.h>
#include <uapi/linux/sched.h>
#include <asm/unistd.h>
#include "router.h"

/* What is known of a path without sleeping. */
enum sight {
	SIGHT_OTHER,  /* neither of the next two */
	SIGHT_LOCAL,  /* on the table's lists */
	SIGHT_NEAR,   /* relative, empty or none: the directory's descriptor decides */
	SIGHT_ABSENT, /* paged out */
};

bool xo_in_loader(struct xo_route *r, u64 ip)
{
	struct mm_struct *mm = current->mm, *old;
	unsigned int i;
	u64 base;

	if (!r->loader_span)
		return false;
	if (smp_load_acquire(&r->base_mm) != mm) {
		base = 0;
		for (i = 0; i + 1 < AT_VECTOR_SIZE && mm->saved_auxv[i]; i += 2)
			if (mm->saved_auxv[i] == AT_BASE)
				base = mm->saved_auxv[i + 1];
		WRITE_ONCE(r->loader_base, base);
		/* Held, so that no other comes to have its address. */
		mmgrab(mm);
		old = xchg(&r->base_mm, mm);
		if (old)
			mmdrop(old);
	}
	base = READ_ONCE(r->loader_base);
	return base && ip - base < r->loader_span;
}

static void answer(struct xo_decision *d, s64 value)
{
	d->fate = XO_FATE_ANSWER;
	d->answer = value;
}

static bool fd_is_remote(struct file *session, u64 fd)
{
	struct file *file;
	bool remote;

	if ((s32)fd < 0)
		return false;
	rcu_read_lock();
	file = lookup_fd_rcu((u32)fd);
	remote = file && xo_is_remote(file, session);
	rcu_read_unlock();
	return remote;
}

/* The string's start, whole to its end or to XO_LOCAL_PATH_MAX - 1 bytes. Two steps, since only a
 * page is there or not. */
static int peek(char *to, u64 from)
{
	u32 n = min_t(u32, XO_LOCAL_PATH_MAX - 1, PAGE_SIZE - offset_in_page(from));

	memset(to, 0, XO_LOCAL_PATH_MAX);
	if (copy_from_user_nofault(to, (const void __user *)from, n))
		return -EFAULT;
	if (n == XO_LOCAL_PATH_MAX - 1 || memchr(to, 0, n))
		return 0;
	return copy_from_user_nofault(to + n, (const void __user *)(from + n),
				      XO_LOCAL_PATH_MAX - 1 - n);
}

static enum sight look_at_path(u64 path, bool opened_to_read)
{
	char text[XO_LOCAL_PATH_MAX];

	if (!path)
		return SIGHT_NEAR;
	if (peek(text, path))
		return SIGHT_ABSENT;
	if (text[0] != '/')
		return SIGHT_NEAR;
	return xo_path_is_local(text, opened_to_read) ? SIGHT_LOCAL : SIGHT_OTHER;
}

/* Does the call open a file only to read it? Only then can it be one of the program's libraries'.
 */
static bool opens_to_read(const struct xo_syscall *sc, const u64 *args)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (sc->args[i].kind == XO_ARG_OFLAGS)
			return !(args[i] & (O_ACCMODE | O_CREAT | O_DIRECTORY | O_PATH));
	return false;
}

static void decide_by_path(struct file *session, const struct xo_syscall *sc, struct xo_decision *d)
{
	unsigned int i, local = 0, remote = 0;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		u64 dir = AT_FDCWD;

		if (!xo_arg_is_path(&sc->args[i]))
			continue;
		if (i && sc->args[i - 1].kind == XO_ARG_DIRFD)
			dir = d->args[i - 1];
		switch (look_at_path(d->args[i], opens_to_read(sc, d->args))) {
		case SIGHT_OTHER:
			remote++;
			break;
		case SIGHT_LOCAL:
			local++;
			break;
		case SIGHT_NEAR:
			if ((s32)dir == AT_FDCWD || fd_is_remote(session, dir))
				remote++;
			else
				local++;
			break;
		case SIGHT_ABSENT:
			d->fate = XO_FATE_REMOTE;
			d->again = true;
			return;
		}
	}
	if (local && remote)
		answer(d, -EXDEV); /* as between two file systems */
	else if (remote)
		d->fate = XO_FATE_REMOTE;
}

/* 0 and the stub's pid, which getpid() told the program, mean the program itself. */
static void decide_by_pid(const struct xo_route *r, const struct xo_syscall *sc,
			  struct xo_decision *d)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		if (sc->args[i].kind != XO_ARG_PID)
			continue;
		if (!(u32)d->args[i])
			return;
		if ((u32)d->args[i] == r->stub_pid) {
			d->args[i] = 0;
			d->fate = XO_FATE_CHANGED;
		} else {
			d->fate = XO_FATE_REMOTE;
		}
	}
}

static void to_oneself(struct xo_decision *d, unsigned int i, u32 pid)
{
	d->fate = XO_FATE_CHANGED;
	d->args[i] = pid;
}

/* Thread ids are the local ones, as the threads library got them, but for the first thread's. */
static bool own_thread(u32 tid)
{
	struct task_struct *t;
	bool own;

	rcu_read_lock();
	t = pid_task(find_vpid(tid), PIDTYPE_PID);
	own = t && same_thread_group(t, current);
	rcu_read_unlock();
	return own;
}

static void decide_signal(const struct xo_route *r, u64 nr, struct xo_decision *d)
{
	u32 self = task_tgid_vnr(current), stub = r->stub_pid;
	s32 to = (s32)d->args[0];

	switch (nr) {
	case __NR_kill:
	case __NR_rt_sigqueueinfo:
		if (to == (s32)stub)
			to_oneself(d, 0, self);
		else if (to && -to != task_pgrp_vnr(current))
			d->fate = XO_FATE_REMOTE;
		return;
	case __NR_tkill:
		if (to == (s32)stub)
			to_oneself(d, 0, self);
		else if (!own_thread(to))
			d->fate = XO_FATE_REMOTE;
		return;
	default: /* tgkill, rt_tgsigqueueinfo */
		if (to != (s32)stub && to != (s32)self) {
			d->fate = XO_FATE_REMOTE;
			return;
		}
		to_oneself(d, 0, self);
		if ((u32)d->args[1] == stub)
			d->args[1] = self;
	}
}

/* The session's own descriptor is not closed with a range; those above it are out of a program's
 * reach anyway. */
static void decide_close_range(struct xo_decision *d)
{
	u32 first = d->args[0], last = d->args[1];

	if (first > last || last < XO_SELF_FD || first > XO_SELF_FD)
		return;
	if (first == XO_SELF_FD) {
		answer(d, 0);
		return;
	}
	d->args[1] = XO_SELF_FD - 1;
	d->fate = XO_FATE_CHANGED;
}

static void decide_command(struct file *session, u64 nr, struct xo_decision *d)
{
	const struct xo_command *cmd = xo_command_find(nr, d->args[1]);

	if (fd_is_remote(session, d->args[0]) && !(cmd && cmd->local))
		d->fate = XO_FATE_REMOTE;
}

static void decide_special(const struct xo_route *r, struct file *session, u64 nr,
			   struct xo_decision *d)
{
	switch (nr) {
	case __NR_ioctl:
	case __NR_fcntl:
		decide_command(session, nr, d);
		return;
	case __NR_readv:
	case __NR_writev:
		if (fd_is_remote(session, d->args[0]))
			d->fate = XO_FATE_REMOTE;
		return;
	case __NR_mmap:
		if (!(d->args[3] & MAP_ANONYMOUS) && fd_is_remote(session, d->args[4]))
			d->fate = XO_FATE_REMOTE;
		return;
	case __NR_kill:
	case __NR_tkill:
	case __NR_tgkill:
	case __NR_rt_sigqueueinfo:
	case __NR_rt_tgsigqueueinfo:
		decide_signal(r, nr, d);
		return;
	case __NR_close_range:
		decide_close_range(d);
		return;
	case __NR_gettid:
		if (thread_group_leader(current))
			answer(d, r->stub_pid);
		return;
	case __NR_clone:
		if (!(d->args[0] & CLONE_THREAD))
			answer(d, -ENOSYS); /* a process of its own */
		return;
	default: /* close, poll: placeholders are files like others */
		return;
	}
}

static bool names_session(const struct xo_syscall *sc, const struct xo_decision *d)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (xo_arg_is_fd(&sc->args[i]) && (u32)d->args[i] == XO_SELF_FD)
			return true;
	return false;
}

static bool has_remote_fd(struct file *session, const struct xo_syscall *sc,
			  const struct xo_decision *d)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (sc->args[i].kind == XO_ARG_FD && fd_is_remote(session, d->args[i]))
			return true;
	return false;
}

void xo_decide(const struct xo_route *r, struct file *session, u64 nr, struct xo_decision *d)
{
	const struct xo_syscall *sc = xo_syscall_find(nr);

	d->fate = XO_FATE_LOCAL;
	if (!sc) {
		answer(d, -ENOSYS);
		return;
	}
	if (names_session(sc, d)) {
		answer(d, -EBADF);
		return;
	}
	switch (sc->where) {
	case XO_WHERE_REMOTE:
		d->fate = XO_FATE_REMOTE;
		break;
	case XO_WHERE_BY_FD:
		if (has_remote_fd(session, sc, d))
			d->fate = XO_FATE_REMOTE;
		break;
	case XO_WHERE_BY_PATH:
		decide_by_path(session, sc, d);
		break;
	case XO_WHERE_BY_PID:
		decide_by_pid(r, sc, d);
		break;
	case XO_WHERE_NO_REMOTE:
		if (has_remote_fd(session, sc, d))
			answer(d, -(s64)sc->err);
		break;
	case XO_WHERE_REFUSED:
		d->known = true;
		answer(d, -(s64)sc->err);
		break;
	case XO_WHERE_SPECIAL:
		decide_special(r, session, nr, d);
		break;
	default:
		break;
	}
}
