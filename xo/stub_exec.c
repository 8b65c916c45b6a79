// SPDX-License-Identifier: GPL-2.0
/* The stub: waits for requests, serves each in the thread that took it; see stub_exec.h. */
#include "stub_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include "log.h"
#include "stub_impl.h"

static struct {
	struct xo_stub s;
	_Atomic(void *) slot[XO_SLOTS_PER_LINK]; /* mapped at first use */
	_Atomic unsigned int threads;
} stub;

/* For the module, when it serves a visitor; pages that are not used are not there. */
static struct xo_private visited[XO_SLOTS_PER_LINK];

/* A slot's window, or NULL: it is not bound to this session any more. */
static struct xo_msg *map_slot(uint32_t slot)
{
	void *none = NULL, *at = atomic_load(&stub.slot[slot]);

	if (at)
		return at;
	at = mmap(NULL, XO_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stub.s.fd,
		  (off_t)slot * XO_SLOT_SIZE);
	if (at == MAP_FAILED)
		return NULL;
	if (!atomic_compare_exchange_strong(&stub.slot[slot], &none, at)) {
		munmap(at, XO_SLOT_SIZE);
		at = none;
	}
	return at;
}

static bool given_up(void *ctx)
{
	const struct xo_g_serve *req = ctx;
	struct xo_g_adopt a = {
		.revision = XO_ABI_REVISION, .slot = req->slot, .link = req->link, .seq = req->seq
	};

	return ioctl(stub.s.fd, XO_G_CANCELLED, &a) != 0;
}

static void reply(struct xo_msg *msg, int64_t result, uint32_t out_len, uint32_t file_mode)
{
	msg->result = result;
	msg->out_len = out_len;
	msg->file_mode = file_mode;
}

/* The request in `req`; its reply in the slot. Returns the call's status. */
static int serve_one(struct xo_stub_call *c, struct xo_g_serve *req, bool *last)
{
	struct xo_msg *window = map_slot(req->slot), msg;

	if (!window)
		return -EHOSTDOWN;
	memcpy(&msg, window, sizeof(msg));
	switch (msg.op) {
	case XO_OP_SYSCALL:
		c->ctx = req;
		xo_stub_call(c, &msg, (char *)window + XO_SLOT_HEADER);
		reply(window, c->result, c->out_len, c->file_mode);
		return 0;
	case XO_OP_CLOSE:
		*last = true;
		reply(window, 0, 0, 0);
		return 0;
	case XO_OP_PING:
		reply(window, 0, 0, 0);
		return 0;
	default:
		return -EPROTO;
	}
}

static void *serve(void *ctx);

/* Calls may block: there is always a thread that waits for the next one, up to the limit. */
static void start_thread(void)
{
	pthread_t t;

	if (atomic_fetch_add(&stub.threads, 1) >= XO_STUB_THREADS ||
	    pthread_create(&t, NULL, serve, NULL))
		atomic_fetch_sub(&stub.threads, 1);
	else
		pthread_detach(t);
}

/* Until the session is over; `req` may hold the reply to a call that is already served. */
static int serve_all(struct xo_stub_call *c, struct xo_g_serve *req)
{
	bool last = false;

	for (;;) {
		/* Before a call can come, so that no signal for it is overlooked. */
		xo_stub_uncancel();
		if (ioctl(stub.s.fd, XO_G_SERVE, req)) {
			/* By a signal for the last call, or the host ended that one: the reply is
			 * done with in any case. */
			if (errno != EINTR && !(errno == ESTALE && req->reply))
				return errno == ENOLINK || last ? 0 : -errno;
			req->reply = 0;
			continue;
		}
		if (!req->idle)
			start_thread();
		if (req->slot == XO_SLOT_NOTICE)
			continue;
		req->status = serve_one(c, req, &last);
		req->reply = 1;
	}
}

static struct xo_stub_call *make_call(void)
{
	struct xo_stub_call *c = calloc(1, sizeof(*c));

	if (c) {
		c->policy = stub.s.policy;
		c->given_up = given_up;
	}
	return c;
}

/* The first thread to learn that the session is over ends the process, calls that block included.
 */
static void *serve(void *ctx)
{
	struct xo_g_serve req = { .revision = XO_ABI_REVISION };
	struct xo_stub_call *c = make_call();

	if (c)
		_exit(serve_all(c, &req) ? 1 : 0);
	atomic_fetch_sub(&stub.threads, 1);
	return NULL;
}

static int move_fd(struct xo_stub *s)
{
	int fd;

	if (s->fd >= XO_STUB_FD_BASE)
		return 0;
	fd = fcntl(s->fd, F_DUPFD_CLOEXEC, XO_STUB_FD_BASE);
	if (fd < 0)
		return -errno;
	close(s->fd);
	s->fd = fd;
	return 0;
}

/* Descriptors of the caller stay below XO_STUB_FD_BASE by the process's own limit. */
static int limit_fds(void)
{
	struct rlimit l;

	if (getrlimit(RLIMIT_NOFILE, &l))
		return -errno;
	l.rlim_cur = XO_STUB_FD_BASE;
	if (l.rlim_max < l.rlim_cur)
		l.rlim_cur = l.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &l) ? -errno : 0;
}

/* A group of its own, no terminal, no core, memory that only root can look at; what would kill a
 * process that writes is told to the caller instead. */
static int settle(struct xo_stub *s)
{
	int err;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	if (prctl(PR_SET_DUMPABLE, 0))
		return -errno;
	err = move_fd(s);
	if (!err)
		err = limit_fds();
	if (!err)
		err = xo_stub_catch_cancel();
	return err;
}

static int answer_open(struct xo_stub *s, struct xo_g_serve *req)
{
	struct xo_msg *window;
	struct xo_opened *o;

	stub.s = *s;
	window = map_slot(s->slot);
	if (!window)
		return -errno;
	o = (struct xo_opened *)((char *)window + XO_SLOT_HEADER);
	*o = (struct xo_opened){ .revision = XO_ABI_REVISION,
				 .pid = getpid(),
				 .uid = getuid(),
				 .gid = getgid(),
				 .wid = s->wid };
	reply(window, s->session, sizeof(*o), 0);
	*req = (struct xo_g_serve){ .revision = XO_ABI_REVISION,
				    .reply = 1,
				    .slot = s->slot,
				    .link = s->link,
				    .seq = s->seq };
	return 0;
}

/* What the policy allows whatever the arguments may be visited. Without visits it does no harm. */
static void allow_visits(const struct xo_stub *s)
{
	struct xo_g_visits v = { .revision = XO_ABI_REVISION,
				 .descriptors = XO_STUB_FD_BASE,
				 .slot = (uintptr_t)stub.slot,
				 .descriptor = (uintptr_t)xo_stub_fd_words(),
				 .room = (uintptr_t)visited,
				 .room_size = sizeof(visited[0]) };

	for (uint32_t nr = 0; nr < XO_SYSCALLS; nr++)
		if (xo_stub_always_allowed(s->policy, nr))
			v.allowed[nr / 64] |= 1ULL << nr % 64;
	ioctl(s->fd, XO_G_VISITS, &v);
}

int xo_stub_run(struct xo_stub *s)
{
	struct xo_g_serve req;
	struct xo_stub_call *c;
	int err;

	err = settle(s);
	if (!err)
		err = answer_open(s, &req);
	if (err)
		return err;
	allow_visits(s);
	stub.threads = 1;
	c = make_call();
	return c ? serve_all(c, &req) : -ENOMEM;
}
