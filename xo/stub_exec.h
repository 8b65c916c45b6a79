/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The stub of the `exit` engine: a process of the callee that serves one session, by issuing the
 * real system calls that the caller asks for, from its own ring 3. Its user, groups, working
 * directory, seccomp and audit settings are the session's, and hold.
 *
 * `xo serve` forks it, gives it its credentials, and calls xo_stub_run(). Everything in a request
 * is hostile: the stub takes directions, lengths and kinds of arguments from
 * crossover/syscalls.def, copies what it looks at once, and lets a caller reach no descriptor but
 * those that it opened.
 */
#ifndef XO_STUB_EXEC_H
#define XO_STUB_EXEC_H

#include <stdint.h>
#include <crossover/abi.h>

#define XO_STUB_THREADS 16   /* at most; calls may block, so each waits in a thread of its own */
#define XO_STUB_FD_BASE 1000 /* the stub's own descriptors are put at or above this number */

struct xo_policy_caller;

struct xo_stub {
	int fd;				       /* /dev/crossover, which has adopted the session */
	const struct xo_policy_caller *policy; /* the caller's block, never NULL */
	char caller[XO_NAME_MAX];	       /* its name, vouched for by the host */

	/* The OPEN call that the session begins with: xo_stub_run() answers it first. */
	uint64_t link;
	uint32_t slot;
	uint64_t seq;
	uint64_t session; /* of struct xo_g_adopt */
	uint64_t wid;	  /* likewise */
};

/*
 * Serve the session until its caller, its link or the device goes. Call it with the final
 * credentials and working directory, signals at their defaults, from a process with one thread and
 * with no descriptors but `s->fd`, 0 to 2 and those at or above XO_STUB_FD_BASE. It makes the
 * process undumpable, moves s->fd to XO_STUB_FD_BASE or above, installs XO_CANCEL_SIGNAL's handler
 * and answers the OPEN call. Returns 0 when the session has ended, or a negative errno when it
 * could not be served; either way the process should exit then.
 */
int xo_stub_run(struct xo_stub *s);

#endif
