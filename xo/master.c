// SPDX-License-Identifier: GPL-2.0
/*
 * The master: one process, one thread, one ioctl in which it waits. Signals only set flags; the
 * loop acts on them. A signal that comes between the look at the flags and the wait would be
 * slept through, so its handler also shortens the wait that is about to begin.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "log.h"
#include "serve.h"
#include "xo.h"

struct child {
	pid_t pid;
	char caller[XO_NAME_MAX];
	uint32_t slot;
	uint64_t link, seq;
	int status; /* with pid 0: to be answered with this; else 0 */
	struct child *next;
};

struct master {
	int fd;
	struct xo_config *config;
	const char *file;
	const struct xo_master_hooks *hooks;
	struct child *children; /* running */
	struct child *unanswered;
	int trouble; /* the last error of the wait, so that it is logged once */
};

static volatile sig_atomic_t got_hup, got_term, got_chld;
static struct xo_g_serve request; /* of the wait; its timeout is the handlers' too */

static void on_signal(int sig)
{
	if (sig == SIGHUP)
		got_hup = 1;
	else if (sig == SIGCHLD)
		got_chld = 1;
	else
		got_term = 1;
	*(volatile __u32 *)&request.timeout_ms = 1;
}

static void catch_signals(void)
{
	static const int sigs[] = { SIGHUP, SIGTERM, SIGINT, SIGCHLD };
	struct sigaction sa = { .sa_handler = on_signal }, ignore = { .sa_handler = SIG_IGN };

	/* No SA_RESTART: a signal must end the wait. */
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		sigaction(sigs[i], &sa, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
}

static void push(struct child **list, struct child *c)
{
	c->next = *list;
	*list = c;
}

static struct child *take(struct child **list, pid_t pid)
{
	for (struct child **p = list; *p; p = &(*p)->next) {
		struct child *c = *p;

		if (c->pid == pid) {
			*p = c->next;
			return c;
		}
	}
	return NULL;
}

static unsigned int running(const struct master *m, const char *caller)
{
	unsigned int n = 0;

	for (const struct child *c = m->children; c; c = c->next)
		n += !strcmp(c->caller, caller);
	return n;
}

/*
 * A session that died on the way leaves its OPEN call to us: answer it. If it had adopted the call,
 * the module has ended it, and refuses ours with ESTALE, which is fine.
 */
static void reap(struct master *m)
{
	struct child *c;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		c = take(&m->children, pid);
		if (!c)
			continue;
		if (WIFSIGNALED(status))
			xo_log(c->caller, "stub %d of %s was killed by signal %d", (int)pid,
			       c->caller, WTERMSIG(status));
		if (WIFEXITED(status) && WEXITSTATUS(status) != XO_SESSION_UNADOPTED) {
			free(c);
			continue;
		}
		c->status = -EIO;
		push(&m->unanswered, c);
	}
}

static void reload(struct master *m)
{
	char why[512];

	if (m->hooks->reopen)
		m->hooks->reopen(m->hooks->arg);
	if (!xo_config_load(m->config, m->file, why, sizeof(why))) {
		xo_log(NULL, "the new policy is refused, the old one stays: %s", why);
		return;
	}
	xo_log(NULL, "policy %s loaded again, %zu callers", m->file, m->config->count);
	for (size_t i = 0; i < m->config->count; i++)
		if (xo_config_doubt(m->config, i, m->file, why, sizeof(why)))
			xo_log(NULL, "warning: %s", why);
}

/* The policy's answer to a caller, known by its host-vouched name only: its index or -errno. */
static int admit(struct master *m, const char *peer)
{
	const struct xo_policy_caller *caller = xo_policy_find(m->config->policy, peer);

	if (!caller) {
		xo_log(peer, "refused caller=%s: the policy has no block for it", peer);
		return -EACCES;
	}
	if (running(m, peer) >= xo_policy_caller_stubs(caller)) {
		xo_log(peer, "refused caller=%s: it has %u stubs already (stubs, line %u)", peer,
		       xo_policy_caller_stubs(caller), xo_policy_caller_line(caller));
		return -EBUSY;
	}
	for (size_t i = 0;; i++)
		if (xo_policy_at(m->config->policy, i) == caller)
			return (int)i;
}

/* An OPEN call: fork its session, or the negative errno that answers it. */
static int open_session(struct master *m, const struct xo_g_serve *req)
{
	int i = admit(m, req->peer);
	struct child *c;

	if (i < 0)
		return i;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -EBUSY;
	memcpy(c->caller, req->peer, sizeof(c->caller));
	c->slot = req->slot;
	c->link = req->link;
	c->seq = req->seq;
	c->pid = fork();
	if (c->pid == 0)
		_exit(xo_session(req, xo_policy_at(m->config->policy, (size_t)i),
				 &m->config->accounts[i], xo_log_fd()));
	if (c->pid < 0) {
		xo_log(req->peer, "refused caller=%s: cannot fork its stub: %s", req->peer,
		       strerror(errno));
		free(c);
		return -EBUSY;
	}
	push(&m->children, c);
	return 0;
}

static void answer(struct xo_g_serve *r, uint64_t link, uint32_t slot, uint64_t seq, int status)
{
	r->reply = 1;
	r->link = link;
	r->slot = slot;
	r->seq = seq;
	r->status = status;
}

/* What the wait's error means: 0 go on, else stop with it. */
static int wait_failed(struct master *m, int err)
{
	const struct timespec pause = { .tv_sec = 1 };

	switch (err) {
	case -EINTR:
	case -ETIMEDOUT:
	case -ESTALE:
		return 0;
	case -ENOLINK:
	case -EHOSTDOWN:
		/* No host or link now; both may come back. */
		if (m->trouble != err)
			xo_log(NULL, "waiting for the host: %s", strerror(-err));
		m->trouble = err;
		nanosleep(&pause, NULL);
		return 0;
	default:
		xo_log(NULL, "cannot serve any more: %s", strerror(-err));
		return err;
	}
}

/* One wait, at most `timeout` ms (0 for ever); a request that came is dealt with. */
static int step(struct master *m, unsigned int timeout)
{
	struct child *c = m->unanswered;
	int err;

	request.revision = XO_ABI_REVISION;
	/* One answer per ioctl: come back at once while there are more. */
	if (c && !request.reply) {
		m->unanswered = c->next;
		answer(&request, c->link, c->slot, c->seq, c->status);
		free(c);
	}
	if (m->unanswered)
		timeout = 1;
	if (timeout)
		request.timeout_ms = timeout;
	if (ioctl(m->fd, XO_G_SERVE, &request) < 0) {
		err = -errno;
		request.reply = 0;
		return wait_failed(m, err);
	}
	m->trouble = 0;
	request.reply = 0;
	request.peer[XO_NAME_MAX - 1] = '\0';
	err = open_session(m, &request);
	if (err < 0)
		answer(&request, request.link, request.slot, request.seq, err);
	return 0;
}

static void end_sessions(struct master *m)
{
	const struct timespec tick = { .tv_nsec = 50 * 1000 * 1000 };

	for (int i = 0; i < 100 && m->children; i++) {
		for (struct child *c = m->children; c; c = c->next)
			kill(c->pid, i < 60 ? SIGTERM : SIGKILL);
		nanosleep(&tick, NULL);
		reap(m);
	}
	while (m->unanswered)
		free(take(&m->unanswered, m->unanswered->pid));
}

int xo_master(struct xo *x, struct xo_config *config, const char *file,
	      const struct xo_master_hooks *hooks)
{
	struct master m = { .fd = xo_fd(x), .config = config, .file = file, .hooks = hooks };
	int err;

	got_hup = got_term = got_chld = 0;
	memset(&request, 0, sizeof(request));
	catch_signals();
	/* The first wait makes this descriptor a master; from then on OPEN calls find one. */
	err = step(&m, 1);
	if (!err)
		hooks->ready(hooks->arg);
	while (!err) {
		request.timeout_ms = 0;
		__atomic_signal_fence(__ATOMIC_SEQ_CST);
		if (got_term)
			break;
		if (got_hup) {
			got_hup = 0;
			reload(&m);
		}
		if (got_chld) {
			got_chld = 0;
			reap(&m);
		}
		err = step(&m, 0);
	}
	end_sessions(&m);
	xo_log(NULL, "ended");
	return err ? XO_REFUSED : XO_OK;
}
