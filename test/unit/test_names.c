// SPDX-License-Identifier: GPL-2.0
// A word that is no VM name must never reach the module, whatever bytes it has.
// link: lib/names.c lib/reasons.c
#include <crossover/crossover.h>

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

static void names_are_lower_case_words_of_31_bytes(void **state)
{
	static const char *const good[] = { "a",  "mgr", "web-1",
					    "x0", "a-",	 "abcdefghijklmnopqrstuvwxyz01234" };
	static const char *const bad[] = { "",	       "1a",  "-a",
					   "A",	       "aB",  "a b",
					   "a/b",      "a.b", "a\n",
					   "\xc3\xa4", "a_b", "abcdefghijklmnopqrstuvwxyz012345" };

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		assert_true(xo_name_ok(good[i]));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_false(xo_name_ok(bad[i]));
	assert_false(xo_name_ok(NULL));
}

static void engines_have_one_name_each(void **state)
{
	for (unsigned int i = XO_ENGINE_EXIT; i <= XO_ENGINE_HW; i++)
		assert_int_equal(xo_engine_by_name(xo_engine_name(i)), i);
	assert_int_equal(xo_engine_by_name("warp"), 0);
	assert_int_equal(xo_engine_by_name("?"), 0);
	assert_string_equal(xo_engine_name(0), "?");
	assert_string_equal(xo_engine_name(~0u), "?");
}

static void every_fault_has_words_of_its_own(void **state)
{
	const char *unknown = xo_fault_name(~0u);

	for (unsigned int i = 0; i <= XO_GATE_FAULT_GATE; i++) {
		assert_non_null(xo_fault_name(i));
		assert_string_not_equal(xo_fault_name(i), unknown);
		for (unsigned int j = 0; j < i; j++)
			assert_string_not_equal(xo_fault_name(i), xo_fault_name(j));
	}
	assert_string_equal(xo_fault_name(XO_GATE_FAULT_GATE + 1), unknown);
	assert_string_equal(xo_fault_name(XO_GATE_FAULT_SYSCALL), "a system call");
}

static void reasons_are_complete_and_in_order(void **state)
{
	const struct xo_reason *r;
	size_t i;

	for (i = 0; (r = xo_reason_at(i)); i++) {
		const char *at = strstr(r->sentence, "%s");

		assert_int_equal(r->code, i + 1);
		assert_ptr_equal(xo_reason_by_code(r->code), r);
		assert_true(r->error > 0 && r->error < 4096);
		assert_true(strlen(r->remedy) > 0);
		/* One %s at most, and no other conversion. */
		assert_null(at ? strchr(at + 1, '%') : strchr(r->sentence, '%'));
	}
	assert_true(i > 0);
	assert_null(xo_reason_by_code(0));
	assert_null(xo_reason_by_code(~0u));
	assert_int_equal(xo_reason_by_code(XO_REASON_LINK_SELF)->error, EINVAL);
}

static void a_reason_is_told_of_its_object(void **state)
{
	char text[256], small[8];

	assert_string_equal(xo_reason_text(XO_REASON_LINK_NONE, "a -> b", text, sizeof(text)),
			    "there is no link a -> b: run: xo ls");
	/* %s in a name is no conversion, and a sentence without one is told whole */
	xo_reason_text(XO_REASON_LINK_NONE, "%s%n", text, sizeof(text));
	assert_string_equal(text, "there is no link %s%n: run: xo ls");
	assert_string_equal(xo_reason_text(0, "a", text, sizeof(text)), "");
	memset(small, 'x', sizeof(small));
	assert_string_equal(xo_reason_text(XO_REASON_LINK_NONE, "a", small, 6), "there");
	assert_int_equal(small[6], 'x');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_lower_case_words_of_31_bytes),
		cmocka_unit_test(engines_have_one_name_each),
		cmocka_unit_test(every_fault_has_words_of_its_own),
		cmocka_unit_test(reasons_are_complete_and_in_order),
		cmocka_unit_test(a_reason_is_told_of_its_object),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
