/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the stub share; see stub_exec.h. */
#ifndef XO_STUB_IMPL_H
#define XO_STUB_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <crossover/abi.h>
#include <crossover/syscalls.h>
#include "policy.h"

/* ------------------------------------------------------------------ descriptors (stub_fd.c)
 *
 * Only descriptors that were opened for the caller can be named by it. A call holds those that it
 * uses, so that a close() in another thread cannot let the number become something else in between.
 */
bool xo_stub_fd_hold(int fd);	/* false: not one of the caller's */
int xo_stub_fd_release(int fd); /* result of the close() that waited for it, or 0 */
int xo_stub_fd_give(int fd);	/* a new one for the caller: fd, or -EMFILE and it is closed */
int xo_stub_fd_close(int fd);	/* 0 or -EBADF */

/* ------------------------------------------------------------------ one system call
 * (stub_syscall.c)
 *
 * Race-free against XO_CANCEL_SIGNAL: if the signal came since xo_stub_uncancel(), however early,
 * the call is not begun, or ends with -EINTR as any blocking call.
 */
int xo_stub_catch_cancel(void); /* once in the process; 0 or -errno */
void xo_stub_uncancel(void);	/* this thread has had no signal */
long xo_stub_syscall(long nr, const uint64_t args[XO_SYSCALL_ARGS]);

/* ------------------------------------------------------------------ one request (stub_call.c) */

#define XO_STUB_STRINGS 2   /* string arguments that a call can have; a unit test asserts it */
#define XO_STUB_STRUCT	128 /* bytes of the longest structure that travels to the callee */

/* A call in the hands of a thread. All in it is private memory: the window is read once. */
struct xo_stub_call {
	const struct xo_policy_caller *policy;
	const struct xo_syscall *sc;
	struct xo_arg arg[XO_SYSCALL_ARGS];
	uint64_t wire[XO_SYSCALL_ARGS]; /* as they came */
	uint64_t args[XO_SYSCALL_ARGS]; /* as they go to the kernel */
	uint32_t len[XO_SYSCALL_ARGS];	/* bytes in the data area of each pointer */
	int fd[XO_SYSCALL_ARGS];	/* held; -1: none */
	int pin[XO_SYSCALL_ARGS]; /* O_PATH descriptors of paths that were checked; -1: none */
	unsigned int strings;
	long nr; /* what is really called, once paths are pinned */
	char string[XO_STUB_STRINGS][XO_PATH_MAX + 64];
	uint8_t in[XO_SYSCALL_ARGS][XO_STUB_STRUCT];

	/* the reply */
	int64_t result;
	uint32_t out_len;
	uint32_t file_mode;

	/* does the caller still want this call? asked when a signal cut it short; NULL: it does */
	bool (*given_up)(void *ctx);
	void *ctx;
};

/* Serve the system call that `msg` (a copy) asks for, with `data` the slot's data area. The reply
 * is left in `c`, what it brings in `data`. */
void xo_stub_call(struct xo_stub_call *c, const struct xo_msg *msg, void *data);

/* ------------------------------------------------------------------ paths and policy (stub_path.c)
 *
 * 0, or the negative errno that the call ends with. If the policy looks at paths, each path is
 * opened with O_PATH first, what that found is what the policy is asked about, and the call's
 * arguments are changed so that it acts on that very object, or in that very directory.
 */
int xo_stub_paths(struct xo_stub_call *c);
void xo_stub_unpin(struct xo_stub_call *c);

/* A file that was just opened: -EACCES if it is a process's memory, to be written. */
int xo_stub_opened(int fd, unsigned int flags);

#endif
