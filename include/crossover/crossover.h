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
 * after fork() must open a handle of its own. Calls of services: see there.
 *
 * Needs root: /dev/crossover is 0600.
 */
#ifndef CROSSOVER_H
#define CROSSOVER_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>
#include <crossover/abi.h>
#include <crossover/gate.h>

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

/* What it says of `object` (a VM, a link), and what to do: "SENTENCE: REMEDY", cut to `size` bytes
 * with the NUL; "" without such a reason. Returns `text`. */
const char *xo_reason_text(unsigned int code, const char *object, char *text, size_t size);

/* "exit", "ring", "vmfunc", "hw"; "?" for any other number. */
const char *xo_engine_name(unsigned int engine);

/* The engine of that name; 0 if there is none. */
unsigned int xo_engine_by_name(const char *name);

/* What a service did that ended a call badly (XO_GATE_FAULT_*, struct xo_fault): "a system call",
 * "a touch of memory that it has not declared", ... Fits behind "the service ended badly: ". */
const char *xo_fault_name(unsigned int kind);

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
 * Permit `caller` to call `callee`. `engine`: enum xo_engine, 0: `exit`, or that of a link that is
 * there; XO_ENGINE_VMFUNC may have XO_ENGINE_KERNEL and, with it, XO_ENGINE_IBPB; `slots`: calls
 * under way at once, 0 for XO_SLOTS_PER_LINK, or those of a link that is there. `id`, if not NULL:
 * the link's id. 0: the link was made; 1: it was there with another engine, which was changed, with
 * calls in flight and none lost. -EEXIST, LINK_EXISTS: it is there like that. NAME_BAD,
 * NOT_ENROLLED, LINK_SELF, LINK_EXISTS, LINKS_FULL, ENGINE, SLOTS_BAD, NO_GPA,
 * ...
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
int xo_next_service(struct xo *x, struct xo_h_service_info *service);
int xo_next_conn(struct xo *x, struct xo_h_conn_info *conn);
int xo_next_record(struct xo *x, struct xo_h_record_info *record);

/* May the VM call over the engine `vmfunc`? 0, or a negative errno with the reason why not. "host"
 * asks about the processor alone. */
int xo_qualify(struct xo *x, const char *name);

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
 * differ, -EINTR a signal, -EOPNOTSUPP `callee` is "host", which has services only.
 */
int xo_session_open(struct xo *x, const char *callee, const char *cwd, struct xo_g_connect *out);

/*
 * One message on the session, as crossover/abi.h describes it (struct xo_g_call, struct xo_msg).
 * With XO_CALL_NOWAIT in call->op a busy callee is -EBUSY at once; without, it is waited for.
 * 0: answered; call->result has the callee's answer, which may itself be a negative errno.
 * -ENOTCONN no session, -EINTR a signal (the call was given up), -EHOSTDOWN, -EBUSY, -EFAULT,
 * -EINVAL lengths over XO_SLOT_DATA, -EMSGSIZE the answer is longer than out_len.
 */
int xo_session_call(struct xo *x, struct xo_g_call *call);

/* A null call, answered by the stub. */
int xo_ping(struct xo *x);

/* Lists, as on the host. */
int xo_next_guest_link(struct xo *x, struct xo_g_link_info *link);

/* The same for the router's counters; for the first, set stat->nr to ~0u. */
int xo_next_route(struct xo *x, struct xo_g_route_stat *stat);

/* ------------------------------------------------------------------ services: the owner
 *
 * A service is a function of this process that processes of other VMs call. Over `exit` a thread of
 * the library runs it here; over `vmfunc` the caller's processor runs it on this process's pages,
 * with no thread of this VM involved. So that both are the same, it is to keep to what the second
 * can do:
 *
 * - It touches its declared pages (below), its stack (32 KiB) and the shared buffer, nothing else:
 *   no heap, no thread-local storage, no page of another object: most of libc and libm are out.
 *   Compile it with -fno-stack-protector: the canary of a stack protector, which some compilers put
 *   in by default, is in thread-local storage. (pkg-config does not say so, since callers do not
 *   need it.) Only `vmfunc` can tell; over `exit` such memory is there.
 * - It makes no system call: over both engines that ends the call with XO_GATE_FAULT_SYSCALL (over
 *   `exit` by PR_SET_SYSCALL_USER_DISPATCH, in the library's threads only).
 * - Nor anything else that works over `exit` only: a vDSO call (time(), clock_gettime()), CPUID,
 *   more than 32 KiB of stack. Over `vmfunc` it ends the call, mostly as XO_GATE_FAULT_EXCEPTION:
 *   so try a service over `vmfunc`.
 * - Several calls may run in it at once: threads of callers, over both engines. It may be stopped
 *   at any instruction and go on later, or never, when the caller gives up. So a lock that it
 *   takes may stay locked for ever.
 * - Everything that the caller passes is hostile, and the buffer may change while it is looked at.
 *
 * What goes wrong in it (a page fault, an exception, a system call) ends that call with EFAULT at
 * the caller, and its `fault` function is told here. To do so over `exit`, the library handles
 * SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP and SIGSYS from the first xo_service_create() on; what
 * does not stem from a service goes on to the handlers that were there before.
 */
struct xo_service;

typedef uint64_t (*xo_service_entry)(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
				     uint64_t a4, uint64_t a5, const struct xo_visit *visit);

/* Who wants to connect. */
struct xo_caller {
	char vm[XO_NAME_MAX]; /* vouched for by the host */
	uint64_t wid;	      /* of that VM's kernel, vouched for by the host */
	/* as claimed by that VM's kernel: */
	uint32_t uid, pid;
	char comm[16];
};

/* How a service ended a call badly. */
struct xo_fault {
	unsigned int kind; /* XO_GATE_FAULT_*; in words: xo_fault_name() */
	uint64_t rip;	   /* in the owner's address space; 0 if it is not known */
};

/* What the word of a fault says, as struct xo_service_info has it: XO_GATE_FAULT_* << 56 | RIP. */
void xo_fault_of(uint64_t word, struct xo_fault *out);

/* Library's flags beside XO_SERVICE_GPR: the pages of every loaded object, not of one. */
#define XO_SERVICE_LIBS 0x10000U

struct xo_service_spec {
	const char *name; /* as VM names are; one of a name in a VM */
	xo_service_entry entry;
	unsigned int flags; /* XO_SERVICE_GPR, XO_SERVICE_LIBS */
	/*
	 * Pages that it may touch, apart from each other; NULL: the loaded segments of the program
	 * or library that has `entry` in it: text to execute, constants to read, data to write.
	 * They are held in memory. A mapping that changes (munmap(), mprotect(), madvise(), exec())
	 * takes the service off `vmfunc`; fork() does not: the child gets copies, and is no owner.
	 */
	const struct xo_region *regions;
	size_t region_count;
	/* VMs that may connect, the last one NULL; "*" is all. NULL: none by name. */
	const char *const *allow;
	/*
	 * Asked for each caller that `allow` names, or, without `allow`, for every one: 0 or a
	 * negative errno for the caller (-EACCES, usually). One of both is needed: else nobody
	 * could connect. Runs in a thread of the library, one at a time.
	 */
	int (*accept)(const struct xo_caller *caller, void *arg);
	/*
	 * Told of calls that ended badly, in some thread of ours. Over `exit` once for each, with
	 * the caller's VM. Over `vmfunc` no thread of ours was there: this is told afterwards, once
	 * for all such calls since the last time, with the last of them and `caller` "". Whose
	 * calls they were, `xo stat --json` on the host counts per connection.
	 */
	void (*fault)(const struct xo_fault *fault, const char *caller, void *arg);
	void *arg;
};

/*
 * Offer a service. `x`: an open handle, in a VM or on the host; it is not needed afterwards but for
 * the sentence of a failure. -EEXIST the name is taken there, -EINVAL something in `spec` is bad
 * (the sentence says what), -ENXIO `entry` is in no loaded object, and there are no regions,
 * -E2BIG, -EDQUOT too many pages or services, -ENOMEM; -EBADF `x` is NULL or not open.
 */
int xo_service_create(struct xo *x, const struct xo_service_spec *spec, struct xo_service **out);

/* End it: calls under way end with EHOSTDOWN at their callers, and no code of the service runs any
 * more when this returns. NULL is fine. Not from its own functions. */
void xo_service_destroy(struct xo_service *service);

struct xo_service_stat {
	uint64_t connections; /* now */
	uint64_t calls;	      /* over `exit` */
	uint64_t faults;      /* over `exit` */
	unsigned int reason;  /* XO_REASON_*: why `vmfunc` is not possible; 0: it is */
	struct xo_service_info vmfunc;
};

void xo_service_stat(struct xo_service *service, struct xo_service_stat *out);

/* ------------------------------------------------------------------ services: the caller
 *
 * A connection serves any number of threads, and signal handlers too: each call takes one of its
 * slots. xo_call(), xo_call_deadline() and xo_abandon() are async-signal-safe. A signal that comes
 * during a call is handled, and the call goes on.
 */
struct xo_conn;

struct xo_connect_opts {
	unsigned int slots;  /* calls at once, 1 to XO_GATE_SLOTS; 0: 4 */
	uint64_t timeout_ns; /* of each xo_call(), counted from its first interruption; 0: none */
};

/*
 * Connect to the service of that name in VM `vm`. `x`: as for xo_service_create(). `opts`: NULL for
 * the defaults. As xo_session_open() fails, and -ECONNREFUSED no such service is offered there,
 * -EACCES its owner refuses this VM.
 */
int xo_connect(struct xo *x, const char *vm, const char *service,
	       const struct xo_connect_opts *opts, struct xo_conn **out);

/* No thread may be in a call of it. NULL is fine. */
void xo_disconnect(struct xo_conn *conn);

/* The memory that service and caller share, XO_GATE_BUFFER_SIZE bytes, zero at first. Its address
 * is another on the other side. */
void *xo_buffer(const struct xo_conn *conn, size_t *size);

struct timespec; /* with strict C <time.h> does not say */

/* What gates and their like return: RAX and RDX. */
struct xo_answer {
	uint64_t value;
	uint64_t status; /* XO_GATE_* */
};
typedef struct xo_answer (*xo_entry)(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
				     uint64_t a4, uint64_t a5, struct xo_conn *conn);

/* The rest of a call that did not end at once: `entry` answered so. Not for programs. */
int xo_call_slow(struct xo_conn *conn, const uint64_t args[6], xo_entry entry,
		 struct xo_answer answer, uint64_t *value, const struct timespec *deadline);

/*
 * As xo_call(), but not longer than to `deadline` (CLOCK_MONOTONIC): -ETIMEDOUT. NULL: the default
 * of the connection.
 */
static inline int xo_call_deadline(struct xo_conn *conn, uint64_t a0, uint64_t a1, uint64_t a2,
				   uint64_t a3, uint64_t a4, uint64_t a5, uint64_t *value,
				   const struct timespec *deadline)
{
	/* A connection begins with where its calls go: into a gate, or to the library. */
	xo_entry entry = __atomic_load_n((xo_entry *)(void *)conn, __ATOMIC_RELAXED);
	struct xo_answer answer = entry(a0, a1, a2, a3, a4, a5, conn);

	if (__builtin_expect(answer.status != XO_GATE_OK, 0)) {
		const uint64_t args[6] = { a0, a1, a2, a3, a4, a5 };

		return xo_call_slow(conn, args, entry, answer, value, deadline);
	}
	*value = answer.value;
	return 0;
}

/*
 * Call the service; `value` is its result, untouched on failure:
 * -EFAULT	it ended badly: xo_conn_fault()
 * -ETIMEDOUT	the connection's timeout is over; the call is given up
 * -EBUSY	no slot is free: other threads, or interrupted calls of this one, have them all
 * -EINTR	could not begin or go on for interruptions, or somebody gave it up
 * -EHOSTDOWN	the service, its process, its VM, the link or the host module is gone
 * -ESTALE	the connection is of the process that this one was forked from
 * -EPROTO	the callee answers what no gate does
 */
static inline int xo_call(struct xo_conn *conn, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
			  uint64_t a4, uint64_t a5, uint64_t *value)
{
	return xo_call_deadline(conn, a0, a1, a2, a3, a4, a5, value, NULL);
}

/*
 * From a signal handler that will not return but longjmp() out of a call: gives up the calls that
 * this thread has under way on `conn`. The handler must then not return.
 */
void xo_abandon(struct xo_conn *conn);

/* 1 if a call ended badly since the connection was made: the last such is in `out`; else 0. */
int xo_conn_fault(const struct xo_conn *conn, struct xo_fault *out);

struct xo_conn_stat {
	uint64_t calls;	      /* over `vmfunc`, counted as they come home: an interrupted one
			       * comes home, and counts, each time that it is interrupted */
	uint64_t exit_calls;  /* over `exit` */
	uint64_t interrupted; /* how often calls were interrupted and went on */
	uint64_t retried;     /* how often one began anew: another slot, a revival, a restart */
	uint64_t faults;
	unsigned int engine; /* enum xo_engine of the next call */
	unsigned int reason; /* XO_REASON_*: why not `vmfunc`, if the link says vmfunc; else 0. An
			      * ended connection (its calls end with EHOSTDOWN) has none */
	unsigned int slots;
};

void xo_conn_stat(const struct xo_conn *conn, struct xo_conn_stat *out);

#ifdef __cplusplus
}
#endif

#endif
