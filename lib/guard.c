// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A service's code in a thread of ours, so that whatever it does ends as on `vmfunc`: a fault by
 * its signal, a system call by SIGSYS (Syscall User Dispatch: while `selector` says so, the kernel
 * sends that signal instead of making the call).
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include "service.h"

#ifndef PR_SET_SYSCALL_USER_DISPATCH
#define PR_SET_SYSCALL_USER_DISPATCH  59
#define PR_SYS_DISPATCH_OFF	      0
#define PR_SYS_DISPATCH_ON	      1
#define SYSCALL_DISPATCH_FILTER_ALLOW 0
#define SYSCALL_DISPATCH_FILTER_BLOCK 1
#endif

#define STACK_SIZE 0x4000

struct guard {
	sigjmp_buf back;
	volatile sig_atomic_t inside; /* the service runs */
	volatile char selector;
	const bool *stop;
	const struct xo_guarded *job;
	struct xo_fault fault;
	stack_t stack;
};

static __thread struct guard *guard __attribute__((tls_model("initial-exec")));

static const int signals[] = { SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGSYS };
#define SIGNALS (sizeof(signals) / sizeof(*signals))
static struct sigaction before[SIGNALS];

static unsigned int kind_of(int sig, const siginfo_t *info)
{
	switch (sig) {
	case SIGSEGV:
		return info->si_code > 0 && info->si_code != SI_KERNEL ? XO_GATE_FAULT_MEMORY
								       : XO_GATE_FAULT_EXCEPTION;
	case SIGBUS:
		return XO_GATE_FAULT_MEMORY;
	case SIGSYS:
		return XO_GATE_FAULT_SYSCALL;
	case SIGFPE:
		return XO_GATE_FAULT_EXCEPTION;
	default:
		return XO_GATE_FAULT_OPCODE;
	}
}

/* Not of a service: as if we had never been here. */
static void pass_on(int sig, siginfo_t *info, void *context)
{
	struct sigaction *old = NULL;

	for (size_t i = 0; i < SIGNALS; i++)
		if (signals[i] == sig)
			old = &before[i];
	if (!old)
		return;
	if (old->sa_flags & SA_SIGINFO) {
		old->sa_sigaction(sig, info, context);
	} else if (old->sa_handler == SIG_DFL) {
		sigaction(sig, old, NULL);
		/* A fault comes again by itself; what was sent does not. */
		if (info->si_code <= 0)
			raise(sig);
	} else if (old->sa_handler != SIG_IGN) {
		old->sa_handler(sig);
	}
}

/* By xo_guard_interrupt(), or by the module when a call is given up; and not by a fault. */
static bool is_sent(int sig, const siginfo_t *info)
{
	return info->si_code <= 0 || (sig == SIGSYS && info->si_code == SI_KERNEL);
}

/* The signal may be late, and about a call before this one. */
static bool is_for_nobody(struct guard *g)
{
	return __atomic_load_n(g->stop, __ATOMIC_ACQUIRE) ||
	       ioctl(g->job->fd, XO_G_CANCELLED, &g->job->call) == 1;
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	const ucontext_t *uc = context;
	struct guard *g = guard;
	char selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	bool sent = is_sent(sig, info);
	int saved = errno;

	if (g) {
		selector = g->selector;
		g->selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	}
	if (g && g->inside && (!sent || is_for_nobody(g))) {
		g->fault.kind = sent ? 0 : kind_of(sig, info);
		g->fault.rip = (uint64_t)uc->uc_mcontext.gregs[REG_RIP];
		if (sig == SIGSYS && !sent)
			g->fault.rip -= 2; /* it is behind the SYSCALL */
		g->inside = 0;
		siglongjmp(g->back, 1);
	}
	/* To a thread of ours that waits: its ioctl has ended by this. */
	if (!(g && sent && sig == SIGSYS))
		pass_on(sig, info, context);
	errno = saved;
	if (g)
		g->selector = selector; /* the way back may make its system call, see once() */
}

static int once_error;
static uintptr_t restorer; /* the C library's way back from a handler, by rt_sigreturn() */

#define RESTORER_SIZE 16 /* at most; it is two instructions */

/* As the kernel has it; the C library keeps it from its callers. */
static void find_restorer(void)
{
	struct {
		void *handler;
		unsigned long flags;
		uintptr_t restorer;
		unsigned long mask;
	} sa = { 0 };

	if (syscall(SYS_rt_sigaction, SIGSYS, NULL, &sa, sizeof(sa.mask)))
		once_error = -errno;
	restorer = sa.restorer;
}

static void once(void)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK };

	sigemptyset(&sa.sa_mask);
	for (size_t i = 0; i < SIGNALS; i++)
		if (sigaction(signals[i], &sa, &before[i]))
			once_error = -errno;
	find_restorer();
}

int xo_guard_init(void)
{
	static pthread_once_t control = PTHREAD_ONCE_INIT;

	pthread_once(&control, once);
	return once_error;
}

/* All but what the service can raise: signals of the program are for its own threads. */
static void block_others(void)
{
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < SIGNALS; i++)
		sigdelset(&set, signals[i]);
	pthread_sigmask(SIG_SETMASK, &set, NULL);
}

int xo_guard_thread(bool *stop)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->stop = stop;
	g->stack.ss_size = STACK_SIZE;
	g->stack.ss_sp = malloc(STACK_SIZE);
	if (!g->stack.ss_sp || sigaltstack(&g->stack, NULL) ||
	    prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, restorer, RESTORER_SIZE,
		  &g->selector)) {
		int err = g->stack.ss_sp ? -errno : -ENOMEM;

		free(g->stack.ss_sp);
		free(g);
		return err;
	}
	guard = g;
	block_others();
	return 0;
}

void xo_guard_thread_end(void)
{
	const stack_t off = { .ss_flags = SS_DISABLE };
	struct guard *g = guard;

	if (!g)
		return;
	prctl(PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_OFF, 0, 0, 0);
	guard = NULL;
	sigaltstack(&off, NULL);
	free(g->stack.ss_sp);
	free(g);
}

void xo_guard_interrupt(pthread_t t)
{
	pthread_kill(t, SIGSYS);
}

/* Control words as at first, and not as the call before left them: so it is on `vmfunc`. */
static void fresh_control(void)
{
	static const uint32_t mxcsr = 0x1f80;

	__asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
}

bool xo_guard_call(const struct xo_guarded *job, uint64_t *value, struct xo_fault *fault)
{
	const uint64_t *a = job->args;
	struct guard *g = guard;
	uint64_t v;

	/* The mask is not saved, which would be a system call for each call; see below. */
	if (sigsetjmp(g->back, 0)) {
		g = guard;
		block_others();
		*fault = g->fault;
		return false;
	}
	fresh_control();
	g->job = job;
	g->inside = 1;
	g->selector = SYSCALL_DISPATCH_FILTER_BLOCK;
	v = job->entry(a[0], a[1], a[2], a[3], a[4], a[5], job->visit);
	g->selector = SYSCALL_DISPATCH_FILTER_ALLOW;
	g->inside = 0;
	*value = v;
	return true;
}
