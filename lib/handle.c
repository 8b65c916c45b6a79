// SPDX-License-Identifier: MIT OR GPL-2.0
/* Handles: open, compare revisions, remember the last failure as a sentence. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "internal.h"

struct xo *xo_new(void)
{
	struct xo *x = calloc(1, sizeof(*x));

	if (x)
		x->fd = -1;
	return x;
}

void xo_free(struct xo *x)
{
	int saved = errno;

	if (!x)
		return;
	if (x->fd >= 0)
		close(x->fd);
	free(x);
	errno = saved;
}

enum xo_side xo_side(const struct xo *x)
{
	return x->side;
}

int xo_fd(const struct xo *x)
{
	return x->fd;
}

int xo_reopen(int fd)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_RDWR | O_CLOEXEC);
}

const char *xo_error(const struct xo *x)
{
	return x->error;
}

unsigned int xo_error_reason(const struct xo *x)
{
	return x->reason;
}

int xo_err_set(struct xo *x, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->error, sizeof(x->error), fmt, ap);
	va_end(ap);
	x->reason = 0;
	return err;
}

int xo_need(struct xo *x, enum xo_side side)
{
	if (x->side == side)
		return 0;
	if (x->side == XO_SIDE_ANY)
		return xo_err_set(x, -EBADF, "the handle is not open: call xo_open() first");
	return xo_err_set(x, -EBADF, "this works %s only, and here is %s",
			  side == XO_SIDE_HOST ? "on the host" : "in a VM",
			  x->side == XO_SIDE_HOST ? "the host" : "a VM");
}

int xo_put_name(struct xo *x, char *to, const char *name)
{
	if (!xo_name_ok(name))
		return xo_host_refused(x, -EINVAL, XO_REASON_NAME_BAD, "name",
				       name ? name : "(null)");
	memset(to, 0, XO_NAME_MAX);
	memcpy(to, name, strlen(name));
	return 0;
}

/* The lab's modules come with its payload, where modprobe does not look. */
static int not_loaded(struct xo *x, int err, enum xo_side side, const char *path)
{
	const char *module = side == XO_SIDE_GUEST ? "crossover_guest" : "crossover";

	if (side == XO_SIDE_ANY)
		return xo_err_set(
			x, err,
			"%s is not there: load crossover.ko on the host, crossover_guest.ko "
			"in a VM: in the lab by `insmod /opt/crossover/ko/...`, elsewhere by "
			"`modprobe crossover` or `modprobe crossover_guest`, once installed "
			"(xo doctor tells more)",
			path);
	return xo_err_set(
		x, err,
		"%s is not there: load the module %s: in the lab by `insmod "
		"/opt/crossover/ko/%s.ko`, elsewhere by `modprobe %s`, once installed (xo "
		"doctor tells more)",
		path, side == XO_SIDE_HOST ? "of the host" : "of a VM", module, module);
}

static int cannot_open(struct xo *x, int err, enum xo_side side, const char *path)
{
	switch (err) {
	case -ENOENT:
	case -ENXIO:
	case -ENODEV:
		return not_loaded(x, err, side, path);
	case -EACCES:
	case -EPERM:
		return xo_err_set(x, err, "no permission for %s: run this as root", path);
	default:
		return xo_err_set(x, err, "cannot open %s: %s", path, strerror(-err));
	}
}

static int mismatch(struct xo *x, const char *module, unsigned int theirs)
{
	xo_err_set(x, 0,
		   "the command has revision %u and the module %s revision %u: install both of one "
		   "build, then reload the module",
		   xo_revision(), module, theirs);
	x->reason = XO_REASON_VERSION;
	return -EPROTO;
}

/* The device's answer to the version question of `side`: 0, -ENOTTY (not that side), error. */
static int ask_side(struct xo *x, int fd, enum xo_side side)
{
	struct xo_h_version h = { .revision = XO_ABI_REVISION };
	struct xo_g_version g = { .revision = XO_ABI_REVISION };
	int host = side == XO_SIDE_HOST;
	int err = host ? ioctl(fd, XO_H_VERSION, &h) : ioctl(fd, XO_G_VERSION, &g);
	unsigned int theirs = host ? h.revision : g.revision;
	const char *module = host ? "crossover.ko" : "crossover_guest.ko";

	err = err < 0 ? -errno : 0;
	if (err == -EPROTO || (!err && theirs != XO_ABI_REVISION))
		return mismatch(x, module, theirs);
	if (err && err != -ENOTTY)
		xo_err_set(x, err, "the module %s does not tell its revision: %s", module,
			   strerror(-err));
	return err;
}

static int find_side(struct xo *x, int fd, enum xo_side wanted, const char *path)
{
	static const enum xo_side sides[] = { XO_SIDE_HOST, XO_SIDE_GUEST };
	int err;

	for (size_t i = 0; i < 2; i++) {
		err = ask_side(x, fd, sides[i]);
		if (err == -ENOTTY)
			continue;
		if (wanted != XO_SIDE_ANY && wanted != sides[i])
			return xo_err_set(x, -ENOTTY, "this works %s only, and here is %s",
					  wanted == XO_SIDE_HOST ? "on the host" : "in a VM",
					  sides[i] == XO_SIDE_HOST ? "the host" : "a VM");
		if (!err)
			x->side = sides[i];
		return err;
	}
	return xo_err_set(x, -ENOTTY, "%s is no CrossOver device", path);
}

int xo_open(struct xo *x, enum xo_side side, const char *path)
{
	int fd, err;

	if (x->fd >= 0)
		return xo_err_set(x, -EALREADY, "the handle is open already");
	if (!path)
		path = XO_DEVICE;
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return cannot_open(x, -errno, side, path);
	err = find_side(x, fd, side, path);
	if (err) {
		close(fd);
		return err;
	}
	x->fd = fd;
	x->error[0] = '\0';
	return 0;
}
