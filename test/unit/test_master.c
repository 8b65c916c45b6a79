// SPDX-License-Identifier: GPL-2.0
// The master must never let a caller in that the policy does not name, leave an OPEN call without
// an answer, or lose its policy to a bad one. The device is played by the wrapped ioctl() below,
// sessions by xo_session() here.
// link: xo/master.c xo/config.c xo/account.c xo/policy.c xo/policy_parse.c xo/calls.c xo/log.c
// link: lib/handle.c lib/host.c lib/guest.c lib/names.c lib/reasons.c
// libs: -Wl,--wrap=ioctl
#include "xo/serve.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>
#include "xo/log.h"

/* What comes next on the device, and what was answered. */
struct event {
	const char *peer;   /* an OPEN call of this VM, or NULL */
	int error;	    /* with peer NULL: the wait ends with this errno */
	int sig;	    /* this signal comes before the wait begins, or 0 */
	const char *policy; /* the file's text from now on, or NULL */
};

static const struct event *events;
static size_t event_count, at, ready_count;
static struct {
	uint64_t seq;
	int status;
} answers[64];
static size_t answer_count;
static char policy_file[512];
static FILE *log_file;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

static void write_policy(const char *text)
{
	FILE *f = fopen(policy_file, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	chmod(policy_file, 0600);
}

static int wait_ms(unsigned int ms)
{
	const struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L };

	errno = nanosleep(&t, NULL) ? EINTR : ETIMEDOUT;
	return -1;
}

static int play(struct xo_g_serve *r, const struct event *e)
{
	if (e->policy)
		write_policy(e->policy);
	if (e->sig) {
		/* Just before the wait: were the handler not to shorten it, this would be 60 s. */
		raise(e->sig);
		return wait_ms(r->timeout_ms ? r->timeout_ms : 60000);
	}
	if (!e->peer) {
		errno = e->error;
		return -1;
	}
	strcpy(r->peer, e->peer);
	r->link = 7;
	r->slot = (uint32_t)at;
	r->seq = at;
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct xo_g_serve *r = arg;

	if (request == XO_H_VERSION) {
		errno = ENOTTY;
		return -1;
	}
	if (request != XO_G_SERVE)
		return 0; /* XO_G_VERSION: the same revision */
	if (r->reply) {
		assert_true(answer_count < 64);
		answers[answer_count].seq = r->seq;
		answers[answer_count++].status = r->status;
	}
	if (at < event_count)
		return play(r, &events[at++]);
	/* All is played: wait for children a while, then end it. */
	if (at++ < event_count + 40)
		return wait_ms(r->timeout_ms && r->timeout_ms < 10 ? r->timeout_ms : 10);
	raise(SIGTERM);
	return wait_ms(1);
}

/* mgr's sessions last; bad's die before they adopt; killed's are killed. */
int xo_session(const struct xo_g_serve *req, const struct xo_policy_caller *caller,
	       const struct xo_account *account, int log)
{
	if (strcmp(req->peer, xo_policy_caller_name(caller)))
		abort();
	if (!strcmp(req->peer, "bad"))
		return XO_SESSION_UNADOPTED;
	if (!strcmp(req->peer, "killed"))
		raise(SIGKILL);
	signal(SIGTERM, SIG_DFL);
	for (;;)
		pause();
}

static void is_ready(void *arg)
{
	ready_count++;
}

static int run(const struct event *list, size_t count)
{
	const struct xo_master_hooks hooks = { .ready = is_ready };
	struct xo_config config = { 0 };
	struct xo *x = xo_new();
	char why[512];
	int status;

	write_policy("caller mgr { user root; stubs 2 }\ncaller bad { user root }\n"
		     "caller killed { user root }\n");
	events = list;
	event_count = count;
	at = ready_count = answer_count = 0;
	assert_true(xo_config_load(&config, policy_file, why, sizeof(why)));
	assert_int_equal(xo_open(x, XO_SIDE_GUEST, "/dev/null"), 0);
	status = xo_master(x, &config, policy_file, &hooks);
	xo_free(x);
	xo_config_free(&config);
	return status;
}

#define RUN(list) run((list), sizeof(list) / sizeof(*(list)))

/* How often was seq answered, and with what? */
static size_t answered(uint64_t seq, int status)
{
	size_t n = 0;

	for (size_t i = 0; i < answer_count; i++)
		if (answers[i].seq == seq) {
			assert_int_equal(answers[i].status, status);
			n++;
		}
	return n;
}

static int logged(const char *words)
{
	char line[8192];
	int n = 0;

	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		n += strstr(line, words) != NULL;
	return n;
}

static int open_log(void **state)
{
	const char *dir = getenv("XO_TEST_DIR");

	snprintf(policy_file, sizeof(policy_file), "%s/policy", dir ? dir : "/tmp");
	log_file = tmpfile();
	return log_file ? xo_log_open(fileno(log_file)) : -1;
}

static int close_log(void **state)
{
	xo_log_close();
	return fclose(log_file);
}

static void strangers_are_refused_by_name(void **state)
{
	static const struct event list[] = {
		{ .error = ETIMEDOUT }, { .peer = "ghost" }, { .peer = "mgr-2" }, { .error = EINTR }
	};

	assert_int_equal(RUN(list), 0);
	assert_int_equal(ready_count, 1);
	assert_int_equal(answered(2, -EACCES), 1);
	assert_int_equal(answered(3, -EACCES), 1);
	assert_int_equal(answer_count, 2);
	assert_int_equal(logged("refused caller=ghost"), 1);
}

static void a_caller_has_as_many_stubs_as_its_block_says(void **state)
{
	static const struct event list[] = {
		{ .peer = "mgr" }, { .peer = "mgr" }, { .peer = "mgr" }, { .peer = "mgr" }
	};

	assert_int_equal(RUN(list), 0);
	assert_int_equal(answered(1, 0), 0);
	assert_int_equal(answered(2, 0), 0);
	assert_int_equal(answered(3, -EBUSY), 1);
	assert_int_equal(answered(4, -EBUSY), 1);
	assert_int_equal(logged("it has 2 stubs already"), 2);
}

static void calls_of_dead_sessions_are_answered(void **state)
{
	static const struct event list[] = { { .peer = "bad" },	    { .peer = "killed" },
					     { .peer = "bad" },	    { .peer = "ghost" },
					     { .error = ESTALE },   { .peer = "bad" },
					     { .error = ETIMEDOUT } };

	assert_int_equal(RUN(list), 0);
	assert_int_equal(answered(1, -EIO), 1);
	assert_int_equal(answered(2, -EIO), 1);
	assert_int_equal(answered(3, -EIO), 1);
	assert_int_equal(answered(4, -EACCES), 1);
	assert_int_equal(answered(6, -EIO), 1);
	assert_int_equal(logged("was killed by signal 9"), 1);
}

static void a_bad_policy_leaves_the_old_one(void **state)
{
	static const struct event list[] = {
		{ .sig = SIGHUP, .policy = "caller ghost { user root }\ncaller mgr {\n" },
		{ .error = ETIMEDOUT },
		{ .peer = "ghost" },
		{ .peer = "mgr" },
		{ .sig = SIGHUP, .policy = "caller ghost { user root }\n" },
		{ .error = ETIMEDOUT },
		{ .peer = "ghost" },
		{ .peer = "mgr" },
	};

	assert_int_equal(RUN(list), 0);
	assert_int_equal(answered(3, -EACCES), 1);
	assert_int_equal(answered(4, 0), 0);
	assert_int_equal(answered(7, 0), 0);
	assert_int_equal(answered(8, -EACCES), 1);
	assert_int_equal(logged("the new policy is refused, the old one stays"), 1);
	assert_int_equal(logged("loaded again, 1 callers"), 1);
}

static void a_signal_before_the_wait_is_not_slept_through(void **state)
{
	static const struct event list[] = { { .error = ETIMEDOUT }, { .sig = SIGTERM } };
	time_t began = time(NULL);

	assert_int_equal(RUN(list), 0);
	assert_true(time(NULL) - began < 30);
	assert_int_equal(at, 2);
}

static void a_device_that_breaks_ends_it_with_a_line(void **state)
{
	static const struct event list[] = { { .error = ETIMEDOUT }, { .error = EPERM } };

	assert_int_equal(RUN(list), 1);
	assert_int_equal(logged("cannot serve any more"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(strangers_are_refused_by_name, open_log, close_log),
		cmocka_unit_test_setup_teardown(a_caller_has_as_many_stubs_as_its_block_says,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(calls_of_dead_sessions_are_answered, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(a_bad_policy_leaves_the_old_one, open_log,
						close_log),
		cmocka_unit_test_setup_teardown(a_signal_before_the_wait_is_not_slept_through,
						open_log, close_log),
		cmocka_unit_test_setup_teardown(a_device_that_breaks_ends_it_with_a_line, open_log,
						close_log),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
