// SPDX-License-Identifier: GPL-2.0
/*
 * A second visitor of a slot in which a call is under way, who means to come to grief at every
 * instruction of the runtime that it gets to, by a breakpoint of its own: any process may set one
 * there, since the address is a user's. If the host then took the slot for free, a third call would
 * run on the first one's stack, with the service's return addresses in it. A vCPU with breakpoints
 * is not let away at all; but who knows what else could stop somebody there.
 */
#include "attack.h"
#include <linux/hw_breakpoint.h>
#include <unistd.h>
#include "gate_blob.h"

#define STEPS 20000000 /* of the call under way: some ticks of the host */

static struct target target;
static uint8_t *slot;

static void claim(uint64_t whose)
{
	*(volatile uint64_t *)(slot + XO_GATE_SAVE + XO_SAVE_FS) = whose;
}

static uint64_t this_thread(void)
{
	return (uint64_t)__builtin_thread_pointer();
}

/* The statuses that second visitors got. */
static uint64_t refused, busy, faults, other;

static void visit_with_breakpoint(uint64_t at)
{
	int fd = breakpoint(HW_BREAKPOINT_X, (uint64_t)slot + XO_GATE_RT + at);
	struct answer a;

	if (fd < 0)
		die("no breakpoint at runtime + 0x%lx", at);
	claim(0); /* as a caller that cheats itself does */
	a = gate_call(slot, OP_SUM, 20, 1, 0);
	if (a.status == XO_GATE_REVOKED)
		refused++;
	else if (a.status == XO_GATE_BUSY)
		busy++;
	else if (a.status == XO_GATE_FAULT && a.value >> 56 == XO_GATE_FAULT_GATE)
		faults++;
	else if (other++ < 3)
		printf("  breakpoint at runtime + 0x%lx: status %ld\n", at, (long)a.status);
	close(fd);
}

/* The vCPU may be let away again when its kernel has given up the breakpoint registers. */
static struct answer visit_without(void)
{
	struct answer a;
	int tries = 0;

	do {
		claim(0);
		a = gate_call(slot, OP_SUM, 20, 1, 0);
		usleep(10000);
	} while (a.status == XO_GATE_REVOKED && tries++ < 100);
	return a;
}

/* A call that an interruption has brought home half-way. */
static void begin_call(void)
{
	struct answer a;

	claim(0);
	do {
		a = gate_call(slot, OP_SPIN, 7, STEPS, 0);
		claim(0);
	} while (a.status == XO_GATE_AGAIN);
	if (a.status != XO_GATE_INTR)
		die("a call of %d steps was not interrupted: status %ld", STEPS, (long)a.status);
}

static struct answer end_call(void)
{
	struct answer a;

	do {
		claim(this_thread());
		a = gate_resume(slot);
	} while (a.status == XO_GATE_INTR);
	claim(0);
	return a;
}

int attack_second(int argc, char **argv)
{
	const struct xo_rt_labels *l = &xo_rt_labels[0];
	struct answer a;
	uint64_t at;

	target_open(&target, "attack-gpr", 1, true);
	slot = window(&target, 0);
	begin_call();
	for (at = l->enter; at < l->own; at++)
		visit_with_breakpoint(at);
	for (at = l->slow; at < l->load; at++)
		visit_with_breakpoint(at);
	for (at = l->busy; at < l->nores; at++)
		visit_with_breakpoint(at);
	for (at = XO_L_gate_svc; at < XO_L_gate_out; at++)
		visit_with_breakpoint(at - XO_GATE_RT);
	a = visit_without();
	check(a.status == XO_GATE_BUSY, "a second visitor finds the slot busy: status %ld",
	      (long)a.status);
	printf("with a breakpoint: %lu not let away, %lu found it busy, %lu stopped\n", refused,
	       busy, faults);
	check(!other && refused + busy + faults, "each was told so");
	a = end_call();
	check(a.status == XO_GATE_OK && a.value == spin(7, STEPS),
	      "the call under way ends right: status %ld", (long)a.status);
	target_close(&target);
	return end_status();
}
