/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the files of the router share. The walk of a routed call: docs/router.md.
 *
 *   router.c        arming, the two tracepoint probes, counters
 *   router_decide.c where a call runs; in the probe, so it never sleeps or faults
 *   router_call.c   the ioctl that a routed call became: marshals and calls, in process context
 *   router_file.c   placeholders: the program's descriptors of the callee's files
 *   router_mmap.c   mmap() of a placeholder
 *   marshal*.c      the table, and one call as a message
 */
#ifndef XO_ROUTER_H
#define XO_ROUTER_H

#include <linux/fs.h>
#include <linux/sched.h>
#include <linux/types.h>
#include "guest.h"
#include "marshal.h"

#define XO_ROUTE_CALLS 64 /* routed calls of one program under way at once; more get EAGAIN */

/* A call that the probe rewrote: what sys_exit puts back, so that a restart is of the original. */
struct xo_rewritten {
	u64 nr;
	u64 args[XO_SYSCALL_ARGS];
	bool again; /* the call is to be made once more: what decides was paged out */
	bool made;  /* the ioctl has run: */
	s64 result; /* all 64 bits, of which an ioctl gives back but 32 */
};

/* The router's state of a session, from its XO_G_ARM on. */
struct xo_route {
	struct mm_struct *mm; /* of who armed; held so that no other gets its address */
	u64 loader_span;
	u32 stub_pid;
	struct mm_struct *base_mm; /* the routed program's, whose AT_BASE is loader_base; held */
	u64 loader_base;
	struct task_struct *task[XO_ROUTE_CALLS];  /* who makes calls[i]; NULL: it is free */
	struct xo_rewritten calls[XO_ROUTE_CALLS]; /* only that task touches it */
};

/* What becomes of a call. */
enum xo_fate {
	XO_FATE_LOCAL,	 /* as it is */
	XO_FATE_CHANGED, /* local, with the arguments in xo_decision */
	XO_FATE_REMOTE,
	XO_FATE_ANSWER, /* not made; the program gets `answer` */
};

struct xo_decision {
	enum xo_fate fate;
	bool again; /* REMOTE, to page in what decides, then once more */
	bool known; /* ANSWER: the refusal is what the table says of this call */
	s64 answer;
	u64 args[XO_SYSCALL_ARGS];
};

/* The decision for system call `nr` of current, whose arguments are in d->args. */
void xo_decide(const struct xo_route *r, struct file *session, u64 nr, struct xo_decision *d);

/* Is the code at `ip` the program's loader? */
bool xo_in_loader(struct xo_route *r, u64 ip);

/* Shows a routed program local files as of other devices than the callee's (router_device.c). */
void xo_mark_local_device(const struct pt_regs *regs, int nr);

/* A placeholder of the callee's descriptor, opened through the session of file `session`? */
bool xo_is_remote(const struct file *file, const struct file *session);

/* The callee's number for a placeholder, and its type (S_IFMT bits). */
u32 xo_remote_fd(const struct file *file);
umode_t xo_remote_type(const struct file *file);
struct xo_session *xo_remote_session(const struct file *file);

/*
 * mmap() with the program's `args` of a placeholder: private copies, and shared ones that cannot be
 * written. Context: process, may sleep. The other two are the placeholder's side of it.
 */
struct xo_copy;
long xo_route_mmap(struct file *file, const u64 *args);
int xo_remote_mmap(struct file *file, struct vm_area_struct *vma);
struct xo_copy **xo_remote_copy(const struct file *file);

/*
 * A descriptor for what the callee is about to open: made first, since a table that is full must be
 * found out before something happens. Then exactly one of the other two.
 */
struct xo_new_fd {
	int fd;
	struct file *file;
};
int xo_new_fd_get(struct xo_new_fd *n, struct file *session, unsigned int flags);
int xo_new_fd_install(struct xo_new_fd *n, u32 remote, umode_t mode); /* gives n->fd */
void xo_new_fd_put(struct xo_new_fd *n);

/* One remote system call by kernel code: pointers in `c` as for xo_session_call(). The checked
 * result or a negative errno. */
s64 xo_remote_call(struct xo_session *s, u32 nr, struct xo_call *c);

/* The call `nr` with the program's `args`, made remotely. Context: process; may sleep and fault. */
long xo_route_call(struct file *session, const struct xo_syscall *sc, const u64 *args);

enum xo_count {
	XO_COUNT_LOCAL,
	XO_COUNT_REMOTE,
	XO_COUNT_ENOSYS, /* not made: the table does not know it, or a process was to be made */
	XO_COUNT_ERRORS, /* remote ones that failed, and those that the table refuses */
};
void xo_count(u64 nr, enum xo_count what);

#endif
