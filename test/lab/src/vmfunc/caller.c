// SPDX-License-Identifier: GPL-2.0
/*
 * xo_caller: calls services of another VM and looks at every result.
 *
 *	xo_caller ENGINE VM CASE [ARGUMENT...] [, CASE [ARGUMENT...]]...
 *	xo_caller dead
 *
 * ENGINE: vmfunc, exit, or any. A case that finds something wrong says what and where, and ends
 * with status 1; 2: usage.
 */
#include <string.h>
#include <time.h>

#include "caller.h"

uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t random_next(uint64_t *state)
{
	*state = lcg(*state, 1);
	return *state >> 33;
}

uint64_t run_arg(const struct run *r, int i, uint64_t otherwise)
{
	for (int j = 0; r->args[j]; j++)
		if (j == i)
			return strtoull(r->args[j], NULL, 0);
	return otherwise;
}

struct xo_conn *run_connect(const struct run *r, const char *service, unsigned int slots)
{
	struct xo_connect_opts opts = { .slots = slots };
	const struct xo_reason *why;
	struct xo_conn_stat stat;
	struct xo_conn *conn;

	CHECK(!xo_connect(r->x, r->vm, service, &opts, &conn), "%s", xo_error(r->x));
	xo_conn_stat(conn, &stat);
	why = xo_reason_by_code(stat.reason);
	CHECK(!r->engine || stat.engine == r->engine, "service %s: calls go by %s, not by %s: %s",
	      service, xo_engine_name(stat.engine), xo_engine_name(r->engine),
	      stat.reason && why ? why->name : "no reason told");
	return conn;
}

uint64_t run_call(struct xo_conn *conn, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		  uint64_t a4, uint64_t a5)
{
	uint64_t value = ~0ULL;
	int err = xo_call(conn, a0, a1, a2, a3, a4, a5, &value);

	CHECK(!err, "a call failed: %s", strerror(-err));
	return value;
}

void tally_begin(struct tally_run *t, struct xo_conn *conn, uint64_t context)
{
	*t = (struct tally_run){ .conn = conn, .context = context };
	run_call(conn, PLAIN_CLEAR, context, 0, 0, 0, 0);
}

int tally_try(struct tally_run *t, uint64_t steps)
{
	uint64_t value = ~0ULL, next = t->sequence + 1;
	int err = xo_call(t->conn, PLAIN_TALLY, t->context, next, steps, 0, 0, &value);

	if (err)
		return err;
	CHECK(value == lcg_jump(next, steps), "call %lu of %lu steps: wrong result %#lx", next,
	      steps, value);
	t->sequence = next;
	return 0;
}

void tally_call(struct tally_run *t, uint64_t steps)
{
	int err = tally_try(t, steps);

	CHECK(!err, "call %lu of %lu steps: %s", t->sequence + 1, steps, strerror(-err));
}

void tally_end(struct tally_run *t)
{
	uint64_t calls = run_call(t->conn, PLAIN_CALLS, t->context, 0, 0, 0, 0);
	uint64_t wrong = run_call(t->conn, PLAIN_WRONG, t->context, 0, 0, 0, 0);

	CHECK(calls == t->sequence, "%lu calls made, %lu seen", t->sequence, calls);
	CHECK(!wrong, "%lu of %lu calls out of sequence", wrong, calls);
}

void run_report(const char *what, struct xo_conn *conn)
{
	struct xo_conn_stat s;

	xo_conn_stat(conn, &s);
	printf("%s: calls %lu exit_calls %lu interrupted %lu retried %lu faults %lu engine %s\n",
	       what, s.calls, s.exit_calls, s.interrupted, s.retried, s.faults,
	       xo_engine_name(s.engine));
}

static case_function find(const char *name)
{
	const struct run_case *const lists[] = { call_cases, signal_cases, end_cases, thread_cases,
						 many_cases, forced_cases, away_cases };

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (const struct run_case *c = lists[i]; c->name; c++)
			if (!strcmp(c->name, name))
				return c->run;
	return NULL;
}

static int usage(void)
{
	fprintf(stderr, "usage: xo_caller ENGINE VM CASE [ARGUMENT...] [, CASE...]...\n"
			"   or: xo_caller dead\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct run r = { .x = xo_new() };
	uint64_t from;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 2 && !strcmp(argv[1], "dead")) {
		check_dead();
		return 0;
	}
	if (argc < 4 || !r.x ||
	    (!(r.engine = xo_engine_by_name(argv[1])) && strcmp(argv[1], "any")))
		return usage();
	r.vm = argv[2];
	CHECK(!xo_open(r.x, XO_SIDE_GUEST, NULL), "%s", xo_error(r.x));
	for (char **at = argv + 3; *at;) {
		case_function run = find(*at);
		char **name = at;

		if (!run)
			return usage();
		r.args = ++at;
		while (*at && strcmp(*at, ","))
			at++;
		if (*at)
			*at++ = NULL;
		from = now_ns();
		run(&r);
		printf("right: %s, %lu ms\n", *name, (now_ns() - from) / 1000000);
	}
	xo_free(r.x);
	return 0;
}
