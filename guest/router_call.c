// SPDX-License-Identifier: GPL-2.0
/*
 * The ioctl that a routed call became: gets the callee's descriptors, marshals, calls, checks what
 * came back, and gives the program what its own kernel would have given it.
 */
#include <linux/file.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>
#include <uapi/asm-generic/fcntl.h>
#include <asm/unistd.h>
#include "router.h"

/* A call under way: what fill() and drain() need. */
struct routed {
	struct xo_frame frame;
	struct xo_call call;
	struct file *files[XO_SYSCALL_ARGS]; /* placeholders, held so that no close comes between */
	s64 result;			     /* checked */
};

long xo_copy_in(void *to, __u64 from, __u32 bytes)
{
	return copy_from_user(to, (const void __user *)from, bytes) ? -EFAULT : 0;
}

long xo_copy_string_in(char *to, __u64 from, __u32 room)
{
	return strncpy_from_user(to, (const char __user *)from, room);
}

long xo_copy_out(__u64 to, const void *from, __u32 bytes)
{
	return copy_to_user((void __user *)to, from, bytes) ? -EFAULT : 0;
}

static int fill(struct xo_call *c, void *data)
{
	struct routed *q = c->ctx;
	int used = xo_frame_request(&q->frame, data);

	memcpy(c->args, q->frame.wire, sizeof(c->args));
	return used;
}

static int drain(struct xo_call *c, const void *data)
{
	struct routed *q = c->ctx;

	q->result = xo_frame_result(&q->frame, c->result, c->out_len);
	return q->result < 0 ? 0 : xo_frame_reply(&q->frame, data, q->result);
}

/* A call that a signal ended before anything happened is made again, or not, as the kernel does it
 * for calls of its own: by the handler's SA_RESTART. */
static s64 call(struct xo_session *s, struct routed *q, u32 nr)
{
	int err;

	q->call.op = XO_OP_SYSCALL;
	q->call.nr = nr;
	q->call.fill = fill;
	q->call.drain = drain;
	q->call.ctx = q;
	err = xo_session_call(s, &q->call);
	if (err)
		return err;
	if (q->result == -EINTR && signal_pending(current))
		return -ERESTARTSYS;
	if (q->result == -EPIPE && q->frame.sc->group == XO_CLASS_WRITE)
		send_sig(SIGPIPE, current, 0); /* the stub ignored its own */
	return q->result;
}

static int drain_value(struct xo_call *c, const void *data)
{
	return 0;
}

s64 xo_remote_call(struct xo_session *s, u32 nr, struct xo_call *c)
{
	int err;

	c->op = XO_OP_SYSCALL;
	c->nr = nr;
	if (!c->drain)
		c->drain = drain_value;
	err = xo_session_call(s, c);
	if (err)
		return err;
	return c->result < -511 ? -EIO : c->result;
}

static void put_files(struct routed *q)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (q->files[i])
			fput(q->files[i]);
}

/* Descriptor arguments become the callee's numbers. A directory that an absolute path makes
 * irrelevant may be anything. */
static int get_files(struct routed *q, struct file *session)
{
	struct xo_frame *f = &q->frame;
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		bool dir = f->arg[i].kind == XO_ARG_DIRFD;
		struct file *file;

		if (!xo_arg_is_fd(&f->arg[i]))
			continue;
		if (dir && (s32)f->args[i] == AT_FDCWD) {
			f->args[i] = (u64)(s64)AT_FDCWD;
			continue;
		}
		file = fget_raw((u32)f->args[i]);
		if (file && xo_is_remote(file, session)) {
			q->files[i] = file;
			f->args[i] = xo_remote_fd(file);
			continue;
		}
		if (file)
			fput(file);
		if (!dir)
			return -EBADF;
		f->args[i] = (u64)(s64)AT_FDCWD;
	}
	return 0;
}

static unsigned int open_flags(const struct xo_frame *f)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (f->arg[i].kind == XO_ARG_OFLAGS)
			return f->args[i];
	return O_WRONLY; /* creat() */
}

static long call_for_fd(struct xo_session *s, struct routed *q, struct file *session)
{
	struct xo_new_fd n;
	s64 ret;

	ret = xo_new_fd_get(&n, session, open_flags(&q->frame));
	if (ret)
		return ret;
	ret = call(s, q, q->frame.sc->nr);
	if (ret >= 0)
		return xo_new_fd_install(&n, ret, q->call.file_mode);
	xo_new_fd_put(&n);
	return ret;
}

/*
 * read, write and their kin with any length. A slot's worth at a time, until one comes short: so a
 * file or device gives all it has. What else is read gives a slot's worth at most, since asking for
 * more could wait where the program's own kernel would not.
 */
static s64 call_chunked(struct xo_session *s, struct routed *q)
{
	struct xo_frame *f = &q->frame;
	u64 rest = min_t(u64, f->args[2], MAX_RW_COUNT), done = 0;
	bool at = f->sc->nr == __NR_pread64 || f->sc->nr == __NR_pwrite64;
	umode_t type = xo_remote_type(q->files[0]);
	bool whole =
		S_ISREG(type) || S_ISBLK(type) || S_ISCHR(type) || f->sc->group == XO_CLASS_WRITE;
	s64 ret;

	for (;;) {
		u64 chunk = min_t(u64, rest, XO_SLOT_DATA);

		f->args[2] = chunk;
		ret = call(s, q, f->sc->nr);
		if (ret < 0)
			return done ? done : ret;
		done += ret;
		rest -= ret;
		if (ret < chunk || !rest || !whole || signal_pending(current))
			return done;
		f->args[1] += ret;
		if (at)
			f->args[3] += ret;
		cond_resched();
	}
}

static long call_one(struct file *session, struct routed *q, const struct xo_syscall *sc,
		     const u64 *args)
{
	struct xo_session *s = xo_session_of_file(session);
	long ret;

	memset(q->files, 0, sizeof(q->files));
	ret = xo_frame_init(&q->frame, sc, args);
	if (ret)
		return ret;
	ret = get_files(q, session);
	if (!ret && sc->result == XO_RESULT_FD)
		ret = call_for_fd(s, q, session);
	else if (!ret && sc->chunked && q->frame.args[2])
		ret = call_chunked(s, q);
	else if (!ret)
		ret = call(s, q, sc->nr);
	put_files(q);
	return ret;
}

/* readv() as reads, writev() as writes, until one comes short. */
static long call_vector(struct file *session, struct routed *q, bool write, const u64 *args)
{
	const struct xo_syscall *sc = xo_syscall_find(write ? __NR_write : __NR_read);
	struct iovec fast[UIO_FASTIOV], *iov = fast;
	struct iov_iter iter;
	unsigned long i;
	long ret, done = 0;

	ret = import_iovec(write ? WRITE : READ, (const struct iovec __user *)args[1], args[2],
			   UIO_FASTIOV, &iov, &iter);
	if (ret < 0)
		return ret;
	for (i = 0; i < iter.nr_segs; i++) {
		const struct iovec *v = &iter.iov[i];
		u64 one[XO_SYSCALL_ARGS] = { args[0], (__force u64)v->iov_base, v->iov_len };

		if (!v->iov_len && i + 1 < iter.nr_segs)
			continue;
		ret = call_one(session, q, sc, one);
		if (ret < 0)
			break;
		done += ret;
		if (ret < v->iov_len || signal_pending(current))
			break;
	}
	kfree(iov);
	return done ? done : ret;
}

static long map_file(struct file *session, const u64 *args)
{
	struct file *file = fget((u32)args[4]);
	long ret = -EBADF;

	if (file && xo_is_remote(file, session))
		ret = xo_route_mmap(file, args);
	if (file)
		fput(file);
	return ret;
}

long xo_route_call(struct file *session, const struct xo_syscall *sc, const u64 *args)
{
	struct routed *q;
	long ret;

	if (sc->nr == __NR_mmap)
		return map_file(session, args);
	q = kzalloc(sizeof(*q), GFP_KERNEL);
	if (!q)
		return -ENOMEM;
	if (sc->nr == __NR_readv || sc->nr == __NR_writev)
		ret = call_vector(session, q, sc->nr == __NR_writev, args);
	else
		ret = call_one(session, q, sc, args);
	kfree(q);
	return ret;
}
