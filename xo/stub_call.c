// SPDX-License-Identifier: GPL-2.0
/*
 * One request of a caller: xo_decode() copies what is looked at out of the window and checks all of
 * it; only then is anything done. Data that nobody here looks at (what is written to a file, what
 * is read from one) stays in the window: a caller that changes it meanwhile changes its own data.
 */
#include "stub_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The stub's memory is this very process's. */
int xo_decode_put(__u64 to, const void *from, __u32 bytes)
{
	memcpy((void *)(uintptr_t)to, from, bytes);
	return 0;
}

int xo_decode_get(void *to, __u64 from, __u32 bytes)
{
	memcpy(to, (const void *)(uintptr_t)from, bytes);
	return 0;
}

int xo_decode_hold(const struct xo_decoded *d, int fd)
{
	return xo_stub_fd_hold(fd) ? 0 : -EBADF;
}

/* A signal that was meant for an earlier call of this thread must not end this one. */
static long run(struct xo_stub_call *c)
{
	long ret;

	for (;;) {
		ret = xo_stub_syscall(c->nr, c->d.args);
		if (ret != -EINTR)
			return ret;
		xo_stub_uncancel();
		if (!c->given_up || c->given_up(c->ctx))
			return ret;
	}
}

static long give_fd(struct xo_stub_call *c, long fd)
{
	struct stat st;
	int err;

	err = xo_stub_opened(fd, xo_decode_flags(&c->d));
	if (!err && fstat(fd, &st))
		err = -errno;
	if (err) {
		close(fd);
		return err;
	}
	c->file_mode = st.st_mode;
	return xo_stub_fd_give(fd);
}

static long close_fd(struct xo_stub_call *c)
{
	/* Held by xo_decode(): the close waits for this very call, too. */
	long ret = xo_stub_fd_close(c->d.fd[0]), closed;

	closed = xo_stub_fd_release(c->d.fd[0]); /* whoever else closes waits for it */
	c->d.fd[0] = -1;
	return ret ? ret : closed;
}

static long serve(struct xo_stub_call *c, const struct xo_msg *msg)
{
	long ret = xo_decode(&c->d, msg);

	if (ret)
		return ret;
	c->nr = c->d.sc->nr;
	if (c->nr == SYS_close)
		return close_fd(c);
	ret = xo_stub_paths(c);
	if (!ret)
		ret = run(c);
	if (ret >= 0 && c->d.sc->result == XO_RESULT_FD)
		ret = give_fd(c, ret);
	if (ret >= 0)
		xo_decode_return(&c->d, &c->out_len);
	return ret;
}

void xo_stub_call(struct xo_stub_call *c, const struct xo_msg *msg, void *data)
{
	unsigned int i;

	c->out_len = 0;
	c->file_mode = 0;
	c->d.data = data;
	c->d.data_at = (uintptr_t)data;
	c->d.private_at = (uintptr_t)&c->private;
	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		c->pin[i] = -1;
	c->result = serve(c, msg);
	xo_stub_unpin(c);
	for (i = 0; i < XO_SYSCALL_ARGS; i++)
		if (c->d.fd[i] >= 0)
			xo_stub_fd_release(c->d.fd[i]);
}
