// SPDX-License-Identifier: GPL-2.0
/*
 * An honest caller whose world falls apart around it: every call ends with the right result or with
 * one of xo_call()'s errors; after an error it connects anew.
 *	xo_attack caller SECONDS SEED [SERVICE [pages]]
 */
#include "attack.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "service.h"

#define CALL_MS 20000

static volatile sig_atomic_t stop;
static struct target target;
static bool connected;
static uint64_t calls, right_ones, wrong_ones, undefined, connects, refused, by[140], mixed;
static double longest;

static void on_term(int sig)
{
	stop = 1;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool defined(int err)
{
	return err == -EFAULT || err == -ETIMEDOUT || err == -EBUSY || err == -EINTR ||
	       err == -EHOSTDOWN || err == -EPROTO;
}

static void connect_again(const char *service)
{
	const struct timespec pause = { 0, 100000000 };

	if (connected)
		target_close(&target);
	connected = !target_try(&target, service, 2);
	if (connected) {
		connects++;
		return;
	}
	target_close(&target);
	refused++;
	nanosleep(&pause, NULL);
}

/* Table's words are told by its first: a generation. */
static bool pages_right(uint64_t sum, uint64_t generation)
{
	uint64_t s = 0;
	size_t i;

	for (i = 0; i < SERVICE_TABLE; i++)
		s = s * 31 + service_table_word(generation, i);
	return s == sum;
}

static int one_pages(bool *is_right)
{
	uint64_t before, after, sum;
	bool unsteady;
	int err = target_call_for(&target, OP_READ, (uint64_t)service_table, 0, &before, CALL_MS);

	if (!err)
		err = target_call_for(&target, OP_PAGES, 0, 0, &sum, CALL_MS);
	if (!err)
		err = target_call_for(&target, OP_READ, (uint64_t)service_table, 0, &after,
				      CALL_MS);
	if (err)
		return err;
	unsteady = before != after || before == SERVICE_CHANGING;
	mixed += unsteady;
	*is_right = unsteady || pages_right(sum, before);
	return 0;
}

static int one_spin(bool *is_right)
{
	uint64_t a = seeded(), n = seeded() % 16 ? seeded() % 2000 : seeded() % 200000, v = 0;
	int err = target_call_for(&target, OP_SPIN, a, n, &v, CALL_MS);

	*is_right = err || v == spin(a, n);
	return err;
}

static void one(bool pages)
{
	double t = now();
	bool is_right = true;
	int err = pages ? one_pages(&is_right) : one_spin(&is_right);

	t = now() - t;
	if (t > longest)
		longest = t;
	calls++;
	if (!err && is_right) {
		right_ones++;
		return;
	}
	if (!err) {
		wrong_ones++;
		return;
	}
	by[-err < 140 ? -err : 139]++;
	undefined += !defined(err);
	connected = false;
	target_close(&target);
}

static void report(void)
{
	size_t i;

	printf("calls %lu: right %lu, wrong %lu, errors undefined %lu;", calls, right_ones,
	       wrong_ones, undefined);
	for (i = 0; i < COUNT(by); i++)
		if (by[i])
			printf(" %s %lu", strerrorname_np((int)i), by[i]);
	printf("; connects %lu, refused %lu, changed under the look %lu, longest %.2f s\n",
	       connects, refused, mixed, longest);
}

int attack_caller(int argc, char **argv)
{
	double end = now() + (argc > 1 ? atof(argv[1]) : 10);
	const char *service = argc > 3 ? argv[3] : "attack";
	bool pages = argc > 4;

	seed_set(argc > 2 ? strtoul(argv[2], NULL, 0) : 1);
	signal(SIGTERM, on_term);
	while (!stop && now() < end) {
		if (!connected)
			connect_again(service);
		else
			one(pages);
	}
	report();
	return wrong_ones || undefined || !right_ones;
}

/* One call, and which engine carried it. */
int attack_plain(int argc, char **argv)
{
	uint64_t v = 0;
	int err = target_try(&target, argc > 1 ? argv[1] : "attack", 1);

	if (!err)
		err = target_call_for(&target, OP_SUM, 20, 1, &v, CALL_MS);
	if (err || v != 42)
		die("a plain call: %s, value %lu", err ? strerror(-err) : "no error", v);
	printf("%s\n", target_engine(&target));
	target_close(&target);
	return 0;
}

/* The table's generation as a service sees it: its owner knows whether that is so. */
int attack_generation(int argc, char **argv)
{
	uint64_t v = 0;
	int err = target_try(&target, argc > 1 ? argv[1] : "attack", 1);

	if (!err)
		err = target_call_for(&target, OP_READ, (uint64_t)service_table, 0, &v, CALL_MS);
	if (err)
		die("reading the table: %s", strerror(-err));
	printf("%s %lu\n", target_engine(&target), v);
	target_close(&target);
	return 0;
}
