/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of the stub share; see stub_exec.h. */
#ifndef XO_STUB_IMPL_H
#define XO_STUB_IMPL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <crossover/abi.h>
#include <crossover/syscalls.h>
#include "../guest/decode.h"
#include "policy.h"

/* ------------------------------------------------------------------ descriptors (stub_fd.c)
 *
 * Only descriptors that were opened for the caller can be named by it. A call holds those that it
 * uses, so that a close() in another thread cannot let the number become something else in between.
 */
bool xo_stub_fd_hold(int fd);	    /* false: not one of the caller's */
int xo_stub_fd_release(int fd);	    /* result of the close() that waited for it, or 0 */
int xo_stub_fd_give(int fd);	    /* a new one for the caller: fd, or -EMFILE and it is closed */
int xo_stub_fd_close(int fd);	    /* 0 or -EBADF */
const void *xo_stub_fd_words(void); /* of struct xo_g_visits */

/* ------------------------------------------------------------------ one system call
 * (stub_syscall.c)
 *
 * Race-free against XO_CANCEL_SIGNAL: if the signal came since xo_stub_uncancel(), however early,
 * the call is not begun, or ends with -EINTR as any blocking call.
 */
int xo_stub_catch_cancel(void); /* once in the process; 0 or -errno */
void xo_stub_uncancel(void);	/* this thread has had no signal */
long xo_stub_syscall(long nr, const __u64 args[XO_SYSCALL_ARGS]);

/* ------------------------------------------------------------------ one request (stub_call.c) */

/* A call in the hands of a thread. All in it is private memory: the window is read once. */
struct xo_stub_call {
	const struct xo_policy_caller *policy;
	struct xo_decoded d;
	int pin[XO_SYSCALL_ARGS]; /* O_PATH descriptors of paths that were checked; -1: none */
	long nr;		  /* what is really called, once paths are pinned */
	struct xo_private private;

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

/* True: whatever a call with this number asks for, xo_stub_paths() would let it pass as it is. */
bool xo_stub_always_allowed(const struct xo_policy_caller *policy, uint32_t nr);
void xo_stub_unpin(struct xo_stub_call *c);

/* A file that was just opened: -EACCES if it is a process's memory, to be written. */
int xo_stub_opened(int fd, unsigned int flags);

#endif
