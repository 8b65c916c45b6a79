// SPDX-License-Identifier: GPL-2.0
/* xo_caller: signals that come during calls, and handlers that call, give up, or time out. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "caller.h"

static struct tally_run in_main, in_handler[2];
static volatile uint64_t handled, busy, broken, depth, deepest;
static sigjmp_buf out;
static struct xo_conn *spinning;

static void timer(unsigned int us)
{
	struct itimerval every = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &every, NULL);
}

/* Async-signal-safe: no CHECK() in here. */
static void call_from_handler(int sig)
{
	struct tally_run *t = &in_handler[depth++];
	int err = errno, said;
	uint64_t value = 0;

	handled++;
	deepest = depth > deepest ? depth : deepest;
	said = xo_call(t->conn, PLAIN_TALLY, t->context, t->sequence + 1, 3000, 0, 0, &value);
	if (!said)
		t->sequence++;
	if (said == -EBUSY)
		busy++;
	else if (said || value != lcg_jump(t->sequence, 3000))
		broken++;
	depth--;
	errno = err;
}

/* SIGALRM each millisecond; its handler calls too, and may be interrupted by the next one once. */
static void nested(const struct run *r, unsigned int slots)
{
	struct sigaction action = { .sa_handler = call_from_handler, .sa_flags = SA_RESTART };
	struct sigaction user = action;
	struct xo_conn *conn = run_connect(r, "plain", slots);
	uint64_t want = run_arg(r, 0, 200), seed = 3;

	/* SIGALRM does not block SIGVTALRM: that one comes into its handler. */
	user.sa_flags = SA_RESTART;
	sigaddset(&user.sa_mask, SIGALRM);
	handled = busy = broken = deepest = 0;
	tally_begin(&in_main, conn, 50);
	tally_begin(&in_handler[0], conn, 51);
	tally_begin(&in_handler[1], conn, 52);
	sigaction(SIGALRM, &action, NULL);
	sigaction(SIGVTALRM, &user, NULL);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ { 0, 4000 }, { 0, 4000 } }, NULL);
	timer(1000);
	while (handled < want && in_main.sequence < 200000)
		tally_call(&in_main, random_next(&seed) % 5000);
	timer(0);
	setitimer(ITIMER_VIRTUAL, &(struct itimerval){ { 0, 0 }, { 0, 0 } }, NULL);
	printf("%u slots: calls %lu signals %lu deepest %lu busy %lu\n", slots, in_main.sequence,
	       handled, deepest, busy);
	run_report("nested", conn);
	CHECK(handled >= want, "only %lu signals came", handled);
	CHECK(!broken, "%lu calls from handlers went wrong", broken);
	tally_end(&in_main);
	tally_end(&in_handler[0]);
	tally_end(&in_handler[1]);
	CHECK(slots < 3 || !busy, "no slot for a handler, with %u of them", slots);
	CHECK(slots < 3 || in_handler[0].sequence, "no handler called");
	xo_disconnect(conn);
}

static void case_handlers_call(const struct run *r)
{
	nested(r, 4);
	/* With one slot a handler that comes during a call is told so. */
	nested(r, 1);
	CHECK(busy, "no handler came during a call");
}

static void give_up(int sig)
{
	xo_abandon(spinning);
	siglongjmp(out, 1);
}

/* longjmp() out of an endless service, more often than there are slots. */
static void case_abandon(const struct run *r)
{
	struct sigaction action = { .sa_handler = give_up };
	volatile uint64_t value = 0;
	volatile uint64_t i;
	struct tally_run t;

	spinning = run_connect(r, "plain", 2);
	tally_begin(&t, spinning, 53);
	sigaction(SIGALRM, &action, NULL);
	for (i = 0; i < run_arg(r, 0, 20); i++) {
		if (!sigsetjmp(out, 1)) {
			uint64_t v = 0;
			int err;

			timer(3000);
			err = xo_call(spinning, PLAIN_SPIN, 0, 0, 0, 0, 0, &v);
			value = v;
			CHECK(0, "an endless call ended: %d, %lu", err, value);
		}
		timer(0);
		tally_call(&t, 10 + i);
	}
	tally_end(&t);
	run_report("abandon", spinning);
	xo_disconnect(spinning);
}

/* longjmp() out of calls that would have ended: at any point of them. */
static void case_abandon_anywhere(const struct run *r)
{
	struct sigaction action = { .sa_handler = give_up };
	uint64_t want = run_arg(r, 0, 100);
	volatile uint64_t gone = 0, calls = 0;

	spinning = run_connect(r, "plain", 2);
	sigaction(SIGALRM, &action, NULL);
	while (gone < want) {
		if (sigsetjmp(out, 1)) {
			gone++;
			continue;
		}
		timer(1000 + (unsigned int)(gone * 7 % 200));
		for (;;) {
			uint64_t value = 0;
			int err = xo_call(spinning, PLAIN_MIX, calls, 2, 3, 4, 5, &value);

			CHECK(!err, "after %lu calls and %lu given up: %s", calls, gone,
			      strerror(-err));
			calls++;
		}
	}
	timer(0);
	printf("%lu calls, %lu times out of one\n", calls, gone);
	xo_disconnect(spinning);
}

static void case_deadline(const struct run *r)
{
	struct xo_conn *conn = run_connect(r, "plain", 2);
	struct tally_run t;
	uint64_t value = 77;

	tally_begin(&t, conn, 54);
	for (int i = 0; i < 5; i++) {
		uint64_t from = now_ns(), until = from + 20000000, took;
		struct timespec at = { (time_t)(until / 1000000000), (long)(until % 1000000000) };
		int err = xo_call_deadline(conn, PLAIN_SPIN, 0, 0, 0, 0, 0, &value, &at);

		took = now_ns() - from;
		CHECK(err == -ETIMEDOUT, "an endless call: %s", strerror(-err));
		CHECK(took >= 20000000, "given up too early: after %lu us", took / 1000);
		CHECK(took < 2000000000, "given up too late: after %lu us", took / 1000);
		CHECK(value == 77, "the value was touched");
		tally_call(&t, 1000);
		if (!i)
			printf("deadline of 20 ms: given up after %lu us\n", took / 1000);
	}
	/* A deadline that is over already spoils no call that needs no interruption. */
	tally_end(&t);
	xo_disconnect(conn);
}

const struct run_case signal_cases[] = {
	{ "handlers-call", case_handlers_call },
	{ "abandon", case_abandon },
	{ "abandon-anywhere", case_abandon_anywhere },
	{ "deadline", case_deadline },
	{ NULL, NULL },
};
