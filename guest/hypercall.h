/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Hypercalls to crossover.ko (abi.h, part 1). They never sleep and may be made in any context, the
 * event interrupt included; the processor leaves for the host and comes back.
 */
#ifndef XO_HYPERCALL_H
#define XO_HYPERCALL_H

#include <linux/types.h>
#include <crossover/abi.h>

#define XO_HC_UNKNOWN (-1000L) /* what KVM says when nobody knows the hypercall */

/* VMCALL with RBX, RCX, RDX, RSI as given; rcx and rdx also come back. */
static inline long xo_vmcall(enum xo_hypercall op, u64 rbx, u64 *rcx, u64 *rdx, u64 rsi)
{
	u64 rax = XO_HC_BASE + op;

	asm volatile("vmcall" : "+a"(rax), "+c"(*rcx), "+d"(*rdx) : "b"(rbx), "S"(rsi) : "memory");
	return (long)rax;
}

static inline long xo_hc_hello(u64 destination, u64 *board, u64 *revision)
{
	*board = destination;
	*revision = 0;
	return xo_vmcall(XO_HC_HELLO, XO_ABI_REVISION, board, revision, 0);
}

static inline long xo_hc_vector(u64 destination)
{
	u64 rdx = 0;

	return xo_vmcall(XO_HC_VECTOR, 0, &destination, &rdx, 0);
}

static inline long xo_hc_bye(void)
{
	u64 rcx = 0, rdx = 0;

	return xo_vmcall(XO_HC_BYE, 0, &rcx, &rdx, 0);
}

static inline long xo_hc_call(u64 link, u64 slot, u64 seq)
{
	return xo_vmcall(XO_HC_CALL, link, &slot, &seq, 0);
}

static inline long xo_hc_return(u64 link, u64 slot, u64 seq, s64 status)
{
	return xo_vmcall(XO_HC_RETURN, link, &slot, &seq, (u64)status);
}

static inline long xo_hc_cancel(u64 link, u64 slot, u64 seq)
{
	return xo_vmcall(XO_HC_CANCEL, link, &slot, &seq, 0);
}

static inline long xo_hc_world_add(enum xo_world_kind kind, u64 pid, u64 *wid)
{
	u64 rdx = 0;

	*wid = pid;
	return xo_vmcall(XO_HC_WORLD_ADD, kind, wid, &rdx, 0);
}

static inline long xo_hc_world_del(u64 wid)
{
	u64 rcx = 0, rdx = 0;

	return xo_vmcall(XO_HC_WORLD_DEL, wid, &rcx, &rdx, 0);
}

/* The page is the host's until it has answered. */
static inline long xo_hc_request(u64 gpa)
{
	u64 rcx = 0, rdx = 0;

	return xo_vmcall(XO_HC_REQUEST, gpa, &rcx, &rdx, 0);
}

#endif
