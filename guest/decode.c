// SPDX-License-Identifier: GPL-2.0
/* A request, as the callee sees it; see decode.h. */
#include "decode.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/poll.h>
#include <linux/string.h>
#include <linux/unistd.h>
#else
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/syscall.h>
#endif

static __u64 string_at(const struct xo_decoded *d, unsigned int n)
{
	return d->private_at + offsetof(struct xo_private, string[0]) +
	       n * sizeof(((struct xo_private *)0)->string[0]);
}

static __u64 struct_at(const struct xo_decoded *d, unsigned int i)
{
	return d->private_at + offsetof(struct xo_private, in[0]) + i * XO_STUB_STRUCT;
}

/* The end is found first and then made: what the caller changes in between is in its own string. */
static int decode_string(struct xo_decoded *d, unsigned int i)
{
	const char *from = d->data + d->wire[i];
	__u32 room = XO_SLOT_DATA - d->wire[i], len;
	__u64 to;
	int err;

	if (d->strings == XO_STUB_STRINGS)
		return -EINVAL;
	to = string_at(d, d->strings++);
	if (room > XO_PATH_MAX)
		room = XO_PATH_MAX;
	for (len = 0; len < room; len++)
		if (!*(const volatile char *)(from + len))
			break;
	if (len == room)
		return -ENAMETOOLONG;
	err = len ? xo_decode_put(to, from, len) : 0;
	if (!err)
		err = xo_decode_put(to + len, "", 1);
	d->args[i] = to;
	return err;
}

static int decode_struct(struct xo_decoded *d, unsigned int i)
{
	__u8 copy[XO_STUB_STRUCT];

	if (d->len[i] > sizeof(copy))
		return -EINVAL;
	memcpy(copy, d->data + d->wire[i], d->len[i]);
	if (d->len[i] >= sizeof(d->head))
		memcpy(&d->head, copy, sizeof(d->head));
	d->args[i] = struct_at(d, i);
	return xo_decode_put(d->args[i], copy, d->len[i]);
}

static int decode_buffer(struct xo_decoded *d, unsigned int i)
{
	const struct xo_arg *a = &d->arg[i];
	int is_struct = a->kind != XO_ARG_IN && a->kind != XO_ARG_OUT;
	__u64 items = is_struct ? 1 : d->wire[a->len];

	if (items > (XO_SLOT_DATA - d->wire[i]) / a->size)
		return -EINVAL;
	d->len[i] = items * a->size;
	d->args[i] = d->data_at + d->wire[i];
	if (a->kind == XO_ARG_STRUCT_IN || a->kind == XO_ARG_STRUCT_INOUT)
		return decode_struct(d, i);
	return 0;
}

static int decode_pointer(struct xo_decoded *d, unsigned int i)
{
	if (d->wire[i] == XO_NO_POINTER) {
		d->args[i] = 0;
		return 0;
	}
	if (d->wire[i] > XO_SLOT_DATA || d->wire[i] % 8)
		return -EINVAL;
	return xo_arg_is_string(&d->arg[i]) ? decode_string(d, i) : decode_buffer(d, i);
}

static int hold_fd(struct xo_decoded *d, unsigned int i, int fd)
{
	int err = xo_decode_hold(d, fd);

	if (!err)
		d->fd[i] = fd;
	return err;
}

static int decode_arg(struct xo_decoded *d, unsigned int i)
{
	const struct xo_arg *a = &d->arg[i];

	if (a->kind == XO_ARG_NONE) {
		d->args[i] = 0;
		return 0;
	}
	d->args[i] = d->wire[i];
	if (xo_arg_is_pointer(a))
		return decode_pointer(d, i);
	if (a->kind == XO_ARG_DIRFD && (int)d->wire[i] == AT_FDCWD)
		return 0;
	if (xo_arg_is_fd(a))
		return hold_fd(d, i, (int)d->wire[i]);
	if (a->kind == XO_ARG_OFLAGS)
		d->args[i] |= O_CLOEXEC | O_NOCTTY;
	return 0;
}

static int decode_command(struct xo_decoded *d)
{
	const struct xo_command *cmd = xo_command_find(d->sc->nr, d->wire[1]);

	if (!cmd || cmd->local)
		return d->sc->nr == __NR_fcntl ? -EINVAL : -ENOTTY;
	d->arg[2] = cmd->arg;
	return 0;
}

/* What the table cannot say. */
static int decode_rest(struct xo_decoded *d)
{
	switch (d->sc->nr) {
	case __NR_poll: /* one descriptor, asked at once */
		if (!d->args[0])
			return -EFAULT;
		d->args[1] = 1;
		d->args[2] = 0;
		return hold_fd(d, 0, (int)d->head);
	case __NR_kill: /* group 0 is the stub's: nobody's business */
		return (int)d->args[0] ? 0 : -EPERM;
	default:
		return 0;
	}
}

int xo_decode(struct xo_decoded *d, const struct xo_msg *msg)
{
	unsigned int i;
	int err = 0;

	d->strings = 0;
	d->head = 0;
	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		d->fd[i] = -1;
		d->len[i] = 0;
	}
	d->sc = xo_syscall_find(msg->nr);
	if (!d->sc || !xo_syscall_goes(d->sc))
		return -ENOSYS;
	memcpy(d->arg, d->sc->args, sizeof(d->arg));
	memcpy(d->wire, msg->args, sizeof(d->wire));
	if (d->sc->nr == __NR_ioctl || d->sc->nr == __NR_fcntl)
		err = decode_command(d);
	for (i = 0; i < XO_SYSCALL_ARGS && !err; i++)
		err = decode_arg(d, i);
	return err ? err : decode_rest(d);
}

int xo_decode_return(const struct xo_decoded *d, __u32 *out_len)
{
	__u8 copy[XO_STUB_STRUCT];
	unsigned int i;
	__u32 end;

	*out_len = 0;
	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		if (!xo_arg_comes(&d->arg[i]) || !d->args[i])
			continue;
		if (d->arg[i].kind == XO_ARG_STRUCT_INOUT) {
			if (xo_decode_get(copy, struct_at(d, i), d->len[i]))
				return -EFAULT;
			memcpy((char *)d->data + d->wire[i], copy, d->len[i]);
		}
		end = d->wire[i] + d->len[i];
		if (end > *out_len)
			*out_len = end;
	}
	return 0;
}

unsigned int xo_decode_flags(const struct xo_decoded *d)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (d->arg[i].kind == XO_ARG_OFLAGS)
			return d->args[i];
	return O_WRONLY; /* creat() */
}
