// SPDX-License-Identifier: GPL-2.0
// A public header must never need another one first; the library must never export what its header
// does not declare, nor keep back what it does.
#include <crossover/crossover.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void compiles(const char *compiler, const char *header)
{
	char command[512];

	snprintf(
		command, sizeof(command),
		"echo '#include <crossover/%s>' | %s -Wall -Wextra -Wpedantic -Wno-variadic-macros "
		"-Werror -Iinclude -fsyntax-only -",
		header, compiler);
	if (system(command))
		fail_msg("failed: %s", command);
}

static void each_header_compiles_alone_as_c17(void **state)
{
	compiles("gcc -std=c17 -x c", "abi.h");
	compiles("gcc -std=c17 -x c", "crossover.h");
}

static void each_header_compiles_alone_as_cpp17(void **state)
{
	if (system("command -v g++ >/dev/null"))
		skip();
	compiles("g++ -std=c++17 -x c++", "abi.h");
	compiles("g++ -std=c++17 -x c++", "crossover.h");
}

/* Sorted, one name a line. */
static char *output_of(const char *command)
{
	char *text = calloc(1, 1 << 16);
	FILE *p = popen(command, "r");

	assert_non_null(text);
	assert_non_null(p);
	assert_true(fread(text, 1, (1 << 16) - 1, p) > 0);
	assert_int_equal(pclose(p), 0);
	return text;
}

static void the_symbol_map_is_the_header(void **state)
{
	char *map = output_of("sed -nE 's/^\t(xo_[a-z_]+);$/\\1/p' lib/crossover.map | sort");
	char *header = output_of("sed -nE 's/^[a-z].*[ *](xo_[a-z_]+)\\(.*/\\1/p' "
				 "include/crossover/crossover.h | sort");

	assert_string_equal(map, header);
	free(map);
	free(header);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_header_compiles_alone_as_c17),
		cmocka_unit_test(each_header_compiles_alone_as_cpp17),
		cmocka_unit_test(the_symbol_map_is_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
