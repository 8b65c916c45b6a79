// SPDX-License-Identifier: GPL-2.0
/* Programs of the build machine: sha256sum, cp, mkfs.erofs. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lab.h"

void lab_tools_environment(const char *tools)
{
	char text[4 * PATH_MAX];
	const char *arch = "x86_64-linux-gnu";

	snprintf(text, sizeof(text), "%s/usr/lib/%s:%s/lib/%s", tools, arch, tools, arch);
	setenv("LD_LIBRARY_PATH", text, 1);
	snprintf(text, sizeof(text), "%s/usr/lib/%s/bochs/plugins", tools, arch);
	setenv("LTDL_LIBRARY_PATH", text, 1);
	snprintf(text, sizeof(text), "%s/usr/share/bochs", tools);
	setenv("BXSHARE", text, 1);
}

static void child(char *const argv[], const char *tools, int out, int err)
{
	int in = open("/dev/null", O_RDONLY);

	if (in < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(err, 2) < 0)
		_exit(126);
	if (tools)
		lab_tools_environment(tools);
	execvp(argv[0], argv);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

/* Append what can be read; false at the end. */
static bool drain(int fd, char **text, size_t *fill)
{
	char part[4096];
	ssize_t n = read(fd, part, sizeof(part));

	if (n < 0 && errno == EINTR)
		return true;
	if (n <= 0)
		return false;
	char *more = realloc(*text, *fill + (size_t)n + 1);

	if (!more)
		return false;
	memcpy(more + *fill, part, (size_t)n);
	*fill += (size_t)n;
	more[*fill] = 0;
	*text = more;
	return true;
}

static void drain_both(int out, int err, char *texts[2])
{
	struct pollfd fds[2] = { { .fd = out, .events = POLLIN }, { .fd = err, .events = POLLIN } };
	size_t fill[2] = { 0, 0 };

	while (fds[0].fd >= 0 || fds[1].fd >= 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		for (int i = 0; i < 2; i++) {
			if (fds[i].fd >= 0 && fds[i].revents &&
			    !drain(fds[i].fd, &texts[i], &fill[i]))
				fds[i].fd = -1;
		}
	}
}

int lab_execute(char *const argv[], const char *tools, char **output, struct lab_error *err)
{
	char *texts[2] = { calloc(1, 1), calloc(1, 1) };
	int out[2], errors[2], status = 0, result = 0;
	pid_t pid;

	if (!texts[0] || !texts[1] || pipe2(out, O_CLOEXEC) || pipe2(errors, O_CLOEXEC) ||
	    (pid = fork()) < 0)
		return lab_error(err, "%s cannot be started: %s", argv[0], strerror(errno));
	if (!pid)
		child(argv, tools, out[1], errors[1]);
	close(out[1]);
	close(errors[1]);
	drain_both(out[0], errors[0], texts);
	close(out[0]);
	close(errors[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (status)
		result = lab_error(err, "%s failed (status %d): %.1500s", argv[0],
				   WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
				   texts[1]);
	free(texts[1]);
	if (output && !result)
		*output = texts[0];
	else
		free(texts[0]);
	return result;
}
