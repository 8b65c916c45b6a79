// SPDX-License-Identifier: GPL-2.0
/* xo_caller: services that end badly, and owners that end at all. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"

static const char *const bad_name[BAD_COUNT] = {
	[BAD_READ] = "read of nothing",
	[BAD_WRITE] = "write to text",
	[BAD_DIVIDE] = "division by zero",
	[BAD_ADDRESS] = "not canonical",
	[BAD_OPCODE] = "UD2",
	[BAD_SYSCALL] = "SYSCALL",
	[BAD_CPUID] = "CPUID",
	[BAD_VMCALL] = "VMCALL",
	[BAD_GATE] = "read of gate text",
};

/* What each ends as over vmfunc: no IDT away, so that most are exceptions; the EPT forbids. */
static const unsigned int away_kind[BAD_COUNT] = {
	[BAD_READ] = XO_GATE_FAULT_EXCEPTION,	[BAD_WRITE] = XO_GATE_FAULT_MEMORY,
	[BAD_DIVIDE] = XO_GATE_FAULT_EXCEPTION, [BAD_ADDRESS] = XO_GATE_FAULT_EXCEPTION,
	[BAD_OPCODE] = XO_GATE_FAULT_OPCODE,	[BAD_SYSCALL] = XO_GATE_FAULT_SYSCALL,
	[BAD_CPUID] = XO_GATE_FAULT_EXIT,	[BAD_VMCALL] = XO_GATE_FAULT_EXIT,
	[BAD_GATE] = XO_GATE_FAULT_MEMORY,
};

/* Over exit it is a process as any: CPUID is allowed, VMCALL is an opcode or refused by KVM. */
static bool harmless_over_exit(unsigned int bad)
{
	return bad == BAD_CPUID || bad == BAD_VMCALL || bad == BAD_GATE;
}

static void one_fault(struct xo_conn *conn, unsigned int bad, bool away)
{
	uint64_t at = run_call(conn, PLAIN_BAD_AT, bad, 0, 0, 0, 0), value = 77;
	struct xo_fault fault = { 0 };
	int err = xo_call(conn, PLAIN_BAD, bad, 0, 0, 0, 0, &value);

	CHECK(err == -EFAULT, "%s: %s", bad_name[bad], err ? strerror(-err) : "no error");
	CHECK(value == 77, "%s: the value was touched", bad_name[bad]);
	CHECK(xo_conn_fault(conn, &fault), "%s: the connection does not know", bad_name[bad]);
	printf("%s: kind %u at %#lx\n", bad_name[bad], fault.kind, fault.rip);
	CHECK(fault.rip == at, "%s: it happened at %#lx, not %#lx", bad_name[bad], at, fault.rip);
	CHECK(!away || fault.kind == away_kind[bad], "%s: kind %u, not %u", bad_name[bad],
	      fault.kind, away_kind[bad]);
}

static void case_faults(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2);
	struct xo_conn_stat stat;
	uint64_t faults = 0;
	struct tally_run t;

	xo_conn_stat(conn, &stat);
	tally_begin(&t, conn, 55);
	CHECK(!xo_conn_fault(conn, &(struct xo_fault){ 0 }), "a fault before any call");
	for (unsigned int round = 0; round < 3; round++) {
		for (unsigned int bad = 0; bad < BAD_COUNT; bad++) {
			if (stat.engine == XO_ENGINE_EXIT && harmless_over_exit(bad))
				continue;
			one_fault(conn, bad, stat.engine == XO_ENGINE_VMFUNC);
			faults++;
			tally_call(&t, 100);
		}
	}
	tally_end(&t);
	xo_conn_stat(conn, &stat);
	CHECK(stat.faults == faults, "%lu faults counted of %lu", stat.faults, faults);
	run_report("faults", conn);
	xo_disconnect(conn);
}

/* One fault of that kind (over vmfunc), so that whoever runs this can see what the owner hears. */
static void case_fault(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2);
	uint64_t kind = run_arg(r, 0, XO_GATE_FAULT_MEMORY);

	for (unsigned int bad = 0; bad < BAD_COUNT; bad++) {
		if (away_kind[bad] != kind)
			continue;
		one_fault(conn, bad, true);
		break;
	}
	xo_disconnect(conn);
}

/* An endless call whose owner dies meanwhile: whoever runs this sees to that. */
static void case_owner_dies(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2), *other = NULL;
	uint64_t value = 77;
	int err;

	printf("spinning\n");
	err = xo_call(conn, PLAIN_SPIN, 0, 0, 0, 0, 0, &value);
	CHECK(err == -EHOSTDOWN, "the call whose owner died: %s",
	      err ? strerror(-err) : "no error");
	for (int i = 0; i < 3; i++) {
		err = xo_call(conn, PLAIN_MIX, 0, 0, 0, 0, 0, &value);
		CHECK(err == -EHOSTDOWN, "a call after the owner's death: %s",
		      err ? strerror(-err) : "no error");
	}
	CHECK(value == 77, "the value was touched");
	xo_disconnect(conn);
	err = xo_connect(r->x, r->vm, "plain", NULL, &other);
	CHECK(err, "one can connect to a dead service");
	printf("connecting then: %s\n", xo_error(r->x));
}

/* Calls without end; for tests in which something else ends. */
static void case_forever(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2);
	struct tally_run t;
	int err = 0;

	tally_begin(&t, conn, run_arg(r, 0, 56));
	printf("calling\n");
	while (!err)
		err = tally_try(&t, 500);
	printf("ended after %lu calls: %s\n", t.sequence, strerror(-err));
	CHECK(err == -EHOSTDOWN, "%s", strerror(-err));
	xo_disconnect(conn);
}

const struct run_case end_cases[] = {
	{ "faults", case_faults },   { "fault", case_fault }, { "owner-dies", case_owner_dies },
	{ "forever", case_forever }, { NULL, NULL },
};
