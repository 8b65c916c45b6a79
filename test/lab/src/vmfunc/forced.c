// SPDX-License-Identifier: GPL-2.0
/* xo_caller: exits forced at every instruction away, once and twice. */
#include <string.h>

#include "caller.h"
#include "crossover/mark.h"

/* A call whose result is known, made again and again. */
struct forced_call {
	const char *name;
	struct xo_conn *conn;
	uint64_t a[6], expected, step; /* what the next result is more */
	uint64_t runs, exits;
	uint64_t by_place[4];
};

static const char *const place_name[4] = { "gate", "runtime", "service", "elsewhere" };

static unsigned int place_of(uint64_t rip)
{
	uint64_t at = (rip - XO_GATE_BASE) % XO_GATE_SLOT_SIZE;

	if (rip < XO_GATE_BASE)
		return 2;
	return at < 0x1000 ? 0 : at - XO_GATE_RT < 0x1000 ? 1 : 3;
}

/* Exits before the k-th instruction away, and before the again-th after that. How many came. */
static unsigned int force(struct forced_call *f, uint64_t k, uint64_t again, uint64_t *away)
{
	struct xo_forced forced = { 0 };
	const uint64_t *a = f->a;
	uint64_t value = ~0ULL;
	int err;

	xo_mark_force(k, again);
	err = xo_call(f->conn, a[0], a[1], a[2], a[3], a[4], a[5], &value);
	xo_mark_forced(&forced);
	CHECK(forced.valid, "nobody forces exits here");
	CHECK(!err && value == f->expected,
	      "%s, exits before instruction %lu and %lu more: %s, result %#lx, not %#lx (rip %#lx, "
	      "%#lx)",
	      f->name, k, again, strerror(-err), value, f->expected, forced.at[0].rip,
	      forced.at[1].rip);
	f->expected += f->step;
	f->runs++;
	f->exits += forced.fired;
	for (unsigned int i = 0; i < forced.fired; i++)
		f->by_place[place_of(forced.at[i].rip)]++;
	*away = forced.away;
	return forced.fired;
}

/* How many instructions it is away when nothing interrupts it. */
static uint64_t length(struct forced_call *f)
{
	uint64_t least = ~0ULL, away;

	for (int i = 0; i < 10; i++) {
		force(f, 0, 0, &away);
		least = away < least ? away : least;
	}
	return least;
}

static void once(struct forced_call *f, uint64_t n)
{
	uint64_t away;

	for (uint64_t k = 1; k <= n; k++)
		CHECK(force(f, k, 0, &away) == 1, "%s: no exit came before instruction %lu of %lu",
		      f->name, k, n);
	CHECK(!force(f, n + 1, 0, &away) || away > n, "%s: %lu instructions away are not all",
	      f->name, n);
}

/*
 * The second one at each instruction from the first on, a restart or resume included, until there
 * is none left: one pair of `stride` is tried, another one each time. An exit behind the service's
 * end is followed by none away.
 */
static uint64_t twice(struct forced_call *f, uint64_t n, uint64_t stride)
{
	uint64_t pairs = 0, away, k, again;
	unsigned int fired;

	for (k = 1; k <= n; k++) {
		for (again = 1 + k % stride; (fired = force(f, k, again, &away)) == 2;
		     again += stride)
			pairs++;
		CHECK(fired == 1, "%s: no exit came before instruction %lu of %lu", f->name, k, n);
	}
	CHECK(pairs > n * n / 8 / stride, "%s: only %lu pairs", f->name, pairs);
	return pairs;
}

static void campaign(struct forced_call *f, uint64_t stride)
{
	struct xo_conn_stat s;
	uint64_t n = length(f), pairs = 0;

	CHECK(n > 20 && n < 100000, "%s: %lu instructions away", f->name, n);
	once(f, n);
	if (stride)
		pairs = twice(f, n, stride);
	xo_conn_stat(f->conn, &s);
	printf("%s: %lu instructions away; %lu calls, %lu exits, %lu pairs; exits in", f->name, n,
	       f->runs, f->exits, pairs);
	for (int i = 0; i < 4; i++)
		printf(" %s %lu", place_name[i], f->by_place[i]);
	printf("; interrupted %lu retried %lu\n", s.interrupted, s.retried);
	CHECK(s.interrupted, "%s: none was interrupted", f->name);
	CHECK(f->by_place[0] && f->by_place[1] && f->by_place[2] && !f->by_place[3],
	      "%s: exits in strange places", f->name);
	xo_disconnect(f->conn);
}

/* [STRIDE]: a null call. Its service counts: one that ran twice or never is seen. */
static void case_forced_null(const struct run *r)
{
	struct forced_call f = { .name = "null call",
				 .conn = run_connect(r, "null", 1),
				 .step = 1 };

	f.expected = run_call(f.conn, 0, 0, 0, 0, 0, 0) + 1;
	campaign(&f, run_arg(r, 0, 0));
}

/* [STRIDE]: a call with six arguments, so that none of them gets lost on the way. */
static void case_forced_plain(const struct run *r)
{
	struct forced_call f = { .name = "call with arguments",
				 .conn = run_connect(r, "plain", 1),
				 .a = { PLAIN_MIX, 1ULL << 60, 3ULL << 50, 5ULL << 40, 7ULL << 30,
					9ULL << 20 } };

	f.expected = mix(f.a[0], f.a[1], f.a[2], f.a[3], f.a[4], f.a[5]);
	campaign(&f, run_arg(r, 0, 0));
}

/* [STRIDE]: a service with all its vector registers in use. */
static void case_forced_vector(const struct run *r)
{
	struct forced_call f = { .name = "vector call",
				 .conn = run_connect(r, "vector", 1),
				 .a = { VECTOR_CHURN, 5, 1 } };
	uint64_t lane[CHURN_LANES];

	for (unsigned int j = 0; j < CHURN_LANES; j++)
		lane[j] = churn_lane(churn_start(f.a[1], j), f.a[2]);
	f.expected = churn_end(lane);
	campaign(&f, run_arg(r, 0, 0));
}

const struct run_case forced_cases[] = {
	{ "forced-null", case_forced_null },
	{ "forced-plain", case_forced_plain },
	{ "forced-vector", case_forced_vector },
	{ NULL, NULL },
};
