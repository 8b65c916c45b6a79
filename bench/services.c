// SPDX-License-Identifier: GPL-2.0
/*
 * What a call of a service costs, in the events that the emulator counts (crossover/mark.h).
 *
 *	bench_services offer			in the callee: offers the services until SIGTERM
 *	bench_services call VM ENGINE N M	in the caller: M single calls of each kind, then N
 *in a row; one line of KEY=VALUE for each
 *	bench_services loop N			what N times nothing costs meanwhile
 *
 * A single call is all that stands in xo_call(), from its arguments to the result in a variable;
 * told is the one with the fewest instructions, which is one that no tick came into. The calls in a
 * row have everything in them: ticks, timers, other VMs.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crossover/crossover.h"
#include "row.h"

#define INSTRUCTIONS_A_STEP 2

/* Steps of two instructions; no vector register, so that it may be called a service without. */
__attribute__((target("general-regs-only"))) static uint64_t service(uint64_t steps, uint64_t a1,
								     uint64_t a2, uint64_t a3,
								     uint64_t a4, uint64_t a5,
								     const struct xo_visit *visit)
{
	if (steps)
		__asm__ volatile("1: dec %0; jnz 1b" : "+r"(steps) : : "cc");
	return a1 + 1;
}

struct kind {
	const char *name, *service;
	uint64_t steps;
};

static const struct kind kinds[] = {
	{ "null", "bench-gpr", 0 },
	{ "null, vector state", "bench-vector", 0 },
	{ "100 instructions", "bench-gpr", 100 / INSTRUCTIONS_A_STEP },
	{ "1000 instructions", "bench-gpr", 1000 / INSTRUCTIONS_A_STEP },
	{ "10000 instructions", "bench-gpr", 10000 / INSTRUCTIONS_A_STEP },
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static void die(const char *what, const char *why)
{
	fprintf(stderr, "bench_services: %s: %s\n", what, why);
	exit(1);
}

static struct xo *open_guest(void)
{
	struct xo *x = xo_new();

	if (!x)
		die("xo_new", "no memory");
	if (xo_open(x, XO_SIDE_GUEST, NULL))
		die("xo_open", xo_error(x));
	return x;
}

static void tell_reason(struct xo_service *made, const char *name)
{
	const struct xo_reason *why;
	struct xo_service_stat stat;

	xo_service_stat(made, &stat);
	why = xo_reason_by_code(stat.reason);
	if (stat.reason)
		printf("%s over exit only: %s\n", name, why ? why->name : "unknown reason");
}

static void offer(void)
{
	static const char *const everybody[] = { "*", NULL };
	struct xo_service_spec spec = { .entry = service, .allow = everybody };
	struct xo_service *made[2];
	struct xo *x = open_guest();
	sigset_t set;
	int sig;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	for (int vector = 0; vector < 2; vector++) {
		spec.name = vector ? "bench-vector" : "bench-gpr";
		spec.flags = vector ? 0 : XO_SERVICE_GPR;
		if (xo_service_create(x, &spec, &made[vector]))
			die(spec.name, xo_error(x));
		tell_reason(made[vector], spec.name);
	}
	puts("ready");
	fflush(stdout);
	sigwait(&set, &sig);
	for (int vector = 0; vector < 2; vector++)
		xo_service_destroy(made[vector]);
	xo_free(x);
}

static void call_failed(const struct kind *k, int err)
{
	die(k->name, err ? strerror(-err) : "wrong result");
}

/* The call with the fewest instructions of `tries`, in `best`. */
static void single_calls(struct xo_conn *conn, const struct kind *k, unsigned long tries)
{
	uint64_t value = 0;
	int err;

	best_begin();
	for (unsigned long i = 0; i < tries; i++) {
		xo_mark_begin(ONE);
		err = xo_call(conn, k->steps, i, 0, 0, 0, 0, &value);
		xo_mark_end(ONE);
		if (err || value != i + 1)
			call_failed(k, err);
		best_take();
	}
}

static void calls_in_a_row(struct xo_conn *conn, const struct kind *k, unsigned long n)
{
	uint64_t value = 0;
	int err;

	xo_mark_begin(MANY);
	for (unsigned long i = 0; i < n; i++) {
		err = xo_call(conn, k->steps, i, 0, 0, 0, 0, &value);
		if (err || value != i + 1)
			call_failed(k, err);
	}
	xo_mark_end(MANY);
	xo_mark_read(MANY, &many);
}

static void measure(struct xo *x, const char *vm, const char *engine, const struct kind *k,
		    unsigned long n, unsigned long tries)
{
	struct xo_conn_stat before, after;
	struct xo_conn *conn;

	if (xo_connect(x, vm, k->service, NULL, &conn))
		die(k->name, xo_error(x));
	xo_conn_stat(conn, &before);
	if (before.engine != xo_engine_by_name(engine)) {
		const struct xo_reason *why = xo_reason_by_code(before.reason);

		die(engine, before.reason && why ? why->name : "calls do not take this engine");
	}
	single_calls(conn, k, tries);
	xo_conn_stat(conn, &before);
	calls_in_a_row(conn, k, n);
	xo_conn_stat(conn, &after);
	printf("@row\tengine=%s\tkind=%s", engine, k->name);
	print_best();
	printf("\tinterrupted=%lu", after.interrupted - before.interrupted);
	print_exits("exit_", best.all.exit);
	print_many(n);
	putchar('\n');
	xo_disconnect(conn);
}

static void call(char **argv)
{
	unsigned long n = strtoul(argv[4], NULL, 0), tries = strtoul(argv[5], NULL, 0);
	struct xo *x = open_guest();

	for (size_t i = 0; i < KINDS; i++)
		measure(x, argv[2], argv[3], &kinds[i], n, tries);
	xo_free(x);
}

/* What happens in a stretch of so many instructions anyway. */
static void loop(uint64_t instructions)
{
	uint64_t steps = instructions / INSTRUCTIONS_A_STEP;

	xo_mark_begin(MANY);
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(steps) : : "cc");
	xo_mark_end(MANY);
	xo_mark_read(MANY, &many);
	printf("@row\tengine=none\tkind=a loop");
	print_many(1);
	putchar('\n');
}

int main(int argc, char **argv)
{
	xo_mark_read(ONE, &one);
	if (!one.valid)
		die("counters", "there are none here: this runs in the lab only");
	if (argc == 2 && !strcmp(argv[1], "offer"))
		offer();
	else if (argc == 6 && !strcmp(argv[1], "call"))
		call(argv);
	else if (argc == 3 && !strcmp(argv[1], "loop"))
		loop(strtoull(argv[2], NULL, 0));
	else
		die("usage", "offer, call VM ENGINE N M, or loop INSTRUCTIONS");
	return 0;
}
