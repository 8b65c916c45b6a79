// SPDX-License-Identifier: GPL-2.0
/* The job: a script whose output is passed on as it comes, or a shell on a terminal. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

#define MAX_ARGS      1000
#define POLL_TERMINAL 10 /* emulated ms between looks at the user's keyboard */
#define IDLE_WAIT     5	 /* real ms that Bochs may sleep when nothing happens on the terminal */

static char arguments[LAB_PAGE_DATA * 32];
static char *script_argv[MAX_ARGS + 3];

/* JOB/args: the script's arguments, each ended by a NUL. */
static void read_arguments(int first)
{
	size_t n = read_file(JOB "/args", arguments, sizeof(arguments));
	int argc = first;

	for (size_t i = 0; i < n; i += strlen(arguments + i) + 1) {
		if (argc == MAX_ARGS)
			fail("the script has more than %d arguments", MAX_ARGS);
		script_argv[argc++] = arguments + i;
	}
	script_argv[argc] = NULL;
}

static void set_environment(const char *home)
{
	clearenv();
	setenv("PATH", PAYLOAD "/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	       1);
	setenv("HOME", home, 1);
	setenv("USER", "root", 1);
	setenv("LOGNAME", "root", 1);
	setenv("SHELL", "/bin/bash", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("TERM", "xterm", 1);
	if (chdir(home))
		fail("the emulated host has no %s: %s", home, strerror(errno));
}

/* A script without #! is bash's; a program or a script with #! runs by itself. */
static void exec_script(void)
{
	char head[5];

	read_file(JOB "/script", head, sizeof(head));
	script_argv[0] = "bash";
	script_argv[1] = JOB "/script";
	read_arguments(2);
	iopl(0);
	if (!memcmp(head, "#!", 2) || !memcmp(head, "\177ELF", 4))
		execv(script_argv[1], script_argv + 1);
	else
		execv("/bin/bash", script_argv);
	dprintf(2, "the script cannot be run: %s\n", strerror(errno));
	_exit(126);
}

/* Pass on what can be read; 0 when the other end is closed. */
static int relay(int fd, uint32_t stream)
{
	char text[LAB_PAGE_DATA];
	ssize_t n = read(fd, text, sizeof(text));

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n <= 0)
		return 0;
	channel_write(stream, text, (size_t)n);
	return 1;
}

/*
 * The script has ended when its process has; what it left running in the background may hold the
 * pipes open for ever, so then only what is in them already is passed on.
 */
static int relay_script(pid_t pid, int out, int err)
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	int status = 0, ended = 0;

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		int n = poll(fds, 2, ended ? 0 : 200);

		if (n == 0 && ended)
			break;
		if (!ended && waitpid(pid, &status, WNOHANG) == pid)
			ended = 1;
		for (int i = 0; i < 2 && n > 0; i++) {
			if (fds[i].fd >= 0 && fds[i].revents &&
			    !relay(fds[i].fd, i ? LAB_STDERR : LAB_STDOUT))
				fds[i].fd = -1;
		}
	}
	if (!ended)
		return finish(pid);
	return status_of(status);
}

static int run_script(void)
{
	int out[2], err[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) || pipe2(err, O_CLOEXEC) || (pid = fork()) < 0)
		fail("the emulated host cannot start the script: %s", strerror(errno));
	if (!pid) {
		int in = open("/dev/null", O_RDONLY);

		setsid();
		if (in < 0 || dup2(in, 0) < 0 || dup2(out[1], 1) < 0 || dup2(err[1], 2) < 0)
			_exit(126);
		set_environment("/root");
		exec_script();
	}
	close(out[1]);
	close(err[1]);
	return relay_script(pid, out[0], err[0]);
}

/* Everything the user typed since the last look. */
static void relay_input(int terminal, int quiet)
{
	for (;;) {
		const struct lab_page *page =
			channel_call(LAB_READ, quiet ? IDLE_WAIT : 0, NULL, 0);
		uint16_t size[2];

		if (page->status != LAB_OK)
			return;
		quiet = 0;
		if (page->arg == LAB_WINDOW && page->len == sizeof(size)) {
			memcpy(size, page->data, sizeof(size));
			struct winsize window = { .ws_row = size[0], .ws_col = size[1] };

			ioctl(terminal, TIOCSWINSZ, &window);
		} else if (page->arg == LAB_TYPED) {
			if (write(terminal, page->data, page->len) < 0)
				return;
		}
	}
}

/*
 * The shell has ended when its process has: what it left running in the background may hold the
 * terminal open for ever. Whoever is left cannot write to it (the kernel hung it up when the shell
 * ended), so what it holds then comes to an end.
 */
static int relay_shell(pid_t pid, int terminal)
{
	struct pollfd fd = { .fd = terminal, .events = POLLIN };
	int status, ended = 0;

	for (;;) {
		int n = poll(&fd, 1, ended ? 0 : POLL_TERMINAL);

		if (n > 0 && !relay(terminal, LAB_STDOUT))
			break;
		if (n <= 0 && ended)
			return status_of(status);
		if (!ended && waitpid(pid, &status, WNOHANG) == pid)
			ended = 1;
		if (!ended)
			relay_input(terminal, n == 0);
	}
	return ended ? status_of(status) : finish(pid);
}

static int run_shell(void)
{
	int terminal;
	pid_t pid = forkpty(&terminal, NULL, NULL, NULL);

	if (pid < 0)
		fail("the emulated host has no terminal for the shell: %s", strerror(errno));
	if (!pid) {
		set_environment("/root");
		iopl(0);
		/* No login shell: /etc/profile would set a PATH without the payload's programs. */
		execl("/bin/bash", "bash", (char *)NULL);
		_exit(127);
	}
	return relay_shell(pid, terminal);
}

int job_run(void)
{
	channel_call(LAB_WRITE, LAB_SCRIPT, NULL, 0);
	return access(JOB "/script", F_OK) ? run_shell() : run_script();
}
