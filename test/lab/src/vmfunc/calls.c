// SPDX-License-Identifier: GPL-2.0
/* xo_caller: what goes in and out of a call. */
#include <errno.h>
#include <string.h>

#include "caller.h"

static void case_null(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "null", 1);
	uint64_t n = run_arg(r, 0, 1000), first = run_call(conn, 0, 0, 0, 0, 0, 0);

	for (uint64_t i = 1; i <= n; i++) {
		uint64_t seen = run_call(conn, i, 0, 0, 0, 0, 0);

		CHECK(seen == first + i, "call %lu was the service's %lu", i, seen - first);
	}
	run_report("null", conn);
	xo_disconnect(conn);
}

static void case_arguments(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 1);
	uint64_t seed = 1, a[6];

	for (int i = 0; i < 200; i++) {
		for (int j = 0; j < 6; j++)
			a[j] = random_next(&seed) << 40 ^ random_next(&seed) << 16 ^ (uint64_t)i;
		a[0] = (a[0] & ~0xffULL) | PLAIN_MIX;
		CHECK(run_call(conn, a[0], a[1], a[2], a[3], a[4], a[5]) ==
			      mix(a[0], a[1], a[2], a[3], a[4], a[5]),
		      "arguments of call %d", i);
	}
	xo_disconnect(conn);
}

static void fill(uint8_t *buffer, size_t size, uint64_t seed)
{
	for (size_t i = 0; i < size; i++)
		buffer[i] = (uint8_t)random_next(&seed);
}

static void case_buffer(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 1), *other = run_connect(r, "plain", 1);
	size_t size = 0, size2 = 0;
	uint8_t *buffer = xo_buffer(conn, &size), *buffer2 = xo_buffer(other, &size2);
	uint8_t *copy = malloc(size);

	CHECK(copy && buffer != buffer2 && size == XO_GATE_BUFFER_SIZE && size2 == size,
	      "buffers of %zu and %zu bytes", size, size2);
	for (size_t i = 0; i < size; i++)
		CHECK(!buffer[i] && !buffer2[i], "byte %zu is not zero at first", i);
	for (size_t n = size, round = 0; n; n /= 7, round++) {
		uint64_t sum = 0;

		fill(buffer, size, round);
		memcpy(copy, buffer, size);
		for (size_t i = 0; i < n; i++)
			sum += copy[i];
		CHECK(run_call(conn, PLAIN_FLIP, n, 0, 0, 0, 0) == sum, "sum of %zu bytes", n);
		for (size_t i = 0; i < size; i++)
			CHECK(buffer[i] == (uint8_t)(i < n ? copy[i] ^ (0x5a + i) : copy[i]),
			      "byte %zu of %zu", i, n);
	}
	for (size_t i = 0; i < size; i++)
		CHECK(!buffer2[i], "byte %zu of another connection's buffer", i);
	free(copy);
	xo_disconnect(other);
	xo_disconnect(conn);
}

static void case_visit(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 1);
	struct xo_visit *visit = xo_buffer(conn, NULL);
	struct xo_g_version me = { 0 };
	struct xo_conn_stat stat;

	CHECK(!xo_guest_version(r->x, &me), "%s", xo_error(r->x));
	run_call(conn, PLAIN_VISIT, 0, 0, 0, 0, 0);
	xo_conn_stat(conn, &stat);
	CHECK(me.wid && visit->wid == me.wid, "caller's world %llu, this is %llu", visit->wid,
	      me.wid);
	CHECK(!strcmp(visit->caller, me.name), "caller's name '%.32s', this is '%s'", visit->caller,
	      me.name);
	CHECK(visit->engine == stat.engine, "engine %s, the connection's is %s",
	      xo_engine_name(visit->engine), xo_engine_name(stat.engine));
	CHECK(visit->buffer_size == XO_GATE_BUFFER_SIZE && !visit->reserved, "buffer of %llu bytes",
	      visit->buffer_size);
	printf("visit: caller %s wid %llu engine %s\n", visit->caller, visit->wid,
	       xo_engine_name(visit->engine));
	xo_disconnect(conn);
}

static uint64_t churned(uint64_t seed, uint64_t rounds)
{
	uint64_t lane[CHURN_LANES];

	for (unsigned int i = 0; i < CHURN_LANES; i++)
		lane[i] = churn_lane(churn_start(seed, i), rounds);
	return churn_end(lane);
}

static void case_vector(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "vector", 1);
	double *v = xo_buffer(conn, NULL);
	uint64_t seed = 7;

	for (uint64_t n = 1; n <= XO_GATE_BUFFER_SIZE / 16; n = n * 3 + 1) {
		uint64_t sum = 0;

		for (uint64_t i = 0; i < n; i++) {
			uint64_t a = random_next(&seed) % 1000, b = random_next(&seed) % 1000;

			v[i] = (double)a;
			v[n + i] = (double)b;
			sum += a * b;
		}
		CHECK(run_call(conn, VECTOR_DOT, n, 0, 0, 0, 0) == sum, "dot product of %lu", n);
	}
	for (uint64_t n = 0; n < 200; n += 13)
		CHECK(run_call(conn, VECTOR_CHURN, n, n, 0, 0, 0) == churned(n, n),
		      "sixteen vectors, %lu rounds", n);
	xo_disconnect(conn);
}

static uint32_t mxcsr(void)
{
	uint32_t value;

	__asm__ volatile("stmxcsr %0" : "=m"(value));
	return value;
}

static uint16_t fcw(void)
{
	uint16_t value;

	__asm__ volatile("fnstcw %0" : "=m"(value));
	return value;
}

static _Thread_local uint64_t here = 0x1234;

/* The control words cross neither way, and the ABI's registers and this thread's storage stay. */
static void case_state(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "vector", 1);
	uint32_t was = mxcsr(), ours = 0x3f80; /* round down */
	uint16_t was87 = fcw(), ours87 = 0x077f;

	for (int i = 0; i < 20; i++) {
		uint64_t there;

		__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(ours), "m"(ours87));
		there = run_call(conn, VECTOR_CONTROL, 0, 0, 0, 0, 0);
		CHECK(there == (0x1f80 | 0x37fULL << 32), "control words there: %#lx", there);
		CHECK(mxcsr() == ours, "MXCSR %#x behind the call, %#x before", mxcsr(), ours);
		CHECK(fcw() == ours87, "x87 control %#x behind the call, %#x before", fcw(),
		      ours87);
		__asm__ volatile("ldmxcsr %0; fldcw %1" : : "m"(was), "m"(was87));
		here++;
	}
	CHECK(here == 0x1234 + 20, "thread-local storage");
	xo_disconnect(conn);
}

static void case_refused(const struct run *r)
{
	struct xo_conn *conn = NULL;
	int err = xo_connect(r->x, r->vm, "private", NULL, &conn);

	CHECK(err == -EACCES, "a service that refuses: %s", strerror(-err));
	printf("refused: %s\n", xo_error(r->x));
	err = xo_connect(r->x, r->vm, "nobodys", NULL, &conn);
	CHECK(err == -ECONNREFUSED, "a service that nobody offers: %s", strerror(-err));
	printf("refused: %s\n", xo_error(r->x));
	err = xo_connect(r->x, "nowhere", "null", NULL, &conn);
	CHECK(err == -ENOENT, "a VM that is not linked: %s", strerror(-err));
}

/* Every connection that a process may have; each one has its own memory. */
static void case_connections(const struct run *r)
{
	struct xo_conn *conn[8];
	struct tally_run t[8];

	for (unsigned int i = 0; i < 8; i++) {
		conn[i] = run_connect(r, "plain", 1 + i % XO_GATE_SLOTS);
		tally_begin(&t[i], conn[i], 40 + i);
	}
	for (unsigned int round = 0; round < 20; round++)
		for (unsigned int i = 0; i < 8; i++)
			tally_call(&t[i], round * 7 + i);
	for (unsigned int i = 0; i < 8; i += 2) {
		tally_end(&t[i]);
		xo_disconnect(conn[i]);
	}
	for (unsigned int i = 1; i < 8; i += 2) {
		tally_call(&t[i], 100);
		tally_end(&t[i]);
		xo_disconnect(conn[i]);
	}
}

const struct run_case call_cases[] = {
	{ "null", case_null },	     { "arguments", case_arguments },	  { "buffer", case_buffer },
	{ "visit", case_visit },     { "vector", case_vector },		  { "state", case_state },
	{ "refused", case_refused }, { "connections", case_connections }, { NULL, NULL },
};
