// SPDX-License-Identifier: GPL-2.0
// Nothing that the policy does not allow in words may pass; a file with a mistake allows nothing.
// link: xo/policy.c xo/policy_parse.c xo/calls.c xo/log.c lib/names.c
#include "xo/policy.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>
#include "xo/calls.h"
#include "xo/log.h"

static char why[512];

static struct xo_policy *parse(const char *text)
{
	return xo_policy_parse("policy", text, strlen(text), why, sizeof(why));
}

/* The file is refused, with this line and these words. */
static void refused(const char *text, unsigned int line, const char *words)
{
	struct xo_policy *p = parse(text);
	char prefix[32];

	snprintf(prefix, sizeof(prefix), "policy:%u: ", line);
	if (p)
		fail_msg("accepted: %s", text);
	if (strncmp(why, prefix, strlen(prefix)) || !strstr(why, words))
		fail_msg("for <%s> it says <%s>, not <%s...%s>", text, why, prefix, words);
}

static int ask(const struct xo_policy_caller *c, uint32_t nr, uint32_t access, const char *path)
{
	struct xo_policy_query q = { .nr = nr, .access = access, .path = path };

	return xo_policy_decide(c, &q).error;
}

static const char sample[] = "# comment\n"
			     "caller mgr {\n"
			     "\tuser root\n"
			     "\tstubs 3\n"
			     "\tallow calls info read\n"
			     "\tdeny calls ioctl\n"
			     "\tallow read /etc/** /proc/*/stat \"/srv/a b\"\n"
			     "\tallow all /tmp/**; deny write /tmp/keep\n"
			     "\tdeny all /etc/shadow\n"
			     "}\n"
			     "caller other { user nobody }\n";

static void default_is_deny(void **state)
{
	struct xo_policy *p = parse("");
	const struct xo_policy_caller *c;

	assert_non_null(p);
	assert_null(xo_policy_find(p, "mgr"));
	assert_int_equal(ask(NULL, SYS_getpid, 0, NULL), -EACCES);
	xo_policy_free(p);
	p = parse(sample);
	c = xo_policy_find(p, "other");
	assert_non_null(c);
	assert_int_equal(ask(c, SYS_getpid, 0, NULL), -EACCES);
	assert_int_equal(ask(c, SYS_openat, XO_ACCESS_READ, "/etc/motd"), -EACCES);
	assert_null(xo_policy_find(p, "mg"));
	assert_null(xo_policy_find(p, "mgrr"));
	xo_policy_free(p);
}

static void calls_are_those_named(void **state)
{
	struct xo_policy *p = parse(sample);
	const struct xo_policy_caller *c = xo_policy_find(p, "mgr");

	assert_string_equal(xo_policy_caller_user(c), "root");
	assert_int_equal(xo_policy_caller_stubs(c), 3);
	assert_int_equal(ask(c, SYS_getpid, 0, NULL), 0);
	assert_int_equal(ask(c, SYS_openat, 0, NULL), 0);
	assert_int_equal(ask(c, SYS_ioctl, 0, NULL), -EACCES);
	assert_int_equal(ask(c, SYS_unlink, 0, NULL), -EACCES);
	assert_int_equal(ask(c, SYS_execve, 0, NULL), -EACCES);
	assert_int_equal(ask(c, XO_CALLS_MAX, 0, NULL), -EACCES);
	assert_int_equal(ask(c, ~0u, 0, NULL), -EACCES);
	xo_policy_free(p);
}

static void paths_are_those_named_and_deny_wins(void **state)
{
	const uint32_t r = XO_ACCESS_READ, w = XO_ACCESS_WRITE;
	struct xo_policy *p = parse(sample);
	const struct xo_policy_caller *c = xo_policy_find(p, "mgr");

	assert_int_equal(ask(c, SYS_openat, r, "/etc"), 0);
	assert_int_equal(ask(c, SYS_openat, r, "/etc/ssh/sshd_config"), 0);
	assert_int_equal(ask(c, SYS_openat, 0, "/etc/motd"), 0);
	assert_int_equal(ask(c, SYS_openat, r, "/etc2"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, r, "/etc/shadow"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, w, "/etc/motd"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, r | w, "/etc/motd"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, r | w, "/tmp/x"), 0);
	assert_int_equal(ask(c, SYS_openat, r, "/tmp/keep"), 0);
	assert_int_equal(ask(c, SYS_openat, r | w, "/tmp/keep"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, r, "/proc/1/stat"), 0);
	assert_int_equal(ask(c, SYS_openat, r, "/proc/1/2/stat"), -EACCES);
	assert_int_equal(ask(c, SYS_openat, r, "/srv/a b"), 0);
	assert_int_equal(ask(c, SYS_openat, r, "/srv/a"), -EACCES);
	/* A call that is refused is refused for allowed paths too. */
	assert_int_equal(ask(c, SYS_unlink, w, "/tmp/x"), -EACCES);
	xo_policy_free(p);
}

static void unresolved_paths_are_refused(void **state)
{
	struct xo_policy *p = parse("caller a {\nuser root\nallow calls all\nallow all /**\n}");
	const struct xo_policy_caller *c = xo_policy_find(p, "a");

	assert_int_equal(ask(c, SYS_open, 0, "/"), 0);
	assert_int_equal(ask(c, SYS_open, 0, "/x"), 0);
	assert_int_equal(ask(c, SYS_open, 0, "x"), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, ""), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/../y"), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/./y"), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/.."), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/."), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x//y"), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/"), -EACCES);
	assert_int_equal(ask(c, SYS_open, 0, "/x/..y"), 0);
	xo_policy_free(p);
}

static void patterns_match_what_the_manual_says(void **state)
{
	static const struct {
		const char *pattern, *path;
		int match;
	} t[] = {
		{ "/a", "/a", 1 },	     { "/a", "/ab", 0 },
		{ "/a", "/a/b", 0 },	     { "/a*", "/abc", 1 },
		{ "/a*", "/a", 1 },	     { "/a*", "/a/b", 0 },
		{ "/*/c", "/b/c", 1 },	     { "/*/c", "/b/b/c", 0 },
		{ "/**/c", "/b/b/c", 1 },    { "/**", "/", 1 },
		{ "/**", "/a/b", 1 },	     { "/a/**", "/a", 1 },
		{ "/a/**", "/a/", 1 },	     { "/a/**", "/a/b/c", 1 },
		{ "/a/**", "/ab", 0 },	     { "/a?", "/ab", 1 },
		{ "/a?", "/a", 0 },	     { "/a?b", "/a/b", 0 },
		{ "/a**b", "/a/x/b", 1 },    { "/*.conf", "/x.conf", 1 },
		{ "/*.conf", "/x.con", 0 },  { "/a/*", "/a", 0 },
		{ "/a/*/**", "/a/b", 1 },    { "/a/*/**", "/a", 0 },
		{ "/**/b", "/b", 0 },	     { "/a[b]", "/a[b]", 1 },
		{ "/a[b]", "/ab", 0 },	     { "/*a*b*c", "/xaxbxc", 1 },
		{ "/*a*b*c", "/xaxcxb", 0 },
	};

	for (size_t i = 0; i < sizeof(t) / sizeof(*t); i++)
		if (xo_policy_match(t[i].pattern, t[i].path) != t[i].match)
			fail_msg("%s and %s should%s match", t[i].pattern, t[i].path,
				 t[i].match ? "" : " not");
}

static void matching_a_hostile_path_takes_linear_time(void **state)
{
	char pattern[XO_POLICY_PATTERN_MAX + 1], path[4096];

	for (size_t i = 0; i + 2 < sizeof(pattern); i += 2)
		memcpy(pattern + i, i ? "*a" : "/*", 2);
	pattern[sizeof(pattern) - 2] = 'b';
	pattern[sizeof(pattern) - 1] = '\0';
	memset(path, 'a', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	/* Backtracking would take longer than the universe has lasted. */
	assert_false(xo_policy_match(pattern, path));
	assert_false(xo_policy_match("/a", path));
}

static void mistakes_refuse_the_whole_file(void **state)
{
	refused("allow calls all", 1, "caller NAME {");
	refused("\n\n}\n", 3, "caller NAME {");
	refused("caller Mgr {\n user root\n}", 1, "not a VM name");
	refused("caller mgr\n{\n user root\n}", 1, "'{' is missing");
	refused("caller mgr {\n user root\n", 3, "has no '}'");
	refused("caller mgr {\n}\n", 2, "names no 'user'");
	refused("caller mgr {\n user a\n user b\n}", 3, "line 2 already");
	refused("caller mgr {\n user\n}", 2, "needs the name");
	refused("caller mgr {\n user a b\n}", 2, "takes one name");
	refused("caller mgr {\n user ../x\n}", 2, "needs the name");
	refused("caller mgr {\n user 0\n}", 2, "needs the name");
	refused("caller mgr {\n user r\n stubs 0\n}", 3, "number from 1");
	refused("caller mgr {\n user r\n stubs -1\n}", 3, "number from 1");
	refused("caller mgr {\n user r\n stubs 1025\n}", 3, "number from 1");
	refused("caller mgr {\n user r\n stubs 99999999999999999999\n}", 3, "number from 1");
	refused("caller mgr {\n user r\n stubs 1; stubs 2\n}", 3, "already");
	refused("caller mgr {\n user r\n allow\n}", 3, "after 'allow'");
	refused("caller mgr {\n user r\n allow calls\n}", 3, "names no call");
	refused("caller mgr {\n user r\n deny read\n}", 3, "names no path");
	refused("caller mgr {\n user r\n allow calls reed\n}", 3, "'reed' is neither");
	refused("caller mgr {\n user r\n allow everything /x\n}", 3, "not 'everything'");
	refused("caller mgr {\n user r\n permit read /x\n}", 3, "'permit' is not known");
	refused("caller mgr {\n user r\n \"allow\" read /x\n}", 3, "'allow' is not known");
	refused("caller mgr {\n user r\n allow read etc\n}", 3, "does not begin with");
	refused("caller mgr {\n user r\n allow read /a/../b\n}", 3, "never match");
	refused("caller mgr {\n user r\n allow read /a//b\n}", 3, "never match");
	refused("caller mgr {\n user r\n allow read /a/..\n}", 3, "never match");
	refused("caller mgr {\n user r\n allow read /a/\n}", 3, "ends with '/'");
	refused("caller mgr {\n user r\n allow read /a/***\n}", 3, "'***'");
	refused("caller mgr {\n user r\n allow read \"/a\n}", 3, "does not end");
	refused("caller mgr {\n user r\n allow read /a\001b\n}", 3, "control byte");
	refused("caller mgr {\n user r\n allow read /a { }\n}", 3, "before '{'");
	refused("caller mgr {\n user r\n} x", 3, "follows '}'");
	refused("caller mgr {\n user r\n}\ncaller mgr {\n user r\n}", 4, "already, in line 1");
	refused("caller mgr {\n user r\n {\n}", 3, "'{' makes no sense");
}

static void words_have_a_limit(void **state)
{
	char text[1024], *p = text;

	p += sprintf(p, "caller mgr {\n user r\n allow read /");
	memset(p, 'x', XO_POLICY_PATTERN_MAX - 1);
	strcpy(p + XO_POLICY_PATTERN_MAX - 1, "\n}");
	xo_policy_free(parse(text));
	assert_string_equal(why, "");
	memset(p, 'x', XO_POLICY_PATTERN_MAX);
	strcpy(p + XO_POLICY_PATTERN_MAX, "\n}");
	refused(text, 3, "longer than");
}

/* Whatever bytes a file has, the parser ends, leaks nothing (ASan) and gives file or sentence. */
static void any_bytes_end_in_a_policy_or_a_sentence(void **state)
{
	char text[sizeof(sample)];
	unsigned int seed = 12345;

	for (int round = 0; round < 20000; round++) {
		struct xo_policy *p;
		size_t len = sizeof(sample) - 1;

		memcpy(text, sample, sizeof(sample));
		for (int i = 0; i < 1 + round % 4; i++) {
			seed = seed * 1664525u + 1013904223u;
			text[(seed >> 8) % len] = (char)(seed >> 24);
		}
		seed = seed * 1664525u + 1013904223u;
		if (round % 3 == 0)
			len = (seed >> 8) % len;
		p = xo_policy_parse("policy", text, len, why, sizeof(why));
		assert_true(p ? !why[0] : !strncmp(why, "policy:", 7));
		xo_policy_free(p);
	}
}

static void files_that_others_can_write_are_refused(void **state)
{
	const char *dir = getenv("XO_TEST_DIR");
	char path[512];
	FILE *f;

	snprintf(path, sizeof(path), "%s/policy", dir ? dir : "/tmp");
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(sample, f);
	fclose(f);
	chmod(path, 0644);
	xo_policy_free(xo_policy_load(path, why, sizeof(why)));
	assert_string_equal(why, "");
	chmod(path, 0664);
	assert_null(xo_policy_load(path, why, sizeof(why)));
	assert_non_null(strstr(why, "others than root"));
	unlink(path);
	assert_null(xo_policy_load(path, why, sizeof(why)));
	assert_non_null(strstr(why, "No such file"));
	assert_null(xo_policy_load("/dev/null", why, sizeof(why)));
	assert_non_null(strstr(why, "regular file"));
}

static void a_refusal_is_one_line_that_names_all(void **state)
{
	const struct xo_policy_query q = { .nr = SYS_openat,
					   .access = XO_ACCESS_READ,
					   .path = "/etc/shadow" };
	const struct xo_policy_query forged = { .nr = SYS_openat,
						.access = XO_ACCESS_READ,
						.path = "/x\n2030-01-01 all is well" };
	struct xo_policy *p = parse(sample);
	const struct xo_policy_caller *c = xo_policy_find(p, "mgr");
	char text[4096];
	int ends[2];
	ssize_t n;

	assert_int_equal(pipe(ends), 0);
	assert_int_equal(xo_log_open(ends[1]), 0);
	assert_int_equal(xo_policy_check(c, &q), -EACCES);
	n = read(ends[0], text, sizeof(text) - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	assert_non_null(strstr(text, "caller=mgr call=openat(257) access=r path=/etc/shadow "
				     "rule=deny all /etc/shadow line=9"));
	assert_int_equal(xo_policy_check(c, &forged), -EACCES);
	n = read(ends[0], text, sizeof(text) - 1);
	text[n > 0 ? n : 0] = '\0';
	assert_ptr_equal(strchr(text, '\n'), text + n - 1);
	assert_non_null(strstr(text, "path=/x\\x0a2030"));
	xo_log_close();
	close(ends[0]);
	close(ends[1]);
	xo_policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(default_is_deny),
		cmocka_unit_test(calls_are_those_named),
		cmocka_unit_test(paths_are_those_named_and_deny_wins),
		cmocka_unit_test(unresolved_paths_are_refused),
		cmocka_unit_test(patterns_match_what_the_manual_says),
		cmocka_unit_test(matching_a_hostile_path_takes_linear_time),
		cmocka_unit_test(mistakes_refuse_the_whole_file),
		cmocka_unit_test(words_have_a_limit),
		cmocka_unit_test(any_bytes_end_in_a_policy_or_a_sentence),
		cmocka_unit_test(files_that_others_can_write_are_refused),
		cmocka_unit_test(a_refusal_is_one_line_that_names_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
