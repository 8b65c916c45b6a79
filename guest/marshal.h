/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One system call as a message: the request laid out in a slot's data area, the reply checked and
 * taken out of it. Knows the table, and nothing of the kernel around it: the unit tests compile it
 * too, and give it their own three functions that reach the caller's memory.
 *
 * The data area of a request: strings, IN buffers and structures in the order of the arguments,
 * each on 8 bytes, then room for what comes back. Offsets and lengths are kept here and never read
 * back from the window, which is hostile.
 */
#ifndef XO_MARSHAL_H
#define XO_MARSHAL_H

#include <crossover/abi.h>
#include <crossover/syscalls.h>

struct xo_frame {
	const struct xo_syscall *sc;
	struct xo_arg arg[XO_SYSCALL_ARGS]; /* of the table, BY_CMD made out */
	__u64 args[XO_SYSCALL_ARGS]; /* as the program gave them; descriptors: the callee's */
	/* out of xo_frame_request() */
	__u64 wire[XO_SYSCALL_ARGS]; /* for the message */
	__u32 off[XO_SYSCALL_ARGS];
	__u32 len[XO_SYSCALL_ARGS]; /* bytes of each pointer argument; 0: none */
};

/* Begin. 0, or the negative errno for a command that is not in the table. */
int xo_frame_init(struct xo_frame *f, const struct xo_syscall *sc,
		  const __u64 args[XO_SYSCALL_ARGS]);

/* Write the request to `data` (XO_SLOT_DATA bytes). Bytes used, or -EFAULT, -ENAMETOOLONG, -E2BIG.
 * Room for results that no slot has is made less, and the call's length argument with it. */
int xo_frame_request(struct xo_frame *f, void *data);

/*
 * The call's result, checked against what was asked: as it is, or -EIO if this call cannot have it.
 * `out_len` is how much of the data area the callee says that its reply uses.
 */
__s64 xo_frame_result(const struct xo_frame *f, __s64 result, __u32 out_len);

/* Hand the reply's data to the program; `result` is checked, not negative. 0 or -EFAULT. */
int xo_frame_reply(const struct xo_frame *f, const void *data, __s64 result);

/* The program's memory. 0 or -EFAULT; string: its length, -EFAULT, or `room` if it has no end. */
long xo_copy_in(void *to, __u64 from, __u32 bytes);
long xo_copy_string_in(char *to, __u64 from, __u32 room);
long xo_copy_out(__u64 to, const void *from, __u32 bytes);

#endif
