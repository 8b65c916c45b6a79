// SPDX-License-Identifier: GPL-2.0
/*
 * A session's process: takes the OPEN call over from the master, becomes the user that the policy
 * names, and only then looks at what the caller wrote.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "log.h"
#include "serve.h"
#include "stub_exec.h"

/*
 * Nothing of the master but its log stays: a stub runs whatever its caller asks, and must find no
 * descriptor, terminal, process group or pending signal of ours. Out of its session, kill(0)
 * cannot reach the master.
 */
static int leave_master(int log)
{
	struct rlimit none = { 0, 0 }, files;
	int null = open("/dev/null", O_RDWR);

	if (null < 0)
		return -errno;
	for (int fd = 0; fd < 3; fd++)
		if (null != fd && dup2(null, fd) < 0)
			return -errno;
	if (close_range(3, (unsigned int)log - 1, 0) || close_range((unsigned int)log + 1, ~0u, 0))
		return -errno;
	if (setsid() < 0 && errno != EPERM)
		return -errno;
	if (setrlimit(RLIMIT_CORE, &none))
		return -errno;
	if (getrlimit(RLIMIT_NOFILE, &files))
		return -errno;
	if (files.rlim_cur < 4 * XO_STUB_FD_BASE && files.rlim_max > files.rlim_cur) {
		files.rlim_cur =
			files.rlim_max < 4 * XO_STUB_FD_BASE ? files.rlim_max : 4 * XO_STUB_FD_BASE;
		if (setrlimit(RLIMIT_NOFILE, &files))
			return -errno;
	}
	return 0;
}

static void reset_signals(void)
{
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		sigaction(i, &dfl, NULL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Copy the claim once out of the slot, where the caller may go on writing. */
static int read_claim(const struct xo_stub *s, struct xo_open *claim)
{
	char *slot = mmap(NULL, XO_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
			  (off_t)s->slot * XO_SLOT_SIZE);
	struct xo_msg msg;

	if (slot == MAP_FAILED)
		return -errno;
	memcpy(&msg, slot, sizeof(msg));
	memcpy(claim, slot + XO_SLOT_HEADER, sizeof(*claim));
	munmap(slot, XO_SLOT_SIZE);
	if (msg.op != XO_OP_OPEN || msg.in_len < sizeof(*claim))
		return -EINVAL;
	if (claim->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (claim->umask & ~0777u || !memchr(claim->cwd, '\0', sizeof(claim->cwd)) ||
	    (claim->cwd[0] && claim->cwd[0] != '/'))
		return -EINVAL;
	return 0;
}

/* Into the wished directory, as the stub's user and if the policy lets the caller look at it. */
static int enter_wished(const struct xo_policy_caller *caller, const char *cwd)
{
	struct xo_policy_query q = { .nr = SYS_chdir, .access = XO_ACCESS_READ };
	char link[32], path[4096];
	int fd = open(cwd, O_PATH | O_DIRECTORY | O_CLOEXEC), err = 0;
	ssize_t n;

	if (fd < 0)
		return -ENOTDIR;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	if (n > 0) {
		path[n] = '\0';
		q.path = path;
		err = xo_policy_check(caller, &q);
	} else {
		err = -ENOTDIR;
	}
	if (!err && fchdir(fd) < 0)
		err = -ENOTDIR;
	close(fd);
	return err;
}

static int enter(const struct xo_policy_caller *caller, const struct xo_account *a, const char *cwd)
{
	if (cwd[0])
		return enter_wished(caller, cwd);
	if (chdir(a->home) == 0 || chdir("/") == 0)
		return 0;
	return -ENOTDIR;
}

/* From root to the stub's user, and closed to others' eyes. */
static int shed_rights(const struct xo_account *a)
{
	int err = xo_account_become(a);

	if (err)
		return err;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	return 0;
}

static int prepare(const struct xo_stub *s, const struct xo_account *account)
{
	struct xo_open claim;
	int err = shed_rights(account);

	if (!err)
		err = read_claim(s, &claim);
	if (err)
		return err;
	umask((mode_t)claim.umask);
	return enter(s->policy, account, claim.cwd);
}

/* End the adopted OPEN call without a session. */
static void refuse(const struct xo_stub *s, int err)
{
	struct xo_g_serve r = { .revision = XO_ABI_REVISION,
				.reply = 1,
				.status = err,
				.slot = s->slot,
				.link = s->link,
				.seq = s->seq,
				.timeout_ms = 1 };

	if (ioctl(s->fd, XO_G_SERVE, &r) < 0) {
		/* ENOLINK or ETIMEDOUT: there is nobody to be told. */
	}
}

static int adopt(struct xo *x, const struct xo_g_serve *req, struct xo_stub *s)
{
	struct xo_g_adopt a = {
		.revision = XO_ABI_REVISION, .slot = req->slot, .link = req->link, .seq = req->seq
	};

	if (xo_open(x, XO_SIDE_GUEST, NULL) < 0) {
		xo_log(s->caller, "no session for %s: %s", s->caller, xo_error(x));
		return -EIO;
	}
	if (ioctl(xo_fd(x), XO_G_ADOPT, &a) < 0) {
		int err = -errno;

		/* ESTALE: the caller gave up meanwhile; that happens, and is not ours to report. */
		if (err != -ESTALE)
			xo_log(s->caller, "no session for %s: cannot take its call over: %s",
			       s->caller, strerror(-err));
		return err;
	}
	s->fd = xo_fd(x);
	s->link = req->link;
	s->slot = req->slot;
	s->seq = req->seq;
	s->session = a.session;
	s->wid = a.wid;
	return 0;
}

int xo_session(const struct xo_g_serve *req, const struct xo_policy_caller *caller,
	       const struct xo_account *account, int log)
{
	struct xo_stub s = { .fd = -1, .policy = caller };
	struct xo *x = xo_new();
	int err = leave_master(log);

	snprintf(s.caller, sizeof(s.caller), "%s", xo_policy_caller_name(caller));
	reset_signals();
	if (!x)
		err = -ENOMEM;
	if (err) {
		xo_log(s.caller, "no session for %s: cannot set up its stub: %s", s.caller,
		       strerror(-err));
		return XO_SESSION_UNADOPTED;
	}
	if (adopt(x, req, &s))
		return XO_SESSION_UNADOPTED;
	err = prepare(&s, account);
	if (err) {
		refuse(&s, err);
		xo_log(s.caller, "no session for %s: %s", s.caller,
		       err == -ENOTDIR	? "its working directory cannot be entered here"
		       : err == -EPROTO ? "it runs another revision"
		       : err == -EINVAL ? "its request makes no sense"
					: strerror(-err));
		return XO_SESSION_FAILED;
	}
	err = xo_stub_run(&s);
	if (err)
		xo_log(s.caller, "the session of %s ended early: %s", s.caller, strerror(-err));
	return err ? XO_SESSION_FAILED : XO_SESSION_DONE;
}
