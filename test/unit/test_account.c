// SPDX-License-Identifier: GPL-2.0
// A stub must never run as another user, or with other groups, than the files say.
// link: xo/account.c
#include "xo/account.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static char passwd[512], group[512];

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static int make_files(void **state)
{
	const char *dir = getenv("XO_TEST_DIR");

	snprintf(passwd, sizeof(passwd), "%s/passwd", dir ? dir : "/tmp");
	snprintf(group, sizeof(group), "%s/group", dir ? dir : "/tmp");
	write_file(passwd, "root:x:0:0:root:/root:/bin/sh\n"
			   "web:x:1000:100::/home/web:/bin/sh\n"
			   "nohome:x:1001:100:::/bin/sh\n"
			   "we:x:1002:100::/:/bin/sh\n");
	write_file(group, "root:x:0:\nusers:x:100:web\nadm:x:4:syslog,web\nx:x:5:webb,we\n");
	return 0;
}

static void groups_are_those_that_name_the_user(void **state)
{
	struct xo_account a;

	assert_int_equal(xo_account_find(&a, "web", passwd, group), 0);
	assert_int_equal(a.uid, 1000);
	assert_int_equal(a.gid, 100);
	assert_int_equal(a.group_count, 2);
	assert_int_equal(a.groups[0], 100);
	assert_int_equal(a.groups[1], 4);
	assert_string_equal(a.home, "/home/web");
	assert_int_equal(xo_account_find(&a, "we", passwd, group), 0);
	assert_int_equal(a.group_count, 2);
	assert_int_equal(a.groups[1], 5);
	assert_int_equal(xo_account_find(&a, "nohome", passwd, group), 0);
	assert_string_equal(a.home, "/");
}

static void unknown_users_are_refused(void **state)
{
	struct xo_account a;

	assert_int_equal(xo_account_find(&a, "ghost", passwd, group), -ENOENT);
	assert_int_equal(xo_account_find(&a, "", passwd, group), -ENOENT);
	assert_int_equal(xo_account_find(&a, "web", "/nonexistent", group), -ENOENT);
	assert_int_equal(xo_account_find(&a, "web", passwd, "/nonexistent"), 0);
	assert_int_equal(a.group_count, 1);
}

static void too_many_groups_are_refused_not_cut(void **state)
{
	struct xo_account a;
	char *text = calloc(1, 64 * 400), *p = text;

	assert_non_null(text);
	for (int i = 0; i < 300; i++)
		p += sprintf(p, "g%d:x:%d:web\n", i, 1000 + i);
	write_file(group, text);
	free(text);
	assert_int_equal(xo_account_find(&a, "web", passwd, group), -E2BIG);
}

/* In a child, since there is no way back. */
static void becoming_a_user_is_for_good(void **state)
{
	int status;
	pid_t pid;

	if (geteuid() != 0)
		skip();
	pid = fork();
	if (pid == 0) {
		const struct xo_account a = {
			.uid = 1000, .gid = 100, .groups = { 100, 4 }, .group_count = 2
		};
		gid_t groups[8];
		int ok = xo_account_become(&a) == 0 && geteuid() == 1000 && getegid() == 100 &&
			 getgroups(8, groups) == 2 && seteuid(0) < 0 && setegid(0) < 0;

		_exit(ok ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(groups_are_those_that_name_the_user),
		cmocka_unit_test(unknown_users_are_refused),
		cmocka_unit_test(becoming_a_user_is_for_good),
		cmocka_unit_test(too_many_groups_are_refused_not_cut),
	};

	return cmocka_run_group_tests(tests, make_files, NULL);
}
