// SPDX-License-Identifier: GPL-2.0
/* Programs and files of the emulated host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"

pid_t spawn(const char *output, char *const argv[])
{
	pid_t pid = fork();

	if (pid < 0)
		fail("the emulated host cannot start %s: %s", argv[0], strerror(errno));
	if (pid)
		return pid;
	int in = open("/dev/null", O_RDONLY);
	int out = open(output ? output : "/dev/null", O_WRONLY | O_CREAT | O_TRUNC, 0600);

	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	iopl(0);
	execvp(argv[0], argv);
	dprintf(2, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status_of(status);
}

int finish_within(pid_t pid, int seconds)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd ended = { .fd = fd, .events = POLLIN };
	int n = poll(&ended, 1, seconds * 1000);

	if (fd >= 0)
		close(fd);
	if (n == 1)
		return finish(pid);
	kill(pid, SIGKILL);
	finish(pid);
	return -1;
}

size_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t fill = 0;
	ssize_t n = 0;

	while (fd >= 0 && fill < size - 1 && (n = read(fd, text + fill, size - 1 - fill)) > 0)
		fill += (size_t)n;
	if (fd >= 0)
		close(fd);
	text[fill] = 0;
	return fill;
}

void set_kernel(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, value, strlen(value)) < 0)
		channel_progress("%s cannot be set to %s: %s", path, value, strerror(errno));
	close(fd);
}
