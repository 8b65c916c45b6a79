/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callee's side of a request: what a caller sent, checked and made out to a system call's
 * arguments. One source for the stub, which serves calls in ring 3, and for the module, which
 * serves visitors as the stub's task: both take lengths, directions and descriptors from the table
 * alone.
 *
 * All of a request is hostile, and its memory may change at any moment. What is looked at, and the
 * strings and structures that go to the system call, are copied once, to private memory; data that
 * nobody looks at stays in the window.
 */
#ifndef XO_DECODE_H
#define XO_DECODE_H

#include <crossover/abi.h>
#include <crossover/syscalls.h>

#define XO_STUB_STRINGS 2   /* string arguments that a call can have; a unit test asserts it */
#define XO_STUB_STRUCT	128 /* bytes of the longest structure that travels to the callee */

/* In the stub's memory, of one call. Strings have room for what the policy makes of a path. */
struct xo_private {
	char string[XO_STUB_STRINGS][XO_PATH_MAX + 64];
	__u8 in[XO_SYSCALL_ARGS][XO_STUB_STRUCT];
};

struct xo_decoded {
	/* in */
	const char *data;    /* the slot's data area, to be read here */
	__u64 data_at;	     /* and its address for the stub's system calls */
	__u64 private_at;    /* of a struct xo_private, likewise */
	__u64 descriptor_at; /* for xo_decode_hold(): the stub's descriptors */
	__u32 descriptors;   /* likewise */

	/* out */
	const struct xo_syscall *sc;
	struct xo_arg arg[XO_SYSCALL_ARGS]; /* of the table, BY_CMD made out */
	__u64 wire[XO_SYSCALL_ARGS];	    /* as they came */
	__u64 args[XO_SYSCALL_ARGS];	    /* as they go to the kernel */
	__u32 len[XO_SYSCALL_ARGS];	    /* bytes in the data area of each pointer */
	__s32 fd[XO_SYSCALL_ARGS];	    /* held; -1: none */
	__u32 strings;
	__u32 head; /* the first bytes of the last structure that went in */
};

/* A copy of the message. 0 or the negative errno that the call ends with; either way what is in
 * fd[] is held, and is to be released by the caller of this. */
int xo_decode(struct xo_decoded *d, const struct xo_msg *msg);

/* After success: structures that went in and come back, to the data area. 0 or -EFAULT; *out_len:
 * how much of the data area the reply uses. */
int xo_decode_return(const struct xo_decoded *d, __u32 *out_len);

/* How a call that was decoded asks for a file to be opened: O_*. */
unsigned int xo_decode_flags(const struct xo_decoded *d);

/* By whoever compiles this: the stub's memory, 0 or -EFAULT; descriptors as xo_stub_fd_hold(): 0,
 * -EBADF or -EFAULT. */
int xo_decode_put(__u64 to, const void *from, __u32 bytes);
int xo_decode_get(void *to, __u64 from, __u32 bytes);
int xo_decode_hold(const struct xo_decoded *d, int fd);

#endif
