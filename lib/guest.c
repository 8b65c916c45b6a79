// SPDX-License-Identifier: MIT OR GPL-2.0
/* A VM's side: sessions, raw calls, lists. */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include "internal.h"

int xo_guest_version(struct xo *x, struct xo_g_version *out)
{
	int err = xo_need(x, XO_SIDE_GUEST);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	out->revision = XO_ABI_REVISION;
	if (ioctl(x->fd, XO_G_VERSION, out) < 0)
		return xo_err_set(x, -errno, "crossover_guest.ko does not tell its revision: %s",
				  strerror(errno));
	out->name[XO_NAME_MAX - 1] = '\0';
	return 0;
}

/* What this VM was enrolled as, for a sentence; where that is not known, what to put there. */
struct own_name {
	char text[XO_NAME_MAX];
	const char *remark;
};

static struct own_name own_name(struct xo *x)
{
	struct xo_g_version v = { .revision = XO_ABI_REVISION };
	struct own_name own = { "NAME", " (NAME: of this VM, as `xo ls` shows it there)" };

	if (ioctl(x->fd, XO_G_VERSION, &v) < 0 || !v.wid)
		return own;
	v.name[XO_NAME_MAX - 1] = '\0';
	if (xo_name_ok(v.name)) {
		memcpy(own.text, v.name, sizeof(own.text));
		own.remark = "";
	}
	return own;
}

static int is_down(struct xo *x, int err, const char *callee)
{
	if (!strcmp(callee, XO_HOST_NAME))
		return xo_err_set(
			x, err,
			"the host went down for this VM: its module crossover is gone, or "
			"the service's process (xo doctor tells more)");
	return xo_err_set(x, err,
			  "VM '%s' is down: its crossover_guest module is not loaded, or its "
			  "stub died (see its log)",
			  callee);
}

int xo_cannot_connect(struct xo *x, int err, const char *callee)
{
	struct own_name own = own_name(x);

	switch (err) {
	case -ENOENT:
		return xo_err_set(x, err,
				  "this VM has no link to '%s': on the host run: xo link %s %s%s",
				  callee, own.text, callee, own.remark);
	case -EACCES:
		return xo_err_set(x, err,
				  "VM '%s' refuses this VM: see its log, and the block `caller %s` "
				  "of its policy in /etc/crossover/policy%s",
				  callee, own.text, own.remark);
	case -ECONNREFUSED:
		return xo_err_set(x, err, "nobody serves in VM '%s': run `xo serve` in it", callee);
	case -EHOSTDOWN:
		return is_down(x, err, callee);
	case -ENODEV:
		return xo_err_set(x, err,
				  "cannot call VM '%s', since this VM is not enrolled: on the host "
				  "run: xo enrol NAME (NAME: of this VM, as `xo vm ls` shows it "
				  "there; with --pid any)",
				  callee);
	case -EDQUOT:
		return xo_err_set(x, err,
				  "no session with VM '%s': this VM has as many worlds as it may "
				  "(%d); end some sessions",
				  callee, XO_WORLDS_PER_VM);
	case -EBUSY:
		return xo_err_set(x, err,
				  "VM '%s' has no slot or stub free: end a session, or try again",
				  callee);
	case -EISCONN:
		return xo_err_set(x, err, "this handle has a session already, so not to '%s' too",
				  callee);
	case -EPROTO:
		return xo_err_set(x, err,
				  "VM '%s' runs another revision than this one's %u: install one "
				  "build in both",
				  callee, xo_revision());
	case -ENOTDIR:
		return xo_err_set(x, err,
				  "VM '%s' has no such working directory that this VM may enter: "
				  "start from another, like /",
				  callee);
	case -EINTR:
		return xo_err_set(x, err, "opening a session with VM '%s' was interrupted", callee);
	default:
		return xo_err_set(x, err, "cannot open a session with VM '%s': %s", callee,
				  strerror(-err));
	}
}

/* The umask can only be read by setting it; /proc has it too, but not in every container. */
static unsigned int current_umask(void)
{
	mode_t m = umask(077);

	umask(m);
	return m;
}

int xo_session_open(struct xo *x, const char *callee, const char *cwd, struct xo_g_connect *out)
{
	struct xo_g_connect c = { .revision = XO_ABI_REVISION, .umask = current_umask() };
	int err = xo_need(x, XO_SIDE_GUEST);

	if (!err)
		err = xo_put_name(x, c.callee, callee);
	if (err)
		return err;
	if (!strcmp(callee, XO_HOST_NAME))
		return xo_err_set(x, -EOPNOTSUPP,
				  "'%s' is the host itself, which makes no system calls for VMs, "
				  "but offers services (xo_connect(3)): name a VM",
				  callee);
	if (cwd && strlen(cwd) >= sizeof(c.cwd))
		return xo_err_set(x, -ENAMETOOLONG,
				  "the working directory's name is longer than %zu bytes: choose "
				  "another",
				  sizeof(c.cwd) - 1);
	if (cwd)
		memcpy(c.cwd, cwd, strlen(cwd));
	if (ioctl(x->fd, XO_G_CONNECT, &c) < 0)
		return xo_cannot_connect(x, -errno, callee);
	if (out)
		*out = c;
	return 0;
}

int xo_session_call(struct xo *x, struct xo_g_call *call)
{
	int err = xo_need(x, XO_SIDE_GUEST);

	if (err)
		return err;
	if (call->in_len > XO_SLOT_DATA || call->out_len > XO_SLOT_DATA)
		return xo_err_set(x, -EINVAL, "a call carries at most %d bytes each way",
				  XO_SLOT_DATA);
	if (ioctl(x->fd, XO_G_CALL, call) == 0)
		return 0;
	err = -errno;
	switch (err) {
	case -EHOSTDOWN:
		return xo_err_set(x, err,
				  "the call ended because the callee is gone: its VM, "
				  "stub or the link went down");
	case -EINTR:
		return xo_err_set(x, err, "the call was interrupted by a signal and given up");
	case -EMSGSIZE:
		return xo_err_set(x, err, "the answer is longer than the %u bytes of room for it",
				  call->out_len);
	case -ENOTCONN:
		return xo_err_set(x, err, "there is no session: call xo_session_open() first");
	default:
		return xo_err_set(x, err, "the call failed: %s", strerror(-err));
	}
}

int xo_ping(struct xo *x)
{
	struct xo_g_call c = { .op = XO_OP_PING };
	int err = xo_session_call(x, &c);

	if (err || !c.result)
		return err;
	return xo_err_set(x, -EPROTO, "the callee answered a null call with %lld instead of 0",
			  (long long)c.result);
}

static int guest_next(struct xo *x, unsigned long request, void *arg, const char *what)
{
	if (ioctl(x->fd, request, arg) == 0)
		return 1;
	if (errno == ENOENT)
		return 0;
	return xo_err_set(x, -errno, "cannot list %s: %s", what, strerror(errno));
}

int xo_next_guest_link(struct xo *x, struct xo_g_link_info *link)
{
	int err = xo_need(x, XO_SIDE_GUEST);

	if (err)
		return err;
	link->revision = XO_ABI_REVISION;
	link->after = link->id;
	err = guest_next(x, XO_G_LINK_INFO, link, "links");
	link->peer[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_route(struct xo *x, struct xo_g_route_stat *stat)
{
	int err = xo_need(x, XO_SIDE_GUEST);

	if (err)
		return err;
	stat->after = stat->nr;
	return guest_next(x, XO_G_ROUTE_STAT, stat, "routed system calls");
}
