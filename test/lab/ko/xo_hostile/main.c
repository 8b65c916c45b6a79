// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest kernel, for the lab only: throws malformed and excessive hypercalls at the host
 * and says in the kernel log how each kind was answered. It must never harm host or other VMs.
 */
#include <linux/module.h>
#include <linux/random.h>
#include "hostile.h"

static ulong link;
module_param(link, ulong, 0444);
MODULE_PARM_DESC(link, "id of a link of this VM, for requests");
static bool callee;
module_param(callee, bool, 0444);
MODULE_PARM_DESC(callee, "this VM is the link's callee: offer, grant, and leave it all behind");
static bool caller;
module_param(caller, bool, 0444);
MODULE_PARM_DESC(caller, "this VM is the link's caller, and its callee granted: attach");
static bool quit;
module_param(quit, bool, 0444);
MODULE_PARM_DESC(quit, "ask for something, and reset this VM before it can be answered");

/* Registers worlds until the host refuses; tells how many it got, then gives them back. */
static void worlds_until_refused(void)
{
	static u64 wid[4096];
	struct answer a = {};
	unsigned int n, freed = 0, reused = 0;
	u64 last = 0;

	for (n = 0; n < ARRAY_SIZE(wid); n++) {
		a = hypercall(XO_HC_WORLD_ADD, XO_WORLD_STUB, n, 0, 0);
		if (a.rax)
			break;
		wid[n] = a.rcx;
		reused += a.rcx <= last;
		last = a.rcx;
	}
	pr_info("xo_hostile: worlds %u then %ld reused %u\n", n, a.rax, reused);
	while (n--)
		freed += !hypercall(XO_HC_WORLD_DEL, wid[n], 0, 0, 0).rax;
	a = hypercall(XO_HC_WORLD_DEL, last, 0, 0, 0);
	pr_info("xo_hostile: freed %u, twice %ld\n", freed, a.rax);
	a = hypercall(XO_HC_WORLD_ADD, XO_WORLD_STUB, 0, 0, 0);
	pr_info("xo_hostile: new wid %s\n", a.rax || a.rcx <= last ? "REUSED" : "fresh");
	if (!a.rax)
		hypercall(XO_HC_WORLD_DEL, a.rcx, 0, 0, 0);
}

/* Calls, returns and cancels on links, slots and sequence numbers that are not ours. */
static void forged_calls(unsigned long rounds)
{
	static const u64 odd[] = {
		0,	    1,		2,	    63,		64,	    65,
		0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32, 1ULL << 63, ~0ULL
	};
	unsigned long i, accepted = 0;

	for (i = 0; i < rounds; i++) {
		u64 op = XO_HC_CALL + get_random_u32() % 3;
		u64 link =
			i & 1 ? odd[get_random_u32() % ARRAY_SIZE(odd)] + 1000 : get_random_u64();
		u64 slot = odd[get_random_u32() % ARRAY_SIZE(odd)];

		accepted += !hypercall(op, link, slot, get_random_u64(), get_random_u64()).rax;
	}
	pr_info("xo_hostile: forged calls %lu accepted %lu\n", rounds, accepted);
}

/* Operations that do not exist, and HELLO and VECTOR with nonsense. */
static void malformed(void)
{
	unsigned int op, accepted = 0;

	for (op = XO_HC_EVICT + 1; op < 4096; op++)
		accepted += !hypercall(op, op, op, op, op).rax;
	accepted += !hypercall(0, 0, 0, 0, 0).rax;
	pr_info("xo_hostile: unknown operations accepted %u\n", accepted);
	pr_info("xo_hostile: old hello %ld\n",
		hypercall(XO_HC_HELLO, XO_ABI_REVISION + 1, 0x40, 0, 0).rax);
	pr_info("xo_hostile: exception vector %ld\n", hypercall(XO_HC_VECTOR, 0, 8, 0, 0).rax);
	pr_info("xo_hostile: absent processor %ld\n",
		hypercall(XO_HC_VECTOR, 0, 0x40 | 0xfffffffeULL << 32, 0, 0).rax);
}

/* Stubs that are not ours, or nobody's, parked and visited; and a visitor's own hypercall, which is
 * to do nothing at home. */
static void forged_visits(unsigned long rounds)
{
	unsigned long i, accepted = 0, odd = 0;

	for (i = 0; i < rounds; i++) {
		u64 record = i & 1 ? get_random_u64() : get_random_u32() % 4096;

		accepted += !hypercall(XO_HC_PARK, record, get_random_u64(), get_random_u64(),
				       get_random_u32() % 64)
				     .rax;
		accepted += !hypercall(XO_HC_BIND, record, 0, 0, 0).rax;
		odd += hypercall(XO_HC_EVICT, record, get_random_u64(), 0, 0).rax != 0;
	}
	pr_info("xo_hostile: forged visits %lu accepted %lu evictions odd %lu\n", rounds, accepted,
		odd);
}

static int __init hostile_init(void)
{
	if (quit)
		return hostile_quit();
	if (callee)
		return hostile_owner(link);
	if (caller)
		return hostile_caller(link);
	malformed();
	worlds_until_refused();
	forged_calls(20000);
	forged_visits(2000);
	return hostile_requests(link);
}

static void __exit hostile_exit(void)
{
}

module_init(hostile_init);
module_exit(hostile_exit);
MODULE_DESCRIPTION("CrossOver test: a hostile guest kernel");
MODULE_LICENSE("GPL");
