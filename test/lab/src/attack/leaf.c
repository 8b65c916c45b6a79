// SPDX-License-Identifier: GPL-2.0
/*
 * VMFUNC by anybody, from ordinary text: every leaf and index must end as if there were no such
 * instruction (SIGILL), but for index 0, which is where it is already.
 */
#include "attack.h"
#include <signal.h>
#include <string.h>

static uint64_t where; /* RIP of the last SIGILL must be the VMFUNC itself */

void leaf_behind(void);
asm(".text; .globl leaf_vmfunc, leaf_behind\n"
    "leaf_vmfunc: .byte 0x0f, 0x01, 0xd4\n"
    "leaf_behind: mov $0x77, %edx; jmp enter_landed\n");

static void one(struct tally *t, uint64_t leaf, uint64_t index)
{
	struct regs in = { .r[RAX] = leaf, .r[RCX] = index, .flags = 0x202 };
	struct try out;
	bool harmless = (uint32_t)leaf == 0 && (uint32_t)index == 0;

	in.r[RSP] = try_frame();
	in.rip = (uint64_t)leaf_vmfunc;
	try_run(&in, &out);
	tally_add(t, &in, &out);
	where = out.out.rip;
	if (out.signal == SIGILL ? where != (uint64_t)leaf_vmfunc : !harmless || out.signal) {
		t->wrong++;
		printf("leaf %#lx index %#lx: signal %d, RIP %#lx\n", leaf, index, out.signal,
		       out.out.rip);
	}
}

static void all(const char *who)
{
	static const uint64_t odd[] = { 512, 513, 4095, 1UL << 31, (1UL << 32) - 1 };
	static const uint64_t leaves[] = { 1, 2, 3, 63, 64, 1UL << 31, (1UL << 32) - 1 };
	static const uint64_t indices[] = { 0, 1, 2, 3, 511, 512, 1UL << 31 };
	struct tally t = { .name = who };
	size_t i, k;

	for (i = 0; i < 512; i++)
		one(&t, 0, i);
	for (i = 0; i < COUNT(odd); i++)
		one(&t, 0, odd[i]);
	for (i = 0; i < COUNT(leaves); i++)
		for (k = 0; k < COUNT(indices); k++)
			one(&t, leaves[i], indices[k]);
	/* upper halves count for nothing */
	one(&t, 0xdeadbeefUL << 32, 0xdeadbeefUL << 32 | 1);
	one(&t, 1UL << 63, 1UL << 63 | 2);
	check(tally_print(&t), "VMFUNC of every leaf and index, %s", who);
}

int attack_leaf(int argc, char **argv)
{
	struct target t;
	uint64_t v;

	try_init();
	all("not connected");
	if (argc > 1) /* in a VM without the module */
		return end_status();
	target_open(&t, "attack", 2, true);
	all("connected");
	check(!target_call(&t, OP_SUM, 20, 1, 0, &v) && v == 42, "a plain call after that");
	target_close(&t);
	all("connected once");
	return end_status();
}

/* The same by a service: harmless, or the end of that call. */
int attack_service_leaves(int argc, char **argv)
{
	static const uint64_t leaves[] = { 0, 1, 2, 3, 63, 64, 1UL << 31 };
	static const uint64_t odd[] = { 512, 1UL << 31, (1UL << 32) - 1 };
	uint64_t tries = 0, harmless = 0, faults = 0, other = 0, again = 0, i, k, v;
	struct target t;

	target_open(&t, argc > 1 ? argv[1] : "attack", 2, true);
	for (k = 0; k < COUNT(leaves); k++)
		for (i = 0; i < 512 + COUNT(odd); i += leaves[k] ? 61 : 1) {
			int err = target_call(&t, OP_VMFUNC, leaves[k], i < 512 ? i : odd[i - 512],
					      0, &v);

			tries++;
			if (!err && !leaves[k] && i == 2)
				harmless++; /* where it is already */
			else if (err == -14)
				faults++;
			else if (other++ < 5)
				printf("leaf %#lx index %#lx: error %d\n", leaves[k], i, err);
			if (target_call(&t, OP_SUM, 20, 1, 0, &v) || v != 42)
				again++;
		}
	printf("a service's VMFUNC: tries %lu: harmless %lu, EFAULT %lu, other %lu; plain calls "
	       "wrong "
	       "after it %lu\n",
	       tries, harmless, faults, other, again);
	check(!other && !again && harmless <= 1 && tries == harmless + faults,
	      "VMFUNC by a service ends that call alone");
	target_close(&t);
	return end_status();
}
