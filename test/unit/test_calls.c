// SPDX-License-Identifier: GPL-2.0
// A class must never hold a call that crossover-policy(5) does not list under it.
// link: xo/calls.c
#include "xo/calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <cmocka.h>

#define MANUAL "man/crossover-policy.5"

static void numbers_and_names_are_the_kernels(void **state)
{
	assert_int_equal(xo_call_number("openat"), SYS_openat);
	assert_int_equal(xo_call_number("read"), 0);
	assert_string_equal(xo_call_name(SYS_statx), "statx");
	assert_null(xo_call_name(XO_CALLS_MAX));
	assert_null(xo_call_name(~0u));
	assert_int_equal(xo_call_number("opneat"), -1);
	assert_int_equal(xo_call_number(""), -1);
	for (uint32_t i = 0; i < XO_CALLS_MAX; i++)
		if (xo_call_name(i))
			assert_int_equal(xo_call_number(xo_call_name(i)), i);
}

static void every_class_names_known_calls(void **state)
{
	const char *name;

	for (unsigned int i = 0; (name = xo_call_class(i)); i++) {
		struct xo_call_set set = { { 0 } };

		assert_int_equal(xo_call_number(name) < 0 || !strcmp(name, "read") ||
					 !strcmp(name, "write"),
				 1);
		assert_true(xo_calls_add(&set, name));
	}
}

/* A class named as a call is (read, write) has that call too. */
static void classes_hold_the_call_of_their_name(void **state)
{
	struct xo_call_set set = { { 0 } };

	assert_true(xo_calls_add(&set, "read"));
	assert_true(xo_calls_has(&set, SYS_read));
	assert_false(xo_calls_has(&set, SYS_write));
}

/* The text between `.TP\n.B CLASS` and the next macro that ends it. */
static char *manual_of(const char *text, const char *class)
{
	char mark[64];
	const char *at, *end;

	snprintf(mark, sizeof(mark), ".TP\n.B %s\n", class);
	at = strstr(text, mark);
	if (!at)
		fail_msg("%s has no class %s", MANUAL, class);
	at += strlen(mark);
	end = strstr(at, "\n.");
	assert_non_null(end);
	return strndup(at, (size_t)(end - at));
}

static void the_manual_lists_each_class(void **state)
{
	char *text = calloc(1, 1 << 16), *list, *save, *word;
	FILE *f = fopen(MANUAL, "r");
	const char *class;

	assert_non_null(f);
	assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	for (unsigned int i = 0; (class = xo_call_class(i)); i++) {
		struct xo_call_set have = { { 0 } }, want = { { 0 } };

		list = manual_of(text, class);
		for (word = strtok_r(list, " \n", &save); word;
		     word = strtok_r(NULL, " \n", &save)) {
			int nr = xo_call_number(word);

			if (nr < 0)
				fail_msg("%s: class %s has no call '%s'", MANUAL, class, word);
			want.bits[nr / 64] |= 1ULL << (nr % 64);
		}
		free(list);
		assert_true(xo_calls_add(&have, class));
		for (uint32_t nr = 0; nr < XO_CALLS_MAX; nr++)
			if (xo_calls_has(&have, nr) != xo_calls_has(&want, nr))
				fail_msg("class %s and %s differ in %s", class, MANUAL,
					 xo_call_name(nr));
	}
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_and_names_are_the_kernels),
		cmocka_unit_test(every_class_names_known_calls),
		cmocka_unit_test(classes_hold_the_call_of_their_name),
		cmocka_unit_test(the_manual_lists_each_class),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
