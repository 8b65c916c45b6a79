// SPDX-License-Identifier: GPL-2.0
// Wrong words must never be taken for right ones: exit status 2 and a sentence, nothing done.
// link: xo/main.c xo/common.c xo/json.c xo/enrol.c xo/unenrol.c xo/link.c xo/unlink.c xo/ls.c
// link: xo/count.c xo/count_print.c xo/exit_name.c xo/stat.c xo/stat_visits.c xo/doctor.c
// link: xo/doctor_vmfunc.c xo/btf.c xo/ping.c
// link: xo/serve.c xo/master.c xo/session.c xo/config.c xo/doctor_policy.c
// link: xo/account.c xo/policy.c xo/policy_parse.c xo/calls.c xo/log.c
// link: lib/handle.c lib/host.c lib/guest.c lib/names.c lib/reasons.c
// libs: -ljson-c -lbpf
// cflags: -Dmain=xo_main -Wno-missing-prototypes
#include "xo/xo.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "xo/stub_exec.h"

#undef main
int xo_main(int argc, char **argv);

/* No session gets as far as this here: there is no device. */
int xo_stub_run(struct xo_stub *s)
{
	abort();
}

/* Words of others, held to their claims by tests of their own. */
int xo_cmd_sh(int argc, char **argv)
{
	abort();
}

int xo_cmd_vm(int argc, char **argv)
{
	abort();
}

int xo_cmd_lab(int argc, char **argv)
{
	abort();
}

static char out[16384], err[16384];

static void read_back(int fd, char *to, size_t size)
{
	ssize_t n = pread(fd, to, size - 1, 0);

	to[n > 0 ? n : 0] = '\0';
	close(fd);
}

/* The words after `xo`, in a process of their own: its exit status; out and err are filled. */
static int xo(const char *line)
{
	char words[512], *argv[32] = { "xo" }, *save;
	FILE *fo = tmpfile(), *fe = tmpfile();
	int argc = 1, status;
	pid_t pid;

	strcpy(words, line);
	for (char *w = strtok_r(words, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = w;
	fflush(NULL);
	pid = fork();
	if (pid == 0) {
		dup2(fileno(fo), 1);
		dup2(fileno(fe), 2);
		exit(xo_main(argc, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	read_back(dup(fileno(fo)), out, sizeof(out));
	read_back(dup(fileno(fe)), err, sizeof(err));
	fclose(fo);
	fclose(fe);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void wrong(const char *line, const char *words)
{
	int status = xo(line);

	if (status != XO_USAGE || !strstr(err, words) || out[0])
		fail_msg("xo %s: status %d, says <%s>, not <%s>", line, status, err, words);
}

static void refused(const char *line, const char *words)
{
	int status = xo(line);

	if (status != XO_REFUSED || !strstr(err, words))
		fail_msg("xo %s: status %d, says <%s>, not <%s>", line, status, err, words);
}

static void unknown_words_are_refused(void **state)
{
	wrong("", "usage: xo");
	wrong("frobnicate", "no command 'frobnicate'");
	wrong("LS", "no command 'LS'");
	wrong("--frob", "no command '--frob'");
	wrong("ls web", "'web' is one word too many");
	wrong("ls --frob", "no option '--frob'");
	wrong("ls -x", "no option -x");
	wrong("ls --json=yes", "takes no value");
	wrong("stat now", "one word too many");
	wrong("enrol", "needs the VM's name");
	wrong("enrol a b", "'b' is one word too many");
	wrong("enrol --pid 0 web", "'0' is not a process number");
	wrong("enrol --pid -4 web", "'-4' is not a process number");
	wrong("enrol --pid 12x web", "'12x' is not a process number");
	wrong("enrol --pid 99999999999999999999 web", "is not a process number");
	wrong("enrol web --pid", "'--pid' needs a value");
	wrong("unenrol", "needs the VM's name");
	wrong("link a", "needs two VMs");
	wrong("link a b c", "'c' is one word too many");
	wrong("link --engine warp a b", "'warp' is no engine of links: exit, ring or vmfunc");
	/* The ABI knows it, links do not. */
	wrong("link --engine hw a b", "'hw' is no engine of links: exit, ring or vmfunc");
	wrong("help frobnicate", "no command 'frobnicate'");
	wrong("help link a b", "it takes a command");
	wrong("link --kernel --ibpb a b", "--kernel and --ibpb are for --engine vmfunc");
	wrong("link --engine vmfunc --ibpb a b", "--ibpb is for --kernel");
	wrong("link --slots 0 a b", "'0' is not a number from 1 to 64");
	wrong("link --slots 65 a b", "'65' is not a number");
	wrong("link --slots 1x a b", "'1x' is not a number");
	wrong("link --slots -1 a b", "'-1' is not a number");
	wrong("unlink a", "needs two VMs");
	wrong("ping", "needs the VM to call");
	wrong("ping --count 0 web", "'0' is not a number of calls");
	wrong("ping --count 1e3 web", "'1e3' is not a number of calls");
	wrong("doctor --host --guest", "not both");
	wrong("serve now", "one word too many");
	wrong("serve --daemon --policy here", "named from '/' on");
}

/* The same status and words, whatever the command; and without a device. */
static void bad_names_are_wrong_words(void **state)
{
	static const char *const lines[] = { "enrol ../web",	"enrol --pid 1 ../web",
					     "unenrol ../web",	"link ../web b",
					     "link a ../web",	"unlink ../web b",
					     "unlink a ../web", "ping ../web" };

	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		wrong(lines[i], "'../web' is not a VM name: use a lower-case letter");
}

static void the_host_is_no_vm(void **state)
{
	refused("enrol host", "run: xo link CALLER host");
	refused("enrol --pid 1 host", "run: xo link CALLER host");
	refused("unenrol host", "run: xo unlink CALLER host");
}

static void help_is_no_mistake(void **state)
{
	static const char *const words[] = { "enrol", "unenrol", "link", "unlink", "ls",
					     "stat",  "doctor",	 "ping", "serve" };
	char line[64], begin[64];

	assert_int_equal(xo("--help"), XO_OK);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		assert_non_null(strstr(out, words[i]));
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		snprintf(line, sizeof(line), "%s --help", words[i]);
		snprintf(begin, sizeof(begin), "usage: xo %s", words[i]);
		assert_int_equal(xo(line), XO_OK);
		assert_int_equal(strncmp(out, begin, strlen(begin)), 0);
		assert_string_equal(err, "");
		snprintf(line, sizeof(line), "help %s", words[i]);
		assert_int_equal(xo(line), XO_OK);
		assert_int_equal(strncmp(out, begin, strlen(begin)), 0);
	}
	assert_int_equal(xo("help"), XO_OK);
	assert_non_null(strstr(out, "usage: xo WORD"));
	assert_int_equal(xo("--version"), XO_OK);
	assert_non_null(strstr(out, "revision"));
}

static void without_a_device_the_sentence_says_what_to_load(void **state)
{
	static const char *const lines[] = { "ls",	  "stat",
					     "ls --json", "unenrol web",
					     "link a b",  "unlink a b",
					     "ping web",  "link --engine ring a b" };

	if (access("/dev/crossover", F_OK) == 0)
		skip();
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++) {
		refused(lines[i], "modprobe crossover");
		assert_string_equal(out, "");
	}
	refused("enrol no-such-vm", "was started by `xo vm start`");
}

static void a_full_disk_is_not_success(void **state)
{
	pid_t pid;
	int status;

	pid = fork();
	if (pid == 0) {
		char *argv[] = { "xo", "--help", NULL };
		int full = open("/dev/full", O_WRONLY), null = open("/dev/null", O_WRONLY);

		dup2(full, 1);
		dup2(null, 2);
		_exit(xo_main(2, argv));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), XO_REFUSED);
}

static void serve_takes_a_policy_whole_or_not_at_all(void **state)
{
	const char *dir = getenv("XO_TEST_DIR");
	char path[256], line[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/policy", dir ? dir : "/tmp");
	snprintf(line, sizeof(line), "serve --check --policy %s", path);
	refused(line, "the policy is refused");
	f = fopen(path, "w");
	assert_non_null(f);
	chmod(path, 0600);
	fputs("caller mgr { user root; allow calls all }\n", f);
	fflush(f);
	assert_int_equal(xo(line), XO_OK);
	assert_non_null(strstr(out, "1 caller, no mistakes"));
	assert_string_equal(err, "");
	fputs("caller db { user root; deny calls all; allow all /** }\n", f);
	fflush(f);
	assert_int_equal(xo(line), XO_OK);
	assert_non_null(strstr(out, "2 callers, no mistakes"));
	assert_non_null(strstr(err, "warning: "));
	assert_non_null(strstr(err, "policy:2: caller 'db' is let in, but allowed no call: add"));
	assert_null(strstr(err, "'mgr'"));
	fputs("caller web { user nobody-of-that-name }\n", f);
	fflush(f);
	refused(line, "policy:3: user 'nobody-of-that-name' of caller 'web': not in /etc/passwd");
	fputs("caller x {}\n", f);
	fclose(f);
	refused(line, "policy:4: the block of caller 'x' names no 'user'");
	if (access("/dev/crossover", F_OK) == 0)
		return;
	f = fopen(path, "w");
	fputs("caller mgr { user root }\n", f);
	fclose(f);
	snprintf(line, sizeof(line), "serve --policy %s", path);
	refused(line, "modprobe crossover_guest");
}

static void doctor_says_what_to_do(void **state)
{
	if (access("/dev/crossover", F_OK) == 0)
		skip();
	assert_int_equal(xo("doctor --host"), XO_REFUSED);
	assert_non_null(strstr(out, "modprobe crossover"));
	assert_int_equal(xo("doctor --guest"), XO_REFUSED);
	assert_non_null(strstr(out, "modprobe crossover_guest"));
	assert_non_null(strstr(out, "not checked: needs 'guest module'"));
	assert_int_equal(xo("doctor --json --guest"), XO_REFUSED);
	assert_int_equal(out[0], '{');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unknown_words_are_refused),
		cmocka_unit_test(bad_names_are_wrong_words),
		cmocka_unit_test(the_host_is_no_vm),
		cmocka_unit_test(help_is_no_mistake),
		cmocka_unit_test(without_a_device_the_sentence_says_what_to_load),
		cmocka_unit_test(a_full_disk_is_not_success),
		cmocka_unit_test(serve_takes_a_policy_whole_or_not_at_all),
		cmocka_unit_test(doctor_says_what_to_do),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
