/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * libcrossover: the C interface to CrossOver, on the host and in its VMs.
 *
 * Every function that can fail returns 0 or a positive value where said, and a negative errno on
 * failure; xo_error() then has one sentence for a person: what failed, on which VM or link, why,
 * and what to do.
 *
 * Ownership: a handle belongs to who made it, until xo_free(). Strings that functions return stay
 * the library's; those of a handle are valid until the next call on it. Structures are the
 * caller's. Nothing keeps a pointer that was passed in.
 *
 * Threads: a handle is used by one thread at a time; different handles are independent. Functions
 * without a handle may be called at any time. A session of a handle ends with the handle. A child
 * after fork() must open a handle of its own.
 *
 * Needs root: /dev/crossover is 0600.
 */
#ifndef CROSSOVER_H
#define CROSSOVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <crossover/abi.h>

#ifdef __cplusplus
extern "C" {
#endif

#define XO_DEVICE "/dev/crossover"

/* The ABI revision that the library was built with; all parts must have the same. */
unsigned int xo_revision(void);

/* The release of the library, like "0.1.0". */
const char *xo_release(void);

/* ------------------------------------------------------------------ reasons and names */

/* One refusal of the host module: a line of crossover/errors.def. */
struct xo_reason {
	int code;	      /* XO_REASON_* */
	const char *name;     /* "NAME_BAD" */
	int error;	      /* positive errno that goes with it */
	const char *sentence; /* with one %s, or none, for the VM or link */
	const char *remedy;   /* what to do */
};

enum xo_reason_code {
#define XO_REASON(code, name, error, sentence, remedy) XO_REASON_##name = code,
#include <crossover/errors.def>
#undef XO_REASON
};

/* The reason with that code; NULL if there is none. */
const struct xo_reason *xo_reason_by_code(unsigned int code);

/* All reasons in order of their codes: i = 0, 1, ...; NULL behind the last. */
const struct xo_reason *xo_reason_at(size_t i);

/* "exit", "ring", "vmfunc", "hw"; "?" for any other number. */
const char *xo_engine_name(unsigned int engine);

/* The engine of that name; 0 if there is none. */
unsigned int xo_engine_by_name(const char *name);

/* 1 if `name` is a VM name ([a-z][a-z0-9-]{0,30}), else 0. */
int xo_name_ok(const char *name);

/* ------------------------------------------------------------------ handles */

struct xo;

enum xo_side {
	XO_SIDE_ANY = 0,   /* whichever module is loaded here */
	XO_SIDE_HOST = 1,  /* crossover.ko */
	XO_SIDE_GUEST = 2, /* crossover_guest.ko */
};

/* A handle that is not open yet; NULL: no memory. */
struct xo *xo_new(void);

/* Closes and frees; a session of the handle ends. NULL is fine. Keeps errno. */
void xo_free(struct xo *x);

/*
 * Open the device and compare revisions with its module. `path`: NULL for XO_DEVICE.
 * -EALREADY open already; -ENOENT, -ENXIO, -ENODEV no module loaded; -EACCES, -EPERM not root;
 * -ENOTTY the device is not CrossOver's, or not of the side asked for; -EPROTO another revision.
 * After a failure the handle is as new, and may be tried again.
 */
int xo_open(struct xo *x, enum xo_side side, const char *path);

/* Which side's module it is, once open; XO_SIDE_ANY while not. */
enum xo_side xo_side(const struct xo *x);

/* The descriptor, for poll-free use with ioctls of crossover/abi.h; still the handle's. -1: none.
 */
int xo_fd(const struct xo *x);

/* The last failure on this handle in one sentence, without a newline; "" after none. */
const char *xo_error(const struct xo *x);

/* The host module's reason of the last failure, or 0 if it gave none. */
unsigned int xo_error_reason(const struct xo *x);

/* ------------------------------------------------------------------ on the host
 *
 * On a handle of another side all of these fail with -EBADF.
 */

/* What the module says of itself. */
int xo_host_version(struct xo *x, struct xo_h_version *out);

/*
 * Enrol the VM behind the KVM descriptor `vm_fd` (the module takes a reference of its own) as
 * `name`. `pid`: shown in lists, 0 if unknown. `wid`, if not NULL: the world its kernel will be.
 * Fails with a reason: NAME_BAD, NAME_TAKEN, NOT_KVM, VM_TWICE, NO_APIC, NESTED, VMS_FULL, ...
 */
int xo_enrol_fd(struct xo *x, const char *name, int vm_fd, pid_t pid, uint64_t *wid);

/*
 * The same for the one VM of the running process `pid` (QEMU, say), whose descriptor is fetched
 * with pidfd_getfd(). -ESRCH no such process; -EPERM may not look into it; -EBADF it runs no VM;
 * -ENOTUNIQ it runs several.
 */
int xo_enrol_pid(struct xo *x, const char *name, pid_t pid, uint64_t *wid);

/* Undo: links of the VM go down, calls under way end with EHOSTDOWN. NOT_ENROLLED. */
int xo_unenrol(struct xo *x, const char *name);

/*
 * Permit `caller` to call `callee`. `engine`: enum xo_engine; `slots`: calls under way at once, 0
 * for XO_SLOTS_PER_LINK. `id`, if not NULL: the link's id.
 * NAME_BAD, NOT_ENROLLED, LINK_SELF, LINK_EXISTS, LINKS_FULL, ENGINE, SLOTS_BAD, NO_GPA, ...
 */
int xo_link(struct xo *x, const char *caller, const char *callee, unsigned int engine,
	    unsigned int slots, uint64_t *id);

/* Undo: calls under way end with EHOSTDOWN. LINK_NONE. */
int xo_unlink(struct xo *x, const char *caller, const char *callee);

/*
 * Lists: zero the structure for the first, then pass the last one again for the next.
 * 1: filled in, 0: there are no more, negative: error.
 *
 *	struct xo_h_vm_info vm = { 0 };
 *	while (xo_next_vm(x, &vm) > 0)
 *		puts(vm.name);
 */
int xo_next_vm(struct xo *x, struct xo_h_vm_info *vm);
int xo_next_link(struct xo *x, struct xo_h_link_info *link);
int xo_next_world(struct xo *x, struct xo_h_world_info *world);

/* ------------------------------------------------------------------ in a VM
 *
 * On a handle of another side all of these fail with -EBADF.
 */

/* Who this VM is, and the host module's revision. */
int xo_guest_version(struct xo *x, struct xo_g_version *out);

/*
 * Open a session with the VM `callee`: a stub process there, as the user that its policy names.
 * `cwd`: wished working directory, NULL for that user's home. `out`, if not NULL: session, pid and
 * uid of the stub. One session per handle, for its life.
 * -ENODEV this VM is not enrolled, -ENOENT no link to that VM, -ECONNREFUSED nobody serves there,
 * -EACCES its policy refuses, -EHOSTDOWN it is down, -EBUSY no slot or stub free, -EDQUOT too many
 * worlds here, -EISCONN has a session, -ENOTDIR `cwd` cannot be entered there, -EPROTO revisions
 * differ, -EINTR a signal.
 */
int xo_connect(struct xo *x, const char *callee, const char *cwd, struct xo_g_connect *out);

/*
 * One message on the session, as crossover/abi.h describes it (struct xo_g_call, struct xo_msg).
 * 0: answered; call->result has the callee's answer, which may itself be a negative errno.
 * -ENOTCONN no session, -EINTR a signal (the call was given up), -EHOSTDOWN, -EBUSY, -EFAULT,
 * -EINVAL lengths over XO_SLOT_DATA, -EMSGSIZE the answer is longer than out_len.
 */
int xo_call(struct xo *x, struct xo_g_call *call);

/* A null call, answered by the stub. */
int xo_ping(struct xo *x);

/* Lists, as on the host. */
int xo_next_guest_link(struct xo *x, struct xo_g_link_info *link);

/* The same for the router's counters; for the first, set stat->nr to ~0u. */
int xo_next_route(struct xo *x, struct xo_g_route_stat *stat);

#ifdef __cplusplus
}
#endif

#endif
