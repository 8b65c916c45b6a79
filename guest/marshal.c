// SPDX-License-Identifier: GPL-2.0
/* One system call as a message; see marshal.h. */
#include "marshal.h"

#ifdef __KERNEL__
#include <linux/errno.h>
#else
#include <errno.h>
#endif

#define XO_NR_FCNTL	 72
#define XO_RESULT_MIN	 (-511) /* restart codes and other errnos of a kernel's own lie below */
#define XO_ALIGN8(bytes) (((bytes) + 7U) & ~7U)

int xo_frame_init(struct xo_frame *f, const struct xo_syscall *sc,
		  const __u64 args[XO_SYSCALL_ARGS])
{
	const struct xo_command *cmd;
	unsigned int i;

	f->sc = sc;
	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		f->arg[i] = sc->args[i];
		f->args[i] = args[i];
		f->wire[i] = f->off[i] = f->len[i] = 0;
		if (f->arg[i].kind != XO_ARG_BY_CMD)
			continue;
		cmd = xo_command_find(sc->nr, args[i - 1]);
		if (!cmd || cmd->local)
			return sc->nr == XO_NR_FCNTL ? -EINVAL : -ENOTTY;
		f->arg[i] = cmd->arg;
	}
	return 0;
}

static int put_string(struct xo_frame *f, unsigned int i, void *data, __u32 at)
{
	__u32 room = f->arg[i].kind == XO_ARG_STRING ? XO_STRING_MAX : XO_PATH_MAX;
	long len;

	if (room > XO_SLOT_DATA - at)
		room = XO_SLOT_DATA - at;
	len = xo_copy_string_in((char *)data + at, f->args[i], room);
	if (len < 0)
		return -EFAULT;
	if (len >= room)
		return -ENAMETOOLONG;
	f->len[i] = len + 1;
	return 0;
}

static int put_bytes(struct xo_frame *f, unsigned int i, void *data, __u32 at)
{
	const struct xo_arg *a = &f->arg[i];
	__u64 bytes = a->kind == XO_ARG_IN ? f->args[a->len] : a->size;

	if (bytes > XO_SLOT_DATA - at)
		return -E2BIG;
	if (bytes && xo_copy_in((char *)data + at, f->args[i], bytes))
		return -EFAULT;
	f->len[i] = bytes;
	return 0;
}

/* A buffer from the callee may be given less room than the program has; a structure may not. */
static int make_room(struct xo_frame *f, unsigned int i, __u32 at)
{
	const struct xo_arg *a = &f->arg[i];
	__u64 items = a->kind == XO_ARG_OUT ? f->args[a->len] : 1;
	__u32 most = (XO_SLOT_DATA - at) / a->size;

	if (items > most) {
		if (a->kind != XO_ARG_OUT)
			return -E2BIG;
		items = most;
		f->args[a->len] = items;
		f->wire[a->len] = items;
	}
	f->len[i] = items * a->size;
	return 0;
}

static int put_arg(struct xo_frame *f, unsigned int i, void *data, __u32 at)
{
	if (xo_arg_is_string(&f->arg[i]))
		return put_string(f, i, data, at);
	if (xo_arg_goes(&f->arg[i]))
		return put_bytes(f, i, data, at);
	return make_room(f, i, at);
}

int xo_frame_request(struct xo_frame *f, void *data)
{
	__u32 at = 0, used = 0;
	unsigned int i, pass;
	int err;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		f->len[i] = 0;
		f->wire[i] = f->arg[i].kind == XO_ARG_NONE ? 0 : f->args[i];
	}
	for (pass = 0; pass < 2; pass++) {
		for (i = 0; i < XO_SYSCALL_ARGS; i++) {
			const struct xo_arg *a = &f->arg[i];

			if (!xo_arg_is_pointer(a) || !!xo_arg_goes(a) != !pass)
				continue;
			if (!f->args[i]) {
				f->wire[i] = XO_NO_POINTER;
				continue;
			}
			err = put_arg(f, i, data, at);
			if (err)
				return err;
			f->off[i] = at;
			f->wire[i] = at;
			at += XO_ALIGN8(f->len[i]);
			if (at > XO_SLOT_DATA)
				at = XO_SLOT_DATA;
		}
		if (!pass)
			used = at;
	}
	return used;
}

/* How many bytes of argument i hold something after `result`. */
static __u64 bytes_back(const struct xo_frame *f, unsigned int i, __s64 result)
{
	if (f->arg[i].kind == XO_ARG_OUT && f->sc->result == XO_RESULT_BYTES)
		return f->len[i] ? result : 0;
	if (f->arg[i].kind == XO_ARG_OUT && f->sc->result == XO_RESULT_ITEMS)
		return f->len[i] ? (__u64)result * f->arg[i].size : 0;
	return f->len[i];
}

/* A count of bytes or items is at most what was asked for, be the buffer NULL or not; where nothing
 * was, it may be a size, but never what read() or write() say. */
static int count_is_possible(const struct xo_frame *f, __s64 result)
{
	unsigned int i;
	__u64 asked;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		if (f->arg[i].kind != XO_ARG_OUT && f->arg[i].kind != XO_ARG_IN)
			continue;
		asked = f->args[f->arg[i].len];
		if ((asked || f->sc->chunked) && (__u64)result > asked)
			return 0;
	}
	return result <= 0x7fffffff;
}

__s64 xo_frame_result(const struct xo_frame *f, __s64 result, __u32 out_len)
{
	unsigned int i;

	if (result < 0)
		return result < XO_RESULT_MIN ? -EIO : result;
	switch (f->sc->result) {
	case XO_RESULT_ZERO:
		if (result)
			return -EIO;
		break;
	case XO_RESULT_FD:
		if (result > 0x7fffffff)
			return -EIO;
		break;
	case XO_RESULT_BYTES:
	case XO_RESULT_ITEMS:
		if (!count_is_possible(f, result))
			return -EIO;
		break;
	default:
		break;
	}
	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (xo_arg_comes(&f->arg[i]) && bytes_back(f, i, result) &&
		    f->off[i] + bytes_back(f, i, result) > out_len)
			return -EIO;
	return result;
}

int xo_frame_reply(const struct xo_frame *f, const void *data, __s64 result)
{
	unsigned int i;

	for (i = 0; i < XO_SYSCALL_ARGS; i++) {
		__u64 bytes = xo_arg_comes(&f->arg[i]) ? bytes_back(f, i, result) : 0;

		if (bytes && xo_copy_out(f->args[i], (const char *)data + f->off[i], bytes))
			return -EFAULT;
	}
	return 0;
}
