// SPDX-License-Identifier: GPL-2.0
/* xo serve: options, log, background; the work is in master.c and session.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include "common.h"
#include "log.h"
#include "serve.h"
#include "stub_exec.h"

#define LOG_FILE "/var/log/crossover.log"

static const char help[] =
	"usage: xo serve [--policy FILE] [--log FILE] [--daemon [--pidfile FILE]]\n"
	"       xo serve --check [--policy FILE]\n\n"
	"Serves the VMs that may call into this one, as the policy says: each session gets a\n"
	"process of its own, which runs as the policy's local user and makes the system calls\n"
	"that the caller asks for. Says `ready` when calls are taken. Needs root.\n\n"
	"  --policy FILE   default " XO_POLICY_FILE ", see crossover-policy(5)\n"
	"  --log FILE      refusals and events; default stderr, with --daemon\n"
	"                  " LOG_FILE "\n"
	"  --daemon        go on in the background once ready\n"
	"  --pidfile FILE  note the process number there\n"
	"  --check         only read the policy, and say what is wrong with it, or hardly meant\n\n"
	"SIGHUP loads the policy again and reopens the log; a policy with a mistake is refused\n"
	"and the old one stays. Sessions keep the policy that they began with. SIGTERM ends\n"
	"the sessions, then the command.\n";

struct serve {
	const char *word, *policy, *log, *pidfile;
	bool daemon, check;
	int ready; /* pipe to the parent that waits for a background master; -1: none */
};

static bool read_options(int argc, char **argv, struct serve *s, int *status)
{
	static const struct option options[] = { { "policy", required_argument, NULL, 'p' },
						 { "log", required_argument, NULL, 'l' },
						 { "pidfile", required_argument, NULL, 'i' },
						 { "daemon", no_argument, NULL, 'd' },
						 { "check", no_argument, NULL, 'c' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	int c;

	while ((c = xo_option(argc, argv, ":p:l:i:dch", options, help, status)) >= 0) {
		if (c == 'p')
			s->policy = optarg;
		else if (c == 'l')
			s->log = optarg;
		else if (c == 'i')
			s->pidfile = optarg;
		else if (c == 'd')
			s->daemon = true;
		else
			s->check = true;
	}
	if (c == -2 || !xo_words(argc, argv, 0, "no words", status))
		return false;
	if (s->daemon && !s->log)
		s->log = LOG_FILE;
	if (s->daemon &&
	    (s->policy[0] != '/' || s->log[0] != '/' || (s->pidfile && s->pidfile[0] != '/'))) {
		*status = xo_bad_usage(argv[0], "with --daemon, files are named from '/' on");
		return false;
	}
	return true;
}

/* A descriptor for the log, high enough to be out of the stubs' callers' way; or -errno. */
static int open_log(const char *file)
{
	struct rlimit r;
	int fd = STDERR_FILENO, high;

	if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur <= XO_STUB_FD_BASE + 24) {
		r.rlim_cur = r.rlim_max;
		setrlimit(RLIMIT_NOFILE, &r);
	}
	if (file)
		fd = open(file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return -errno;
	high = fcntl(fd, F_DUPFD_CLOEXEC, XO_STUB_FD_BASE);
	if (high < 0)
		high = -errno;
	if (file)
		close(fd);
	return high;
}

static void reopen_log(void *arg)
{
	const struct serve *s = arg;
	int fd = s->log ? open_log(s->log) : -1, old = xo_log_fd();

	if (fd < 0)
		return;
	xo_log_set_fd(fd);
	close(old);
}

static void say_ready(void *arg)
{
	const struct serve *s = arg;

	if (s->ready < 0) {
		puts("xo serve: ready");
		fflush(stdout);
	} else {
		/* stdout is /dev/null already; complaints go to the log from here on. */
		if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0 || write(s->ready, "", 1) != 1)
			xo_log(NULL, "nobody waits to be told that this is ready");
		close(s->ready);
	}
	xo_log(NULL, "ready, process %d", (int)getpid());
}

static int note_pid(const struct serve *s)
{
	FILE *f = s->pidfile ? fopen(s->pidfile, "we") : NULL;
	bool ok;

	if (!s->pidfile)
		return 0;
	ok = f && fprintf(f, "%d\n", (int)getpid()) > 0;
	if (f && fclose(f))
		ok = false;
	return ok ? 0 : xo_fail(s->word, "cannot write %s: %m", s->pidfile);
}

/* The master in this very process: the device must be opened by the process that uses it. */
static int serve(struct serve *s, struct xo_config *config)
{
	const struct xo_master_hooks hooks = { .ready = say_ready, .reopen = reopen_log, .arg = s };
	struct xo *x = xo_cli_open(s->word, XO_SIDE_GUEST);
	int fd, status;

	if (!x)
		return XO_REFUSED;
	fd = open_log(s->log);
	if (fd < 0 || xo_log_open(fd) < 0) {
		xo_free(x);
		return xo_fail(s->word, "cannot open the log %s: %s", s->log ? s->log : "(stderr)",
			       strerror(fd < 0 ? -fd : ENOMEM));
	}
	status = note_pid(s);
	if (!status)
		status = xo_master(x, config, s->policy, &hooks);
	if (status)
		xo_fail(s->word, "it ended; the last lines of the log %s say why",
			s->log ? s->log : "above");
	if (!status && s->pidfile)
		unlink(s->pidfile);
	xo_free(x);
	xo_log_close();
	close(fd);
	return status;
}

/* Our terminal's and parent's hold on us ends; stderr stays until ready, for complaints. */
static int background(struct serve *s, struct xo_config *config, int ready)
{
	int null = open("/dev/null", O_RDWR);

	s->ready = ready;
	setsid();
	if (chdir("/") || null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0)
		return xo_fail(s->word, "cannot go into the background: %m");
	close(null);
	return serve(s, config);
}

/* Fork the master and wait until it is ready, or has failed and said why. */
static int serve_daemon(struct serve *s, struct xo_config *config)
{
	int ends[2];
	pid_t pid;
	char byte;

	if (pipe2(ends, O_CLOEXEC))
		return xo_fail(s->word, "cannot make a pipe: %m");
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return xo_fail(s->word, "cannot go into the background: %m");
	if (pid == 0) {
		close(ends[0]);
		_exit(background(s, config, ends[1]));
	}
	close(ends[1]);
	if (read(ends[0], &byte, 1) == 1) {
		printf("xo serve: ready, process %d\n", (int)pid);
		close(ends[0]);
		return XO_OK;
	}
	close(ends[0]);
	return XO_REFUSED; /* and the child said why on our stderr */
}

static int check(const struct serve *s, const struct xo_config *c)
{
	printf("%s: %zu caller%s, no mistakes\n", s->policy, c->count, c->count == 1 ? "" : "s");
	return XO_OK;
}

static const char no_policy[] =
	"; without one nobody may call: see crossover-policy(5), an example is examples/policy (in "
	"the lab /opt/crossover/etc/policy)";

static void warn(const struct serve *s, const struct xo_config *c)
{
	char why[512];

	for (size_t i = 0; i < c->count; i++)
		if (xo_config_doubt(c, i, s->policy, why, sizeof(why)))
			xo_fail(s->word, "warning: %s", why);
}

int xo_cmd_serve(int argc, char **argv)
{
	struct serve s = { .word = argv[0], .policy = XO_POLICY_FILE, .ready = -1 };
	struct xo_config config = { 0 };
	char why[512];
	int status;

	if (!read_options(argc, argv, &s, &status))
		return status;
	if (!xo_config_load(&config, s.policy, why, sizeof(why)))
		return xo_fail(s.word, "the policy is refused: %s%s", why,
			       access(s.policy, F_OK) ? no_policy : "");
	warn(&s, &config);
	if (s.check)
		status = check(&s, &config);
	else
		status = s.daemon ? serve_daemon(&s, &config) : serve(&s, &config);
	xo_config_free(&config);
	return status;
}
