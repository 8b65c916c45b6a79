// SPDX-License-Identifier: GPL-2.0
/* xo_caller: calls by the hundred thousand, of all lengths, for tests in which much interrupts. */
#include <math.h>
#include <string.h>

#include "caller.h"

#define LONGEST 100000.0 /* instructions */
#define STEP	4	 /* of lcg() */

static void tell_rest(const char *what, struct xo_conn *conn, uint64_t from, uint64_t calls)
{
	run_report(what, conn);
	printf("%s: %lu us of this VM's time, %lu calls\n", what, (now_ns() - from) / 1000, calls);
}

/* [CALLS]: the service counts them in the owner's page; each result is the number of the call. */
static void case_nulls(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "null", 1);
	uint64_t n = run_arg(r, 0, 100000), from = now_ns(), value = 0;
	uint64_t first = run_call(conn, 0, 0, 0, 0, 0, 0);

	for (uint64_t i = 1; i <= n; i++) {
		int err = xo_call(conn, 0, 0, 0, 0, 0, 0, &value);

		if (__builtin_expect(err || value != first + i, 0))
			CHECK(0, "call %lu: %s, it was the service's %lu", i, strerror(-err),
			      value - first);
	}
	tell_rest("nulls", conn, from, n);
	xo_disconnect(conn);
}

/* [CALLS]: of 10 to 100,000 instructions, log-uniform. */
static void case_lengths(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 1);
	uint64_t n = run_arg(r, 0, 5000), from = now_ns(), seed = 11, steps = 0;
	struct tally_run t;

	tally_begin(&t, conn, 60);
	for (uint64_t i = 0; i < n; i++) {
		double u = (double)random_next(&seed) / 2147483648.0;
		uint64_t length = (uint64_t)(10 * pow(LONGEST / 10, u) / STEP);

		tally_call(&t, length);
		steps += length;
	}
	tally_end(&t);
	printf("lengths: %lu million instructions\n", steps * STEP / 1000000);
	tell_rest("lengths", conn, from, n);
	xo_disconnect(conn);
}

/* [CALLS]: the same with every vector register in use; 9 results are known by heart. */
static void case_vectors(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "vector", 1);
	uint64_t n = run_arg(r, 0, 1000), from = now_ns(), sum[9] = { 0 };

	for (uint64_t i = 0; i < 9; i++) {
		uint64_t lane[CHURN_LANES];

		for (unsigned int j = 0; j < CHURN_LANES; j++)
			lane[j] = churn_lane(churn_start(i, j), 1 << i);
		sum[i] = churn_end(lane);
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t k = i % 9;

		CHECK(run_call(conn, VECTOR_CHURN, k, 1 << k, 0, 0, 0) == sum[k],
		      "call %lu, of %u rounds", i, 1U << k);
	}
	tell_rest("vectors", conn, from, n);
	xo_disconnect(conn);
}

const struct run_case many_cases[] = {
	{ "nulls", case_nulls },
	{ "lengths", case_lengths },
	{ "vectors", case_vectors },
	{ NULL, NULL },
};
