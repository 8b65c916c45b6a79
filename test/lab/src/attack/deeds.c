// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile service: whatever it does ends that call, with one of the caller's defined errors, and
 * nothing else. It reads and writes where it may not, leaves by its gate's bytes with registers of
 * its choice, forges statuses and its own save area, and never returns.
 */
#include "attack.h"
#include <errno.h>
#include <string.h>
#include "gate_blob.h"

#define K(kind)	    (1U << (kind))
#define MEMORY	    K(XO_GATE_FAULT_MEMORY)
#define EXCEPT	    K(XO_GATE_FAULT_EXCEPTION)
#define OPCODE	    K(XO_GATE_FAULT_OPCODE)
#define SYSTEM	    K(XO_GATE_FAULT_SYSCALL)
#define EXITS	    K(XO_GATE_FAULT_EXIT)

#define DEADLINE_MS 300

static struct target target, second;
static unsigned int busy_resets;
static unsigned int genuine; /* faults that the service itself made, in its own code */
static uint32_t step = 1;

static bool defined(int err)
{
	static const int errors[] = { 0, -EFAULT, -ETIMEDOUT, -EBUSY, -EINTR, -EHOSTDOWN, -EPROTO };
	size_t i;

	for (i = 0; i < COUNT(errors); i++)
		if (err == errors[i])
			return true;
	return false;
}

/* Right, at once or after the slots that the service spoilt are forgotten. */
static bool plain(struct target *t)
{
	uint64_t v = 0;
	unsigned int i;
	int err = target_call(t, OP_SUM, 20, 1, 0, &v);

	if (err == -EBUSY) {
		busy_resets++;
		for (i = 0; i < t->slots; i++)
			target_reset(t, i);
		err = target_call(t, OP_SUM, 20, 1, 0, &v);
	}
	if (err)
		printf("  a plain call: %s\n", strerror(-err));
	return !err && v == 42;
}

/* ------------------------------------------------------------------ what no service may do */

static void deeds(void)
{
	static const struct {
		const char *name;
		unsigned int kinds;
	} deed[DEEDS] = {
		[DEED_SYSCALL] = { "SYSCALL", SYSTEM },
		[DEED_SYSENTER] = { "SYSENTER", SYSTEM | EXCEPT },
		[DEED_INT80] = { "INT 0x80", EXCEPT },
		[DEED_CPUID] = { "CPUID", EXITS },
		[DEED_VMCALL] = { "VMCALL", EXITS },
		[DEED_HLT] = { "HLT", EXCEPT },
		[DEED_UD2] = { "UD2", OPCODE },
		[DEED_INT3] = { "INT3", OPCODE | EXCEPT },
		[DEED_DIVIDE] = { "division by zero", EXCEPT },
		[DEED_PORT] = { "OUT", EXCEPT | EXITS },
		[DEED_CR3] = { "MOV from CR3", EXCEPT },
		[DEED_LIDT] = { "LIDT", EXCEPT | EXITS },
		[DEED_SINGLE_STEP] = { "single step", OPCODE },
		[DEED_ALIGNMENT] = { "alignment check", OPCODE },
		[DEED_WRITE_TEXT] = { "write to its text", EXCEPT | MEMORY },
		[DEED_RUN_DATA] = { "run its data", EXCEPT | MEMORY },
		[DEED_RUN_STACK] = { "run its stack", EXCEPT | MEMORY },
		[DEED_RECURSE] = { "endless recursion", EXCEPT | MEMORY },
		[DEED_NONCANONICAL] = { "address not canonical", EXCEPT },
		[DEED_COMPAT] = { "far jump to 32-bit code", EXCEPT },
	};
	unsigned int i;

	for (i = 0; i < DEEDS; i++) {
		uint64_t v, rip = 0;
		int err = target_call_for(&target, OP_DO, i, 0, &v, 5000);
		unsigned int kind = target_fault(&target, &rip);
		bool after = plain(&target);

		genuine += err == -EFAULT;
		/* Nobody knows where a SYSENTER was. */
		check(err == -EFAULT && (K(kind) & deed[i].kinds) && (rip || i == DEED_SYSENTER) &&
			      after,
		      "a service's %s: error %d, kind %u at %#lx, then a plain call", deed[i].name,
		      err, kind, rip);
	}
}

/* ------------------------------------------------------------------ where it may not look */

static void look(const char *what, const void *where, bool writes)
{
	uint64_t v;
	int err = target_call_for(&target, writes ? OP_WRITE : OP_READ, (uint64_t)where, 0x41, &v,
				  5000);
	unsigned int kind = target_fault(&target, NULL);

	genuine += err == -EFAULT;
	check(err == -EFAULT && (K(kind) & (MEMORY | EXCEPT)) && plain(&target),
	      "a service that %s %s: error %d, kind %u", writes ? "writes" : "reads", what, err,
	      kind);
}

static void looks(void)
{
	static const struct {
		const char *name;
		uint32_t offset;
		bool reads, writes;
	} page[] = {
		{ "gate text", XO_GATE_TEXT, true, true },
		{ "its visit page", XO_GATE_CONST, false, true },
		{ "the EPTP list", XO_GATE_LIST, true, true },
		{ "the vCPU's constants", XO_GATE_VCPU, true, true },
		{ "the caller's save page", XO_GATE_SAVE, true, true },
		{ "the runtime", XO_GATE_RT, true, true },
		{ "its stack's guard", XO_GATE_STACK_TOP - (XO_GATE_STACK_PAGES + 1) * 4096, true,
		  true },
	};
	uint64_t on_stack = 0x5ec2e7, *heap = malloc(64);
	static const char *const other[] = { "another slot's", "another connection's" };
	uint8_t *window_of[] = { window(&target, target.slots - 1), window(&second, 0) };
	size_t i, k;

	*heap = on_stack;
	for (i = 0; i < COUNT(page); i++) {
		if (page[i].reads)
			look(page[i].name, window(&target, 0) + page[i].offset, false);
		if (page[i].writes)
			look(page[i].name, window(&target, 0) + page[i].offset, true);
	}
	/* The library takes the lowest slot that is free: the service runs in slot 0. */
	for (i = 0; i < COUNT(window_of); i++)
		for (k = 0; k < XO_GATE_SLOT_SIZE / 4096; k += k < 8 ? 1 : 8) {
			char name[64];

			snprintf(name, sizeof(name), "%s page %zu", other[i], k);
			look(name, window_of[i] + k * 4096, false);
		}
	look("another connection's buffer", second.base + XO_GATE_BUFFER, false);
	look("another connection's buffer", second.base + XO_GATE_BUFFER, true);
	look("its caller's stack", &on_stack, false);
	look("its caller's stack", &on_stack, true);
	look("its caller's heap", heap, false);
	look("the upper half", (void *)0xffffffff81000000, false);
	look("what is behind the buffer", target.base + XO_GATE_BUFFER + XO_GATE_BUFFER_SIZE, true);
	check(on_stack == 0x5ec2e7 && *heap == 0x5ec2e7, "the caller's memory is as it was");
	free(heap);
}

/* ------------------------------------------------------------------ forged ways out */

/* To that offset of its slot's window. */
static int jump_out(uint64_t rip, const struct regs *regs, uint64_t *value)
{
	struct regs *r = target_buffer(&target);

	*r = *regs;
	r->rip = rip;
	r->flags = regs->flags ? regs->flags : 0x202;
	return target_call_for(&target, OP_JUMP, 0, 0, value, DEADLINE_MS);
}

struct ways {
	unsigned int tries, wrong, undefined, by[8];
};

static void way(struct ways *w, int err, const char *what, uint64_t n)
{
	static const int errors[] = { 0, EFAULT, ETIMEDOUT, EBUSY, EINTR, EHOSTDOWN, EPROTO };
	size_t i;

	w->tries++;
	for (i = 0; i < COUNT(errors) && errors[i] != -err; i++)
		;
	w->by[i]++;
	if (!defined(err)) {
		w->undefined++;
		printf("  %s %#lx: error %d is none of xo_call()'s\n", what, n, err);
	}
	if (!plain(&target)) {
		if (w->wrong++ < 5)
			printf("  %s %#lx: error %d, and no plain call after it\n", what, n, err);
	}
}

static void ways_end(const struct ways *w, const char *what)
{
	printf("%s: tries %u: answered %u, EFAULT %u, ETIMEDOUT %u, EBUSY %u, EINTR %u, EHOSTDOWN "
	       "%u, "
	       "EPROTO %u, other %u; no plain call after it %u\n",
	       what, w->tries, w->by[0], w->by[1], w->by[2], w->by[3], w->by[4], w->by[5], w->by[6],
	       w->by[7], w->wrong);
	check(!w->undefined && !w->wrong, "%s; calls go over %s", what, target_engine(&target));
}

/* Statuses that it has not earned, by its gate's way out; the slot is not freed. */
static void forged_statuses(void)
{
	static const uint64_t more[] = { 255, 0xffffffff, 1UL << 32, 1UL << 63, ~0UL };
	struct ways w = { 0 };
	uint64_t i, v;

	for (i = 0; i < 10 + COUNT(more); i++) {
		struct regs r = { .r[RSI] = i < 10 ? i : more[i - 10], .r[RDX] = 0xbad };

		way(&w, jump_out(XO_L_gate_leave, &r, &v), "status", r.r[RSI]);
	}
	ways_end(&w, "statuses forged by a service");
}

/* Into each byte of its own gate's text and of the runtime, with what VMFUNC 1 wants. */
static void every_byte(uint32_t from, uint32_t to, const char *what)
{
	static const struct regs sets[] = {
		{ .r[RAX] = 0, .r[RCX] = 1, .r[RDX] = 0xbad },
		{ .r[RAX] = 0, .r[RCX] = 2, .r[RDX] = 0xbad, .r[RSI] = XO_GATE_INTR, .r[RBX] = 1 },
	};
	struct ways w = { 0 };
	uint64_t v;
	uint32_t k;

	for (k = from; k < to; k += step) {
		struct regs r = sets[k / step % COUNT(sets)];

		way(&w, jump_out(k, &r, &v), what, k);
	}
	ways_end(&w, what);
}

/* Its save area is its own: it frees its slot too early, resumes what never was, and so on. */
static void forged_saves(void)
{
	static const uint64_t rip[] = { 0, 0x1000, 1UL << 63, XO_GATE_BASE,
					XO_GATE_BASE + XO_GATE_RT };
	static const uint64_t busy[] = { 0, 1, 0xffffffff, 1UL << 47, ~0UL };
	struct ways w = { 0 };
	uint64_t i, k, v;

	for (i = 0; i < COUNT(busy); i++)
		for (k = 0; k < COUNT(rip); k++) {
			struct regs r = { .r[RSI] = XO_GATE_INTR };

			way(&w, target_call(&target, OP_SSA, busy[i], k & 1, rip[k], &v),
			    "save area", i << 8 | k);
			/* and says that it was interrupted: the library resumes it */
			target_call(&target, OP_SSA, busy[i], 1, rip[k], &v);
			way(&w, jump_out(XO_L_gate_leave, &r, &v), "save area, INTR", i << 8 | k);
		}
	ways_end(&w, "save areas forged by a service");
}

/* Returns a second time: by the other slot's stack, which is not there, and to behind its call. */
static void twice(void)
{
	struct regs r = { .r[RAX] = 7 };
	struct ways w = { 0 };
	uint64_t v;

	r.r[RSP] = XO_GATE_SLOT_SIZE + XO_GATE_STACK_TOP - 24;
	way(&w, jump_out(XO_GATE_RT + xo_rt_labels[1].call, &r, &v), "other slot's stack", 0);
	r.r[RSP] = 0;
	way(&w, jump_out(XO_GATE_RT + xo_rt_labels[1].call, &r, &v), "called again", 0);
	way(&w, jump_out(XO_GATE_RT + xo_rt_labels[1].free, &r, &v), "not freed", 0);
	way(&w, jump_out(XO_GATE_RT, &r, &v), "entered again", 0);
	way(&w, jump_out(XO_GATE_RT + xo_rt_labels[1].load, &r, &v), "resumes itself", 0);
	ways_end(&w, "a service that returns twice");
}

static void never(void)
{
	struct ways w = { 0 };
	uint64_t v, i;

	for (i = 0; i < 6; i++) {
		int err = target_call_for(&target, OP_FOREVER, 0, 0, &v, 100);

		check(err == -ETIMEDOUT, "a service that never returns, %lu: error %d", i, err);
		way(&w, err, "never", i);
	}
	ways_end(&w, "a service that never returns");
}

static void forged(void)
{
	forged_statuses();
	every_byte(0, XO_L_gate_end, "gate text's bytes, by a service");
	every_byte(XO_GATE_RT, XO_GATE_RT + xo_rt_labels[1].end, "runtime's bytes, by a service");
	forged_saves();
	twice();
	never();
}

/* xo_attack deeds SERVICE genuine|forged [STEP]: of the gate's bytes every STEPth */
int attack_deeds(int argc, char **argv)
{
	if (argc < 3)
		die("usage: xo_attack deeds SERVICE genuine|forged [STEP]");
	if (argc > 3)
		step = (uint32_t)strtoul(argv[3], NULL, 0);
	target_open(&target, argv[1], 2, true);
	target_open(&second, argv[1], 2, true);
	check(plain(&target) && plain(&second), "plain calls of two connections");
	if (!strcmp(argv[2], "genuine")) {
		deeds();
		looks();
	} else {
		forged();
	}
	check(plain(&second), "the other connection works");
	printf("faults %u\n", genuine);
	printf("connections with all slots spoilt, and reset: %u\n", busy_resets);
	target_close(&second);
	target_close(&target);
	return end_status();
}
