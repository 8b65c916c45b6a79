/* SPDX-License-Identifier: GPL-2.0 */
/* Sessions of the guest module's, and raw system calls over them: what the tools that test visits
 * share. */
#ifndef XO_SESSION_H
#define XO_SESSION_H

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <crossover/abi.h>

#define DIE(...)                                                                               \
	(fprintf(stderr, "%s: ", program_invocation_short_name), fprintf(stderr, __VA_ARGS__), \
	 fputc('\n', stderr), exit(1))

static inline int open_device(void)
{
	int fd = open("/dev/crossover", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		DIE("/dev/crossover: %m");
	return fd;
}

static inline int try_session(const char *callee)
{
	struct xo_g_connect c = { .revision = XO_ABI_REVISION, .umask = 022 };
	int fd = open_device();

	strncpy(c.callee, callee, sizeof(c.callee) - 1);
	if (!ioctl(fd, XO_G_CONNECT, &c))
		return fd;
	close(fd);
	return -1;
}

static inline int session(const char *callee)
{
	int fd = try_session(callee);

	if (fd < 0)
		DIE("XO_G_CONNECT to %s: %m", callee);
	return fd;
}

/* A call of that kind, without arguments. */
static inline int call_op(int fd, uint32_t op, uint32_t nr, int64_t *result)
{
	struct xo_g_call c = { .op = op, .nr = nr };

	if (ioctl(fd, XO_G_CALL, &c))
		return -errno;
	*result = c.result;
	return 0;
}

static inline int call(int fd, uint32_t nr, int64_t *result)
{
	return call_op(fd, XO_OP_SYSCALL, nr, result);
}

/* A call whose request is `in`, and whose reply goes to `out`: its status. */
static inline int try_raw(int fd, struct xo_g_call *c, const void *in, uint32_t in_len, void *out,
			  uint32_t room)
{
	c->op = XO_OP_SYSCALL;
	c->in = (uintptr_t)in;
	c->in_len = in_len;
	c->out = (uintptr_t)out;
	c->out_len = room;
	return ioctl(fd, XO_G_CALL, c) ? -errno : 0;
}

static inline int64_t raw(int fd, struct xo_g_call *c, const void *in, uint32_t in_len, void *out,
			  uint32_t room)
{
	int err = try_raw(fd, c, in, in_len, out, room);

	if (err)
		DIE("call %u: %s", c->nr, strerror(-err));
	return c->result;
}

static inline int64_t remote_open(int fd, const char *path, int flags)
{
	struct xo_g_call c = { .nr = SYS_open, .args = { 0, flags, 0 } };

	return raw(fd, &c, path, strlen(path) + 1, NULL, 0);
}

static inline int64_t remote_close(int fd, int there)
{
	struct xo_g_call c = { .nr = SYS_close, .args = { there } };

	return raw(fd, &c, NULL, 0, NULL, 0);
}

static inline int64_t remote_pread(int fd, int there, void *to, uint32_t bytes, uint64_t at)
{
	struct xo_g_call c = { .nr = SYS_pread64, .args = { there, 0, bytes, at } };

	return raw(fd, &c, NULL, 0, to, bytes);
}

#endif
