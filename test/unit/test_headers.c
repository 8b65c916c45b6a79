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
	compiles("gcc -std=c17 -x c", "gate.h");
	compiles("gcc -std=c17 -x c", "crossover.h");
}

static void each_header_compiles_alone_as_cpp17(void **state)
{
	if (system("command -v g++ >/dev/null"))
		skip();
	compiles("g++ -std=c++17 -x c++", "abi.h");
	compiles("g++ -std=c++17 -x c++", "gate.h");
	compiles("g++ -std=c++17 -x c++", "crossover.h");
}

/* A user of all that is inline, with the warnings that users have. */
static void a_cpp_user_compiles(void **state)
{
	if (system("command -v g++ >/dev/null"))
		skip();
	if (system("printf '%s\\n' '#include <crossover/crossover.h>' "
		   "'uint64_t f(uint64_t a, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, "
		   "const xo_visit *v) { return a + v->wid; }' "
		   "'xo_service *offer(xo *x) { xo_service_spec s{}; xo_service *o; s.name = "
		   "\"f\"; "
		   "s.entry = f; return xo_service_create(x, &s, &o) ? nullptr : o; }' "
		   "'int call(xo_conn *c, uint64_t *v) { timespec t{}; return xo_call(c, 1, 2, 3, "
		   "4, 5, 6, v) "
		   "| xo_call_deadline(c, 1, 2, 3, 4, 5, 6, v, &t); }' | "
		   "g++ -std=c++17 -O2 -Wall -Wextra -Wpedantic -Wold-style-cast -Werror -Iinclude "
		   "-x c++ -c -o /dev/null -"))
		fail_msg("a C++ program cannot use crossover.h");
}

/* As man/libcrossover.3 says, but for where things are before they are installed. */
static void the_example_is_built_by_pkg_config(void **state)
{
	if (system("command -v pkg-config >/dev/null && test -e build/lib/libcrossover.so"))
		skip();
	if (system("cc -Wall -Wextra -Wno-unused-parameter -Werror examples/hello.c -o /dev/null "
		   "$(PKG_CONFIG_PATH=build/lib/pkgconfig pkg-config "
		   "--define-variable=libdir=build/lib --define-variable=includedir=include "
		   "--cflags --libs crossover)"))
		fail_msg("examples/hello.c cannot be built with pkg-config");
}

static void the_example_is_cpp_too(void **state)
{
	if (system("command -v g++ >/dev/null"))
		skip();
	if (system("g++ -std=c++20 -Wall -Wextra -Wno-unused-parameter "
		   "-Wno-missing-field-initializers -Werror -Iinclude -fsyntax-only -x c++ "
		   "examples/hello.c"))
		fail_msg("examples/hello.c is no C++");
}

/* A PREFIX that the build did not know, below a DESTDIR: it must be named, and DESTDIR must not. */
static void what_is_installed_is_found_by_pkg_config(void **state)
{
	const char *dir = getenv("XO_TEST_DIR");
	char command[2048];

	if (system("command -v pkg-config >/dev/null && test -e build/lib/libcrossover.so && "
		   "test -e build/bin/xo"))
		skip();
	snprintf(command, sizeof(command),
		 "d=$(realpath '%s')/installed && rm -rf \"$d\" && "
		 "env -u MAKEFLAGS -u MFLAGS make -s install DESTDIR=\"$d\" PREFIX=/opt/xo && "
		 "grep -qx prefix=/opt/xo \"$d/opt/xo/lib/pkgconfig/crossover.pc\" && "
		 "export PKG_CONFIG_PATH=\"$d/opt/xo/lib/pkgconfig\" "
		 "PKG_CONFIG_SYSROOT_DIR=\"$d\" && "
		 "cc -Wall -Wextra -Wno-unused-parameter -Werror "
		 "\"$d/opt/xo/share/doc/crossover/hello.c\" -o \"$d/hello\" "
		 "$(pkg-config --cflags --libs crossover) && "
		 "LD_LIBRARY_PATH=\"$d/opt/xo/lib\" ldd \"$d/hello\" | "
		 "grep -q \"libcrossover.so.0 => $d/opt/xo/lib/\"",
		 dir ? dir : "/tmp");
	if (system(command))
		fail_msg("make install leaves what pkg-config cannot use: %s", command);
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
	char *header =
		output_of("sed -nE '/^(static|typedef)/d; s/^[a-z].*[ *](xo_[a-z_]+)\\(.*/\\1/p' "
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
		cmocka_unit_test(a_cpp_user_compiles),
		cmocka_unit_test(the_example_is_built_by_pkg_config),
		cmocka_unit_test(the_example_is_cpp_too),
		cmocka_unit_test(what_is_installed_is_found_by_pkg_config),
		cmocka_unit_test(the_symbol_map_is_the_header),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
