// SPDX-License-Identifier: GPL-2.0
/*
 * xo sh: becomes a program whose system calls another VM's kernel executes. Everything is made
 * ready first; the execve() at the end is where routing begins (docs/router.md).
 */
#include "sh.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <crossover/syscalls.h>
#include "common.h"

/* As env(1) and shells have it, so that the program's own status is told apart. */
enum {
	SH_FAILED = 125, /* `xo sh` itself */
	SH_CANNOT_RUN = 126,
	SH_NOT_FOUND = 127,
};

static const char help[] =
	"usage: xo sh [--cwd DIR] VM -- COMMAND [ARGUMENT]...\n\n"
	"Runs COMMAND, a program of this VM, with its system calls executed by the kernel of VM:\n"
	"files, processes and the system's state are VM's. The program, its libraries, locale,\n"
	"terminal, standard input and output and the time stay this VM's.\n\n"
	"  --cwd DIR   working directory in VM (this one's by name, or else the user's home "
	"there)\n\n"
	"Exit status: the command's; 125 refused or failed, 126 COMMAND cannot be run, 127 there\n"
	"is no such COMMAND here.\n";

struct request {
	const char *word, *vm, *cwd;
	char **command;
};

static int usage_error(const char *word, const char *what)
{
	xo_bad_usage(word, "%s", what);
	return SH_FAILED;
}

/* 0, or what to exit with, less 1. */
static int parse(int argc, char **argv, struct request *r)
{
	static const struct option options[] = { { "cwd", required_argument, NULL, 'C' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int c, status;

	r->word = argv[0];
	while ((c = xo_option(argc, argv, "+:C:h", options, help, &status)) >= 0)
		r->cwd = optarg;
	if (c == -2)
		return status ? SH_FAILED + 1 : 1;
	if (optind >= argc || !strcmp(argv[optind], "--"))
		return usage_error(r->word, "name the VM to run the command against") + 1;
	if (!xo_names(r->word, argv + optind, 1, &status))
		return SH_FAILED + 1;
	r->vm = argv[optind++];
	if (optind < argc && !strcmp(argv[optind], "--"))
		optind++;
	if (optind >= argc)
		return usage_error(r->word, "a command is missing behind `--`") + 1;
	r->command = argv + optind;
	return 0;
}

/* Here by its name there; where that cannot be, at home, as a login would. */
static int connect_session(struct xo *x, const struct request *r, struct xo_g_connect *s)
{
	char here[sizeof(s->cwd)];
	int err;

	if (r->cwd)
		return xo_session_open(x, r->vm, r->cwd, s);
	if (!getcwd(here, sizeof(here)) || here[0] != '/')
		return xo_session_open(x, r->vm, NULL, s);
	err = xo_session_open(x, r->vm, here, s);
	return err == -ENOTDIR || err == -EACCES ? xo_session_open(x, r->vm, NULL, s) : err;
}

/* To the number where the router looks for it, and open across execve(). */
static int hide(int fd)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return -errno;
	if (l.rlim_cur <= XO_SELF_FD) {
		l.rlim_cur = XO_SELF_FD + 1;
		if (l.rlim_max < l.rlim_cur)
			l.rlim_max = l.rlim_cur;
		if (setrlimit(RLIMIT_NOFILE, &l))
			return -errno;
	}
	return dup2(fd, XO_SELF_FD) < 0 ? -errno : 0;
}

static int arm(const struct request *r, struct xo *x, uint64_t loader_span)
{
	struct xo_g_arm a = { .loader_span = loader_span, .self_fd = XO_SELF_FD };
	int err = hide(xo_fd(x));

	if (err)
		return xo_fail(r->word,
			       "no descriptor %d can be had for the session: %s; raise the "
			       "limit of open files (ulimit -n)",
			       XO_SELF_FD, strerror(-err));
	if (ioctl(XO_SELF_FD, XO_G_ARM, &a) == 0)
		return 0;
	if (errno == EOPNOTSUPP)
		return xo_fail(
			r->word,
			"this VM's kernel cannot route system calls: its sys_enter tracepoint "
			"does not allow it; use Debian's 6.1.192 or later (dmesg says more)");
	return xo_fail(r->word, "the session with VM '%s' cannot route system calls: %s", r->vm,
		       strerror(errno));
}

static int cannot_find(const struct request *r, int err)
{
	if (err == -EACCES) {
		xo_fail(r->word,
			"'%s' cannot be executed in this VM: it is no program, or not "
			"permitted",
			r->command[0]);
		return SH_CANNOT_RUN;
	}
	xo_fail(r->word,
		"there is no program '%s' in this VM, where it has to be; only what it "
		"does is done in '%s'",
		r->command[0], r->vm);
	return SH_NOT_FOUND;
}

int xo_cmd_sh(int argc, char **argv)
{
	struct request r = { 0 };
	struct xo_g_connect session;
	char path[4096], why[512];
	uint64_t span;
	struct xo *x;
	int err;

	err = parse(argc, argv, &r);
	if (err)
		return err - 1;
	err = xo_sh_find(r.command[0], path, sizeof(path));
	if (err)
		return cannot_find(&r, err);
	if (xo_sh_loader_span(path, &span, why, sizeof(why))) {
		xo_fail(r.word, "%s, so its system calls cannot be routed", why);
		return SH_CANNOT_RUN;
	}
	x = xo_cli_open(r.word, XO_SIDE_GUEST);
	if (!x)
		return SH_FAILED;
	if (connect_session(x, &r, &session) < 0) {
		xo_cli_fail(r.word, x);
		return SH_FAILED;
	}
	if (arm(&r, x, span))
		return SH_FAILED;
	execv(path, r.command);
	xo_fail(r.word, "'%s' cannot be run: %s", path, strerror(errno));
	return SH_CANNOT_RUN;
}
