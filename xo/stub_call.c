// SPDX-License-Identifier: GPL-2.0
/*
 * One request of a caller: decode_*() copies what is looked at out of the window and checks all of
 * it; only then is anything done. Data that nobody here looks at (what is written to a file, what
 * is read from one) stays in the window: a caller that changes it meanwhile changes its own data.
 */
#include "stub_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int decode_string(struct xo_stub_call *c, unsigned int i, const char *from)
{
	size_t room = XO_SLOT_DATA - c->wire[i], len;
	char *to;

	if (c->strings == XO_STUB_STRINGS)
		return -EINVAL;
	to = c->string[c->strings++];
	if (room > XO_PATH_MAX)
		room = XO_PATH_MAX;
	for (len = 0; len < room; len++) {
		to[len] = *(const volatile char *)(from + len);
		if (!to[len])
			break;
	}
	if (len == room)
		return -ENAMETOOLONG;
	c->args[i] = (uintptr_t)to;
	return 0;
}

static int decode_buffer(struct xo_stub_call *c, unsigned int i, char *data)
{
	const struct xo_arg *a = &c->arg[i];
	bool is_struct = a->kind != XO_ARG_IN && a->kind != XO_ARG_OUT;
	uint64_t items = is_struct ? 1 : c->wire[a->len];

	if (items > (XO_SLOT_DATA - c->wire[i]) / a->size)
		return -EINVAL;
	c->len[i] = items * a->size;
	c->args[i] = (uintptr_t)data + c->wire[i];
	if (a->kind != XO_ARG_STRUCT_IN && a->kind != XO_ARG_STRUCT_INOUT)
		return 0;
	if (c->len[i] > XO_STUB_STRUCT)
		return -EINVAL;
	memcpy(c->in[i], data + c->wire[i], c->len[i]);
	c->args[i] = (uintptr_t)c->in[i];
	return 0;
}

static int decode_pointer(struct xo_stub_call *c, unsigned int i, char *data)
{
	if (c->wire[i] == XO_NO_POINTER) {
		c->args[i] = 0;
		return 0;
	}
	if (c->wire[i] > XO_SLOT_DATA || c->wire[i] % 8)
		return -EINVAL;
	if (xo_arg_is_string(&c->arg[i]))
		return decode_string(c, i, data + c->wire[i]);
	return decode_buffer(c, i, data);
}

static int hold_fd(struct xo_stub_call *c, unsigned int i, int fd)
{
	if (!xo_stub_fd_hold(fd))
		return -EBADF;
	c->fd[i] = fd;
	return 0;
}

static int decode_arg(struct xo_stub_call *c, unsigned int i, char *data)
{
	const struct xo_arg *a = &c->arg[i];

	if (a->kind == XO_ARG_NONE) {
		c->args[i] = 0;
		return 0;
	}
	c->args[i] = c->wire[i];
	if (xo_arg_is_pointer(a))
		return decode_pointer(c, i, data);
	if (a->kind == XO_ARG_DIRFD && (int)c->wire[i] == AT_FDCWD)
		return 0;
	if (xo_arg_is_fd(a))
		return hold_fd(c, i, (int)c->wire[i]);
	if (a->kind == XO_ARG_OFLAGS)
		c->args[i] |= O_CLOEXEC | O_NOCTTY;
	return 0;
}

static int decode_command(struct xo_stub_call *c)
{
	const struct xo_command *cmd = xo_command_find(c->sc->nr, c->wire[1]);

	if (!cmd || cmd->local)
		return c->sc->nr == SYS_fcntl ? -EINVAL : -ENOTTY;
	c->arg[2] = cmd->arg;
	return 0;
}

/* What the table cannot say. */
static int decode_rest(struct xo_stub_call *c)
{
	struct pollfd *p = (struct pollfd *)c->in[0];

	switch (c->sc->nr) {
	case SYS_poll: /* one descriptor, asked at once */
		if (!c->args[0])
			return -EFAULT;
		c->args[1] = 1;
		c->args[2] = 0;
		return hold_fd(c, 0, p->fd);
	case SYS_kill: /* group 0 is the stub's: nobody's business */
		return (int)c->args[0] ? 0 : -EPERM;
	default:
		return 0;
	}
}

static int decode(struct xo_stub_call *c, const struct xo_msg *msg, char *data)
{
	unsigned int i;
	int err = 0;

	c->sc = xo_syscall_find(msg->nr);
	if (!c->sc || !xo_syscall_goes(c->sc))
		return -ENOSYS;
	c->nr = c->sc->nr;
	memcpy(c->arg, c->sc->args, sizeof(c->arg));
	memcpy(c->wire, msg->args, sizeof(c->wire));
	if (c->nr == SYS_ioctl || c->nr == SYS_fcntl)
		err = decode_command(c);
	for (i = 0; i < XO_SYSCALL_ARGS && !err; i++)
		err = decode_arg(c, i, data);
	return err ? err : decode_rest(c);
}

/* A signal that was meant for an earlier call of this thread must not end this one. */
static long run(struct xo_stub_call *c)
{
	long ret;

	for (;;) {
		ret = xo_stub_syscall(c->nr, c->args);
		if (ret != -EINTR)
			return ret;
		xo_stub_uncancel();
		if (!c->given_up || c->given_up(c->ctx))
			return ret;
	}
}

static long give_fd(struct xo_stub_call *c, long fd)
{
	unsigned int flags = O_WRONLY, i; /* creat() */
	struct stat st;
	int err;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (c->arg[i].kind == XO_ARG_OFLAGS)
			flags = c->args[i];
	err = xo_stub_opened(fd, flags);
	if (!err && fstat(fd, &st))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	c->file_mode = st.st_mode;
	return xo_stub_fd_give(fd);
}

/* Structures that went in and come back stood in private memory. */
static void bring_back(struct xo_stub_call *c, char *data)
{
	unsigned int i;
	uint32_t end;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		if (!xo_arg_comes(&c->arg[i]) || !c->args[i])
			continue;
		if (c->arg[i].kind == XO_ARG_STRUCT_INOUT)
			memcpy(data + c->wire[i], c->in[i], c->len[i]);
		end = c->wire[i] + c->len[i];
		if (end > c->out_len)
			c->out_len = end;
	}
}

static long serve(struct xo_stub_call *c, const struct xo_msg *msg, char *data)
{
	long ret = decode(c, msg, data), closed;

	if (ret)
		return ret;
	if (c->nr == SYS_close) { /* held by decode(): the close waits for this very call, too */
		ret = xo_stub_fd_close(c->fd[0]);
		closed = xo_stub_fd_release(c->fd[0]); /* whoever else closes waits for it */
		c->fd[0] = -1;
		return ret ? ret : closed;
	}
	ret = xo_stub_paths(c);
	if (!ret)
		ret = run(c);
	if (ret >= 0 && c->sc->result == XO_RESULT_FD)
		ret = give_fd(c, ret);
	if (ret >= 0)
		bring_back(c, data);
	return ret;
}

void xo_stub_call(struct xo_stub_call *c, const struct xo_msg *msg, void *data)
{
	unsigned int i;

	c->strings = 0;
	c->out_len = 0;
	c->file_mode = 0;
	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		c->fd[i] = c->pin[i] = -1;
		c->len[i] = 0;
	}
	c->result = serve(c, msg, data);
	xo_stub_unpin(c);
	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (c->fd[i] >= 0)
			xo_stub_fd_release(c->fd[i]);
}
