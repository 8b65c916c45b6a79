// SPDX-License-Identifier: GPL-2.0
// A caller must never fill the callee's disk with refusals, nor keep another's out of the log.
// link: xo/log.c
// libs: -Wl,--wrap=clock_gettime
#include "xo/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

static long now = 1000;
static FILE *log_file;

int __wrap_clock_gettime(clockid_t clock, struct timespec *t);

int __wrap_clock_gettime(clockid_t clock, struct timespec *t)
{
	t->tv_sec = now;
	t->tv_nsec = 0;
	return 0;
}

static int open_it(void **state)
{
	log_file = tmpfile();
	return log_file ? xo_log_open(fileno(log_file)) : -1;
}

static int close_it(void **state)
{
	xo_log_close();
	return fclose(log_file);
}

/* Lines that contain `words`. */
static int lines(const char *words)
{
	char line[8192];
	int n = 0;

	rewind(log_file);
	while (fgets(line, sizeof(line), log_file))
		n += strstr(line, words) != NULL;
	return n;
}

static void flood(const char *caller, int count)
{
	for (int i = 0; i < count; i++)
		xo_log(caller, "about %s", caller);
}

static void a_flood_is_cut_and_counted(void **state)
{
	flood("mgr", 1000);
	assert_int_equal(lines("about mgr"), XO_LOG_BURST);
	now += 3;
	flood("mgr", 100);
	assert_int_equal(lines("about mgr"), XO_LOG_BURST + 3);
	assert_int_equal(lines("(980 lines held back before)"), 1);
	now += 100000;
	flood("mgr", 1000);
	assert_int_equal(lines("about mgr"), 2 * XO_LOG_BURST + 3);
}

static void callers_do_not_share_an_account(void **state)
{
	char name[32];

	flood("mgr", 1000);
	flood("web", 3);
	assert_int_equal(lines("about web"), 3);
	/* More callers than accounts: the rest share one, and are limited still. */
	for (int i = 0; i < 10 * XO_LOG_CALLERS; i++) {
		snprintf(name, sizeof(name), "vm-%d", i);
		xo_log(name, "one of many");
	}
	assert_true(lines("one of many") >= XO_LOG_CALLERS - 2);
	assert_true(lines("one of many") <= XO_LOG_CALLERS + XO_LOG_BURST);
}

static void stubs_share_their_callers_account(void **state)
{
	for (int i = 0; i < 10; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			flood("mgr", 10);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	assert_int_equal(lines("about mgr"), XO_LOG_BURST);
}

static void our_own_lines_are_not_limited(void **state)
{
	for (int i = 0; i < 100; i++)
		xo_log(NULL, "ours");
	assert_int_equal(lines("ours"), 100);
}

static void long_lines_are_cut_and_end(void **state)
{
	char *text = malloc(20000), line[16384];

	assert_non_null(text);
	memset(text, 1, 19999);
	text[19999] = '\0';
	xo_log(NULL, "%s", text);
	free(text);
	xo_log(NULL, "next");
	rewind(log_file);
	assert_non_null(fgets(line, sizeof(line), log_file));
	assert_true(line[strlen(line) - 1] == '\n');
	assert_int_equal(lines("next"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_flood_is_cut_and_counted, open_it, close_it),
		cmocka_unit_test_setup_teardown(callers_do_not_share_an_account, open_it, close_it),
		cmocka_unit_test_setup_teardown(stubs_share_their_callers_account, open_it,
						close_it),
		cmocka_unit_test_setup_teardown(our_own_lines_are_not_limited, open_it, close_it),
		cmocka_unit_test_setup_teardown(long_lines_are_cut_and_end, open_it, close_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
