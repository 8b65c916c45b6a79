// SPDX-License-Identifier: GPL-2.0
/*
 * A system call that XO_CANCEL_SIGNAL ends, whenever it comes. Looking at a flag before the call is
 * not enough: a signal between the look and the SYSCALL instruction would be lost, and the call
 * block for ever. So the handler looks where it interrupted: between the look and the instruction
 * it goes to the exit that says -EINTR (the way of musl's thread cancellation).
 */
#include "stub_impl.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <ucontext.h>

extern const char xo_stub_look[], xo_stub_made[], xo_stub_not_made[];
long xo_stub_trampoline(long nr, const __u64 *args, volatile int *cancelled);

/* RDI = number, RSI = six arguments, RDX = the flag, kept in RCX, which SYSCALL clobbers anyway. */
__asm__(".text\n"
	".globl xo_stub_trampoline, xo_stub_look, xo_stub_made, xo_stub_not_made\n"
	".type xo_stub_trampoline, @function\n"
	"xo_stub_trampoline:\n"
	"	mov	%rdi, %rax\n"
	"	mov	%rsi, %r11\n"
	"	mov	%rdx, %rcx\n"
	"	mov	(%r11), %rdi\n"
	"	mov	8(%r11), %rsi\n"
	"	mov	16(%r11), %rdx\n"
	"	mov	24(%r11), %r10\n"
	"	mov	32(%r11), %r8\n"
	"	mov	40(%r11), %r9\n"
	"xo_stub_look:\n"
	"	cmpl	$0, (%rcx)\n"
	"	jne	xo_stub_not_made\n"
	"	syscall\n"
	"xo_stub_made:\n"
	"	ret\n"
	"xo_stub_not_made:\n"
	"	mov	$-4, %rax\n" /* -EINTR */
	"	ret\n"
	".size xo_stub_trampoline, . - xo_stub_trampoline\n");

static __thread volatile int cancelled;

static void on_cancel(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	uintptr_t rip = uc->uc_mcontext.gregs[REG_RIP];

	cancelled = 1;
	if (rip >= (uintptr_t)xo_stub_look && rip < (uintptr_t)xo_stub_made)
		uc->uc_mcontext.gregs[REG_RIP] = (uintptr_t)xo_stub_not_made;
}

int xo_stub_catch_cancel(void)
{
	struct sigaction sa = { .sa_sigaction = on_cancel, .sa_flags = SA_SIGINFO };

	return sigaction(XO_CANCEL_SIGNAL, &sa, NULL) ? -errno : 0;
}

void xo_stub_uncancel(void)
{
	cancelled = 0;
}

long xo_stub_syscall(long nr, const __u64 args[XO_SYSCALL_ARGS])
{
	return xo_stub_trampoline(nr, args, &cancelled);
}
