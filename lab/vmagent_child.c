// SPDX-License-Identifier: GPL-2.0
/* Starting one command in the VM: descriptors, session, environment, exec. */
#include "vmagent.h"
#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/close_range.h>

/* /opt/crossover/bin is where the payload disk is mounted, perhaps after the agent's start. */
#define COMMAND_PATH \
	"/opt/crossover/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char *const command_env[] = {
	"PATH=" COMMAND_PATH, "HOME=/root",   "USER=root", "LOGNAME=root",
	"SHELL=/bin/sh",      "LANG=C.UTF-8", NULL,
};

static char *const terminal_env[] = {
	"PATH=" COMMAND_PATH, "HOME=/root",   "USER=root",  "LOGNAME=root",
	"SHELL=/bin/sh",      "LANG=C.UTF-8", "TERM=linux", NULL,
};

/* Descriptor pairs: [0] is the child's end, [1] ours. */
struct ends {
	int in[2], out[2], err[2], report[2];
};

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_ends(struct ends *e, int side)
{
	close_fd(&e->in[side]);
	close_fd(&e->out[side]);
	close_fd(&e->err[side]);
	close_fd(&e->report[side]);
}

static int make_pipe(int pair[2], bool child_reads)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pair[0] = child_reads ? fds[0] : fds[1];
	pair[1] = child_reads ? fds[1] : fds[0];
	return fcntl(pair[1], F_SETFL, O_NONBLOCK);
}

static int make_terminal(struct ends *e, const struct vmexec_start *start)
{
	struct winsize size = { .ws_row = start->rows, .ws_col = start->cols };
	int master, slave;

	if (openpty(&master, &slave, NULL, NULL, &size))
		return -1;
	e->in[0] = slave;
	e->in[1] = master;
	e->out[0] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
	e->out[1] = fcntl(master, F_DUPFD_CLOEXEC, 3);
	if (e->out[0] < 0 || e->out[1] < 0 || fcntl(slave, F_SETFD, FD_CLOEXEC) ||
	    fcntl(master, F_SETFD, FD_CLOEXEC))
		return -1;
	return fcntl(master, F_SETFL, O_NONBLOCK);
}

static int make_ends(struct ends *e, const struct vmexec_start *start)
{
	memset(e, -1, sizeof(*e));
	if (make_pipe(e->report, false))
		return -1;
	if (start->flags & VMEXEC_TTY)
		return make_terminal(e, start);
	if (make_pipe(e->in, true) || make_pipe(e->out, false) || make_pipe(e->err, false))
		return -1;
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* execvp() with the path given here: the agent's own environment plays no part. */
static void exec_search(char **argv, char *const *env)
{
	char file[4096];
	const char *dir = COMMAND_PATH;
	int found = ENOENT;

	if (strchr(argv[0], '/')) {
		execve(argv[0], argv, env);
		return;
	}
	while (*argv[0] && *dir) {
		size_t len = strcspn(dir, ":");

		if (len + 1 + strlen(argv[0]) < sizeof(file)) {
			memcpy(file, dir, len);
			file[len] = '/';
			strcpy(file + len + 1, argv[0]);
			execve(file, argv, env);
			if (errno != ENOENT && errno != ENOTDIR)
				found = errno;
		}
		/* A file that is there but does not fit (too long an argument) is the answer. */
		if (found != ENOENT && found != EACCES)
			break;
		dir += len;
		dir += *dir == ':';
	}
	errno = found;
}

static _Noreturn void run_child(struct ends *e, char **argv, bool terminal)
{
	int report = e->report[0];
	int error;

	setsid();
	if (terminal && ioctl(e->in[0], TIOCSCTTY, 0))
		goto fail;
	if (dup2(e->in[0], 0) < 0 || dup2(e->out[0], 1) < 0 ||
	    dup2(terminal ? e->out[0] : e->err[0], 2) < 0)
		goto fail;
	/* Only the report may reach exec(), and it closes there. */
	if (dup2(report, 3) < 0 || fcntl(3, F_SETFD, FD_CLOEXEC))
		goto fail;
	report = 3;
	close_range(4, ~0u, 0);
	reset_signals();
	exec_search(argv, terminal ? terminal_env : command_env);
fail:
	error = errno;
	if (write(report, &error, sizeof(error)) < 0)
		_exit(126);
	_exit(127);
}

/* argv points into the request, which lives as long as the session. */
static char **make_argv(const struct vm_request *req)
{
	char **argv = calloc(req->start.argc + 1ul, sizeof(*argv));
	char *p = req->args;

	for (uint32_t i = 0; argv && i < req->start.argc; i++) {
		argv[i] = p;
		p += strlen(p) + 1;
	}
	return argv;
}

/* Waits until exec() has closed the report, or has written its errno there. */
static int read_report(int fd)
{
	int error = 0;
	ssize_t n;

	fcntl(fd, F_SETFL, 0);
	do {
		n = read(fd, &error, sizeof(error));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(error) ? error : 0;
}

int vm_child_start(const struct vm_request *req, struct vm_child *child, bool *exec_failed)
{
	bool terminal = req->start.flags & VMEXEC_TTY;
	char **argv = make_argv(req);
	struct ends e;
	int error = 0;

	*exec_failed = false;
	if (!argv)
		return ENOMEM;
	if (make_ends(&e, &req->start)) {
		error = errno;
		goto out;
	}
	child->pid = fork();
	if (child->pid == 0)
		run_child(&e, argv, terminal);
	if (child->pid < 0) {
		error = errno;
		goto out;
	}
	close_ends(&e, 0);
	error = read_report(e.report[1]);
	*exec_failed = error != 0;
	if (error)
		goto out;
	child->in = e.in[1];
	child->out = e.out[1];
	child->err = e.err[1];
	e.in[1] = e.out[1] = e.err[1] = -1;
out:
	close_ends(&e, 0);
	close_ends(&e, 1);
	free(argv);
	return error;
}

void vm_child_resize(const struct vm_child *child, uint16_t rows, uint16_t cols)
{
	struct winsize size = { .ws_row = rows, .ws_col = cols };

	ioctl(child->in, TIOCSWINSZ, &size);
}
