// SPDX-License-Identifier: GPL-2.0
/* xo_caller: many threads and processes at once, and links whose engine changes meanwhile. */
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "caller.h"

#define THREADS_MAX 16

struct worker {
	pthread_t thread;
	struct tally_run tally;
	uint64_t calls, seed, busy;
	bool busy_allowed;
	bool *stop; /* then `calls` means nothing */
};

static void *work(void *arg)
{
	struct worker *w = arg;

	for (uint64_t i = 0;
	     w->stop ? !__atomic_load_n(w->stop, __ATOMIC_RELAXED) : i < w->calls;) {
		int err = tally_try(&w->tally, random_next(&w->seed) % 4000);

		if (err == -EBUSY && w->busy_allowed) {
			w->busy++;
			sched_yield();
			continue;
		}
		CHECK(!err, "thread %lu, call %lu: %s", w->tally.context, w->tally.sequence + 1,
		      strerror(-err));
		i++;
	}
	return NULL;
}

static void start(struct worker *w, unsigned int n, struct xo_conn *conn, uint64_t calls,
		  bool busy_allowed, bool *stop)
{
	for (unsigned int i = 0; i < n; i++) {
		w[i] = (struct worker){
			.calls = calls, .seed = i + 1, .busy_allowed = busy_allowed, .stop = stop
		};
		tally_begin(&w[i].tally, conn, i);
	}
	for (unsigned int i = 0; i < n; i++)
		CHECK(!pthread_create(&w[i].thread, NULL, work, &w[i]), "no thread");
}

/* How many calls they made, all right. */
static uint64_t finish(struct worker *w, unsigned int n)
{
	uint64_t calls = 0, busy = 0;

	for (unsigned int i = 0; i < n; i++) {
		pthread_join(w[i].thread, NULL);
		calls += w[i].tally.sequence;
		busy += w[i].busy;
	}
	for (unsigned int i = 0; i < n; i++)
		tally_end(&w[i].tally);
	printf("%u threads: calls %lu busy %lu\n", n, calls, busy);
	return calls;
}

static unsigned int thread_count(const struct run *r, int i, unsigned int otherwise)
{
	uint64_t n = run_arg(r, i, otherwise);

	CHECK(n && n <= THREADS_MAX, "%lu threads", n);
	return (unsigned int)n;
}

/* [THREADS [CALLS]]: as many slots as threads, so that each call finds one. */
static void case_threads(const struct run *r)
{
	unsigned int n = thread_count(r, 0, XO_GATE_SLOTS);
	struct xo_conn *conn = run_connect(r, "plain", n < XO_GATE_SLOTS ? n : XO_GATE_SLOTS);
	struct worker w[THREADS_MAX];

	start(w, n, conn, run_arg(r, 1, 500), n > XO_GATE_SLOTS, NULL);
	finish(w, n);
	run_report("threads", conn);
	xo_disconnect(conn);
}

/* Four threads want one slot: EBUSY is all that may come of it. */
static void case_one_slot(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 1);
	struct worker w[4];

	start(w, 4, conn, run_arg(r, 0, 300), true, NULL);
	finish(w, 4);
	run_report("one slot", conn);
	xo_disconnect(conn);
}

static struct xo_conn *process_connect(const struct run *r, struct run *own)
{
	*own = *r;
	own->x = xo_new();
	CHECK(own->x && !xo_open(own->x, XO_SIDE_GUEST, NULL), "open in a child");
	return run_connect(own, "plain", 2);
}

static void process(const struct run *r, uint64_t context, uint64_t calls)
{
	struct tally_run t;
	struct run own;
	uint64_t seed = context + 1;

	tally_begin(&t, process_connect(r, &own), context);
	while (t.sequence < calls)
		tally_call(&t, random_next(&seed) % 4000);
	tally_end(&t);
	/* It ends with its connection open: the kernels have to clean up. */
	_exit(0);
}

static void reap(unsigned int n)
{
	for (; n; n--) {
		int status = -1;
		pid_t pid = wait(&status);

		CHECK(pid > 0 && !status, "process %d ended with status %#x", pid, status);
	}
}

/* [PROCESSES [CALLS [CONTEXT]]]: each with a connection, and a context from that one on, of its
 * own. */
static void case_processes(const struct run *r)
{
	unsigned int n = (unsigned int)run_arg(r, 0, 6);

	fflush(stdout);
	for (unsigned int i = 0; i < n; i++)
		if (!fork())
			process(r, i + run_arg(r, 2, 0), run_arg(r, 1, 300));
	reap(n);
}

/* [PROCESSES]: one behind the other, so that pages of page tables are used again. */
static void case_short_lives(const struct run *r)
{
	unsigned int n = (unsigned int)run_arg(r, 0, 30);

	fflush(stdout);
	for (unsigned int i = 0; i < n; i++) {
		if (!fork())
			process(r, i % TALLY_CONTEXTS, 3);
		reap(1);
	}
}

/* A child has no part in its parent's connection, and takes nothing away from it. */
static void case_fork(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2);
	struct tally_run t;

	tally_begin(&t, conn, 57);
	fflush(stdout);
	for (int i = 0; i < 5; i++) {
		pid_t pid = fork();

		if (!pid) {
			uint64_t value = 77;
			int err = xo_call(conn, PLAIN_MIX, 0, 0, 0, 0, 0, &value);

			CHECK(err == -ESTALE && value == 77, "a child calls: %s",
			      err ? strerror(-err) : "no error");
			if (i % 2)
				process(r, 58, 20);
			_exit(0);
		}
		for (int j = 0; j < 100; j++)
			tally_call(&t, (uint64_t)j);
		reap(1);
		tally_call(&t, 10);
	}
	tally_end(&t);
	xo_disconnect(conn);
}

/* THREADS FILE: calls until that file exists. Prints what went over which engine. */
static void case_until(const struct run *r)
{
	unsigned int n = thread_count(r, 0, 4);
	struct xo_conn *conn = run_connect(r, "plain", n);
	struct xo_conn_stat before, s;
	struct worker w[THREADS_MAX];
	uint64_t calls, extra;
	bool stop = false;

	CHECK(r->args[0] && r->args[1], "until THREADS FILE");
	xo_conn_stat(conn, &before);
	start(w, n, conn, 0, false, &stop);
	printf("calling\n");
	while (access(r->args[1], F_OK))
		usleep(5000);
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	calls = finish(w, n);
	extra = 3UL * n; /* tally_begin() and tally_end() */
	xo_conn_stat(conn, &s);
	run_report("until", conn);
	/* Over vmfunc those that came back half done are counted, too. */
	CHECK(s.calls + s.exit_calls - before.calls - before.exit_calls >= calls + extra,
	      "%lu calls and %lu others, but %lu and %lu counted", calls, extra,
	      s.calls - before.calls, s.exit_calls - before.exit_calls);
	xo_disconnect(conn);
}

const struct run_case thread_cases[] = {
	{ "threads", case_threads },
	{ "one-slot", case_one_slot },
	{ "processes", case_processes },
	{ "short-lives", case_short_lives },
	{ "fork", case_fork },
	{ "until", case_until },
	{ NULL, NULL },
};
