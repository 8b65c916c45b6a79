/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of the hostile guest kernel share. */
#ifndef XO_HOSTILE_H
#define XO_HOSTILE_H

#include <crossover/abi.h>
#include <crossover/gate.h>
#include <linux/types.h>

struct answer {
	long rax;
	u64 rcx;
	u64 rdx;
};

static inline struct answer hypercall(u64 op, u64 rbx, u64 rcx, u64 rdx, u64 rsi)
{
	struct answer a = { .rax = (long)(XO_HC_BASE + op), .rcx = rcx, .rdx = rdx };

	asm volatile("vmcall"
		     : "+a"(a.rax), "+c"(a.rcx), "+d"(a.rdx)
		     : "b"(rbx), "S"(rsi)
		     : "memory");
	return a;
}

/* requests.c: 0, or no memory. `link` is one of this VM's. */
int hostile_requests(u64 link); /* malformed, forged, random; leaves nothing behind */
int hostile_owner(u64 link);	/* to every quota, and leaves everything behind */
int hostile_caller(u64 link);	/* to what was granted there; likewise */
int hostile_quit(void);		/* asks, and resets this VM at once */

#endif
