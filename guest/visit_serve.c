// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: what a visitor does. It is the stub's task, with the stub's memory and descriptors, and
 * so does what the stub would do in ring 3: decode.c makes a request out to a system call, whose
 * function is called here. Whatever is not to be done so is answered with -EAGAIN, before anything
 * has happened, and comes to the stub's ring 3.
 *
 * All of this may sleep, fault or exit wherever it likes: then it goes on natively.
 */
#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/kprobes.h>
#include <linux/magic.h>
#include <linux/nospec.h>
#include <linux/sched/signal.h>
#include <linux/task_work.h>
#include <linux/uaccess.h>
#include <asm/futex.h>
#include <asm/syscall.h>
#include "decode.h"
#include "guest.h"
#include "visit.h"

/* ------------------------------------------------------------------ what the kernel does not
 * export
 */
static DEFINE_MUTEX(lock);
static long (*dispatch)(const struct pt_regs *regs, unsigned int nr);
static sys_call_ptr_t function[XO_SYSCALLS]; /* where there is no dispatch() */
static void (*run_task_work)(void);
static bool looked;

static void *find(const char *symbol)
{
	struct kprobe probe = { .symbol_name = symbol, .flags = KPROBE_FLAG_DISABLED };
	void *at;

	if (register_kprobe(&probe))
		return NULL;
	at = probe.addr;
	unregister_kprobe(&probe);
	return at;
}

static sys_call_ptr_t find_function(const char *name)
{
	char symbol[64];

	snprintf(symbol, sizeof(symbol), "__x64_sys_%s", name);
	return find(symbol);
}

/* lock held. Each look is long on kernels before 6.2, so that one for all calls is welcome. */
static int look(void)
{
	const struct xo_syscall *sc;
	u32 nr;

	if (looked)
		return run_task_work ? 0 : -EOPNOTSUPP;
	looked = true;
	run_task_work = find("task_work_run");
	if (!run_task_work)
		return -EOPNOTSUPP;
	dispatch = find("x64_sys_call");
	for (nr = 0; nr < XO_SYSCALLS && !dispatch; nr++) {
		sc = xo_syscall_find(nr);
		if (sc && xo_syscall_goes(sc))
			function[nr] = find_function(sc->name);
	}
	return 0;
}

int xo_visits_allow(struct xo_stub *s, const struct xo_g_visits *req)
{
	int ret = -EINVAL;

	if (req->room_size != sizeof(struct xo_private) || req->descriptors > 1 << 20)
		return -EINVAL;
	mutex_lock(&lock);
	if (!s->opened && !s->visits.revision)
		ret = look();
	if (!ret)
		s->visits = *req;
	mutex_unlock(&lock);
	return ret;
}

/* ------------------------------------------------------------------ the stub's memory and
 * descriptors, as in xo/stub_fd.c
 */
int xo_decode_put(__u64 to, const void *from, __u32 bytes)
{
	return copy_to_user((void __user *)to, from, bytes) ? -EFAULT : 0;
}

int xo_decode_get(void *to, __u64 from, __u32 bytes)
{
	return copy_from_user(to, (const void __user *)from, bytes) ? -EFAULT : 0;
}

static u32 __user *word_of(u64 words, int fd)
{
	return (u32 __user *)words + fd;
}

/* 1: the word is not *was, and *was is now what it is. */
static int exchange(u32 __user *word, u32 *was, u32 to)
{
	u32 found = 0;
	int err = futex_atomic_cmpxchg_inatomic(&found, word, *was, to);

	if (err)
		return err;
	if (found == *was)
		return 0;
	*was = found;
	return 1;
}

static int hold(u64 words, u32 count, int fd, u32 also)
{
	u32 now;
	int ret;

	if (fd < 0 || fd >= count)
		return -EBADF;
	if (get_user(now, word_of(words, fd)))
		return -EFAULT;
	do {
		if (!(now & XO_DESCRIPTOR_GIVEN) || (now & XO_DESCRIPTOR_CLOSING))
			return -EBADF;
		ret = exchange(word_of(words, fd), &now, (now + 1) | also);
	} while (ret > 0);
	return ret;
}

int xo_decode_hold(const struct xo_decoded *d, int fd)
{
	return hold(d->descriptor_at, d->descriptors, fd, 0);
}

static int close_descriptor(int fd)
{
	int err = close_fd(fd);

	return err <= -ERESTARTSYS ? -EINTR : err; /* as close() */
}

static int release(u64 words, int fd)
{
	u32 now;
	int ret;

	if (get_user(now, word_of(words, fd)))
		return -EFAULT;
	do
		ret = exchange(word_of(words, fd), &now, now - 1);
	while (ret > 0);
	if (ret || now != (XO_DESCRIPTOR_GIVEN | XO_DESCRIPTOR_CLOSING | 1))
		return ret;
	if (put_user(0, word_of(words, fd)))
		return -EFAULT;
	return close_descriptor(fd);
}

static void release_all(const struct xo_decoded *d)
{
	u32 i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (d->fd[i] >= 0)
			release(d->descriptor_at, d->fd[i]);
}

static long do_close(struct xo_decoded *d)
{
	long ret = hold(d->descriptor_at, d->descriptors, d->fd[0], XO_DESCRIPTOR_CLOSING), closed;

	if (!ret)
		ret = release(d->descriptor_at, d->fd[0]);
	closed = release(d->descriptor_at, d->fd[0]); /* held by xo_decode() */
	d->fd[0] = -1;
	return ret ?: closed;
}

/* Who writes to a stub's memory is the stub, and no policy holds it any more. */
static bool is_memory(const struct file *file)
{
	return (file->f_mode & FMODE_WRITE) &&
	       file_inode(file)->i_sb->s_magic == PROC_SUPER_MAGIC &&
	       !strcmp(file->f_path.dentry->d_name.name, "mem");
}

static long give(const struct xo_decoded *d, long fd, u32 *mode)
{
	struct file *file = fget_raw(fd);
	int err = 0;

	if (!file)
		return -EBADF; /* somebody else in the stub has closed it */
	*mode = file_inode(file)->i_mode;
	if (is_memory(file))
		err = -EACCES;
	else if (fd >= d->descriptors)
		err = -EMFILE;
	else if (put_user(XO_DESCRIPTOR_GIVEN, word_of(d->descriptor_at, fd)))
		err = -EFAULT;
	fput(file);
	if (err)
		close_fd(fd);
	return err ?: fd;
}

/* ------------------------------------------------------------------ one call */

static long make(const struct xo_decoded *d)
{
	u32 nr = array_index_nospec(d->sc->nr, XO_SYSCALLS);
	struct pt_regs regs = {
		.orig_ax = nr,
		.di = d->args[0],
		.si = d->args[1],
		.dx = d->args[2],
		.r10 = d->args[3],
		.r8 = d->args[4],
		.r9 = d->args[5],
	};

	return dispatch ? dispatch(&regs, nr) : function[nr](&regs);
}

/* A signal came. For the caller, if it gave up; else the stub does it again, after its handler. */
static bool was_interrupted(long ret)
{
	return ret == -EINTR || ret == -ERESTARTSYS || ret == -ERESTARTNOINTR ||
	       ret == -ERESTARTNOHAND || ret == -ERESTART_RESTARTBLOCK;
}

/* True: it is to be done by the stub. */
static bool perform(struct xo_parking *p, struct xo_decoded *d, long *result, u32 *mode)
{
	if (d->sc->nr == __NR_close) {
		*result = do_close(d);
		return false;
	}
	/* Before it has begun; or the signal came earlier, and has ended something else. */
	if (READ_ONCE(p->cancelled)) {
		*result = -EINTR;
		return false;
	}
	*result = make(d);
	if (was_interrupted(*result)) {
		if (!READ_ONCE(p->cancelled))
			return true;
		*result = -EINTR;
	}
	if (*result >= 0 && d->sc->result == XO_RESULT_FD)
		*result = give(d, *result, mode);
	return false;
}

/* What was closed is gone before the caller hears of it, as if the stub went back to ring 3. */
static void finish_work(void)
{
	if (task_work_pending(current))
		run_task_work();
}

static bool is_allowed(const struct xo_stub *s, u64 nr)
{
	const struct xo_syscall *sc = xo_syscall_find(array_index_nospec(nr, XO_SYSCALLS));

	return nr < XO_SYSCALLS && sc && (s->visits.allowed[nr / 64] & BIT_ULL(nr % 64)) &&
	       (dispatch || function[nr]);
}

static int serve_syscall(struct xo_parking *p, u32 slot)
{
	struct xo_stub *s = p->stub;
	struct xo_msg *window = xo_slot_msg(s->link, slot), msg;
	struct xo_decoded d = {
		.data = xo_slot_data(s->link, slot),
		.private_at = s->visits.room + slot * sizeof(struct xo_private),
		.descriptor_at = s->visits.descriptor,
		.descriptors = s->visits.descriptors,
	};
	u32 out_len = 0, mode = 0;
	bool again = false;
	long result;
	u64 at;

	msg.nr = READ_ONCE(window->nr);
	memcpy(msg.args, window->args, sizeof(msg.args));
	if (!is_allowed(s, msg.nr) || get_user(at, (u64 __user *)s->visits.slot + slot) || !at)
		return -EAGAIN;
	d.data_at = at + XO_SLOT_HEADER;
	result = xo_decode(&d, &msg);
	if (!result)
		again = perform(p, &d, &result, &mode);
	if (!again && result >= 0 && d.sc->nr != __NR_close)
		xo_decode_return(&d, &out_len);
	release_all(&d);
	finish_work();
	if (again)
		return -EAGAIN;
	WRITE_ONCE(window->result, result);
	WRITE_ONCE(window->out_len, out_len);
	WRITE_ONCE(window->file_mode, mode);
	return 0;
}

static int serve(struct xo_parking *p, u32 slot)
{
	struct xo_stub *s = p->stub;
	struct xo_msg *msg = xo_slot_msg(s->link, slot);

	if (READ_ONCE(msg->session) != s->id || s->dead || s->buffer != XO_NO_SLOT)
		return -EAGAIN;
	switch (READ_ONCE(msg->op)) {
	case XO_OP_PING:
		WRITE_ONCE(msg->result, 0);
		WRITE_ONCE(msg->out_len, 0);
		WRITE_ONCE(msg->file_mode, 0);
		return 0;
	case XO_OP_SYSCALL:
		/* seccomp, audit, ptrace and tracing see the stub's own system calls. */
		if (READ_ONCE(current_thread_info()->syscall_work))
			return -EAGAIN;
		return serve_syscall(p, slot);
	default:
		return -EAGAIN;
	}
}

int xo_visits_serve(struct xo_parking *p, u32 slot)
{
	struct xo_stub *s = p->stub;
	int ret;

	/* Only slots that have been bound to the session by a call over exit; and one call in each,
	 * though a visitor was evicted and another thread is visited now. */
	if (slot >= s->link->slots || !(READ_ONCE(s->bound) & BIT_ULL(slot)) ||
	    test_and_set_bit(slot, s->visited))
		return -EAGAIN;
	ret = serve(p, slot);
	clear_bit(slot, s->visited);
	if (!ret) {
		atomic64_inc(&s->link->calls);
		atomic64_inc(&s->link->visits);
	}
	return ret;
}
