// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * Services: made, offered, ended. One thread of each, the acceptor, waits for those who want to
 * connect, asks whether they may, and hands them to a session (serve.c).
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "service.h"

/* All of this process, for its children after fork(): they own none, and must hold none. */
static struct xo_service *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void)
{
	pthread_mutex_lock(&all_lock);
	for (struct xo_service *s = all; s; s = s->next)
		pthread_mutex_lock(&s->lock);
}

static void after_fork(void)
{
	for (struct xo_service *s = all; s; s = s->next)
		pthread_mutex_unlock(&s->lock);
	pthread_mutex_unlock(&all_lock);
}

/* A descriptor kept here would keep the service offered when its owner has died. */
static void in_child(void)
{
	after_fork();
	for (struct xo_service *s = all; s; s = s->next) {
		close(s->fd);
		s->fd = -1;
		for (struct xo_service_session *c = s->sessions; c; c = c->next)
			close(c->fd);
	}
	all = NULL;
}

static void init(void)
{
	pthread_atfork(before_fork, after_fork, in_child);
}

static void enlist(struct xo_service *s)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
	pthread_mutex_lock(&all_lock);
	s->next = all;
	all = s;
	pthread_mutex_unlock(&all_lock);
}

static void unlist(struct xo_service *s)
{
	pthread_mutex_lock(&all_lock);
	for (struct xo_service **p = &all; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	pthread_mutex_unlock(&all_lock);
}

/* ------------------------------------------------------------------ who may connect */

static bool allowed(const struct xo_service *s, const char *vm)
{
	if (!s->allow)
		return s->accept != NULL;
	for (char **a = s->allow; *a; a++)
		if (!strcmp(*a, "*") || !strcmp(*a, vm))
			return true;
	return false;
}

/* Copy the claim once out of the slot, where the caller may go on writing. */
static int read_claim(struct xo_service_session *s, const struct xo_g_serve *call,
		      struct xo_caller *caller)
{
	struct xo_msg *slot = xo_service_slot(s, call->slot), msg;
	struct xo_open claim;

	if (!slot)
		return -ENOMEM;
	memcpy(&msg, slot, sizeof(msg));
	memcpy(&claim, (char *)slot + XO_SLOT_HEADER, sizeof(claim));
	if (msg.op != XO_OP_OPEN || msg.in_len < sizeof(claim))
		return -EINVAL;
	if (claim.revision != XO_ABI_REVISION)
		return -EPROTO;
	memset(caller, 0, sizeof(*caller));
	memcpy(caller->vm, call->peer, sizeof(caller->vm));
	memcpy(caller->comm, claim.comm, sizeof(caller->comm) - 1);
	caller->wid = call->peer_wid;
	caller->uid = claim.uid;
	caller->pid = claim.pid;
	return 0;
}

static int decide(struct xo_service_session *c, const struct xo_g_serve *call)
{
	struct xo_service *s = c->service;
	struct xo_caller caller;
	int err = read_claim(c, call, &caller);

	if (!err && s->accept)
		err = s->accept(&caller, s->arg);
	return err > 0 || err < -4095 ? -EACCES : err;
}

static void answer_open(struct xo_service_session *c, const struct xo_g_serve *call,
			const struct xo_g_adopt *adopted)
{
	struct xo_msg *slot = xo_service_slot(c, call->slot);
	const struct xo_opened opened = { .revision = XO_ABI_REVISION,
					  .pid = (uint32_t)getpid(),
					  .uid = geteuid(),
					  .gid = getegid(),
					  .wid = adopted->wid };

	memcpy((char *)slot + XO_SLOT_HEADER, &opened, sizeof(opened));
	slot->out_len = sizeof(opened);
	slot->file_mode = 0;
	slot->result = (int64_t)adopted->session;
}

static int map_buffer(struct xo_service_session *c, const struct xo_g_serve *call)
{
	void *buffer = mmap(NULL, XO_GATE_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd,
			    XO_MMAP_BUFFER);

	if (buffer == MAP_FAILED)
		return -errno;
	c->visit = (struct xo_visit){ .wid = call->peer_wid,
				      .buffer = buffer,
				      .buffer_size = XO_GATE_BUFFER_SIZE,
				      .engine = XO_ENGINE_EXIT };
	memcpy(c->visit.caller, call->peer, sizeof(c->visit.caller));
	return 0;
}

/* Adopted: from here on the session's own descriptor answers, and its end frees `c`. */
static void open_adopted(struct xo_service_session *c, const struct xo_g_serve *call,
			 const struct xo_g_adopt *adopted)
{
	struct xo_g_serve reply = { .revision = XO_ABI_REVISION,
				    .reply = 1,
				    .link = call->link,
				    .slot = call->slot,
				    .seq = call->seq };
	int err = decide(c, call);

	if (!err)
		err = map_buffer(c, call);
	if (!err) {
		answer_open(c, call, adopted);
		err = xo_service_begin(c, &reply);
	}
	if (!err)
		return;
	reply.status = err == -EAGAIN || err == -ENOMEM ? -EBUSY : err;
	ioctl(c->fd, XO_G_SERVE, &reply); /* ENOLINK: that was the session */
	xo_service_session_free(c);
}

/* 0, or what the master answers the caller. */
static int open_session(struct xo_service *s, const struct xo_g_serve *call)
{
	struct xo_g_adopt adopt = { .revision = XO_ABI_REVISION,
				    .link = call->link,
				    .slot = call->slot,
				    .seq = call->seq };
	struct xo_service_session *c;

	if (!allowed(s, call->peer))
		return -EACCES;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -EBUSY;
	c->service = s;
	c->fd = xo_reopen(s->fd);
	if (c->fd < 0 || ioctl(c->fd, XO_G_ADOPT, &adopt) < 0) {
		int err = errno == ESTALE ? 0 : -EBUSY;

		xo_service_session_free(c);
		return err;
	}
	open_adopted(c, call, &adopt);
	return 0;
}

/* ------------------------------------------------------------------ the acceptor */

static void tell_news(struct xo_service *s)
{
	struct xo_service_info info = { 0 };
	struct xo_fault fault;
	uint64_t told = s->told_faults;

	if (ioctl(s->fd, XO_G_SERVICE_INFO, &info) < 0)
		return;
	__atomic_store_n(&s->reason, info.reason, __ATOMIC_RELAXED);
	s->told_faults = info.faults;
	if (info.faults == told || !s->fault)
		return;
	xo_fault_of(info.fault, &fault);
	s->fault(&fault, "", s->arg);
}

/* What the wait's failure means: true: wait again. */
static bool go_on(int err)
{
	const struct timespec pause = { .tv_sec = 1 };

	switch (err) {
	case EINTR:
	case ETIMEDOUT:
	case ESTALE:
		return true;
	case EHOSTDOWN:
	case ENOLINK:
		nanosleep(&pause, NULL);
		return true;
	default:
		return false;
	}
}

static void *acceptor(void *arg)
{
	struct xo_service *s = arg;
	struct xo_g_serve req = { 0 };
	int err = xo_guard_thread(&s->stop);

	while (!err && !__atomic_load_n(&s->stop, __ATOMIC_ACQUIRE)) {
		req.revision = XO_ABI_REVISION;
		req.timeout_ms = 0;
		if (ioctl(s->fd, XO_G_SERVE, &req) < 0) {
			req.reply = 0;
			if (!go_on(errno))
				break;
			continue;
		}
		req.reply = 0;
		if (req.slot == XO_SLOT_NOTICE) {
			tell_news(s);
			continue;
		}
		req.peer[XO_NAME_MAX - 1] = '\0';
		req.status = open_session(s, &req);
		req.reply = req.status != 0;
	}
	xo_guard_thread_end();
	return NULL;
}

/* ------------------------------------------------------------------ making */

static void free_list(char **list)
{
	for (char **p = list; p && *p; p++)
		free(*p);
	free(list);
}

static char **copy_list(const char *const *list)
{
	size_t n = 0;
	char **copy;

	while (list[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	for (size_t i = 0; copy && i < n; i++) {
		copy[i] = strdup(list[i]);
		if (!copy[i]) {
			free_list(copy);
			return NULL;
		}
	}
	return copy;
}

static void destroy(struct xo_service *s)
{
	if (s->fd >= 0)
		close(s->fd);
	pthread_cond_destroy(&s->gone);
	pthread_mutex_destroy(&s->lock);
	free_list(s->allow);
	free(s);
}

static struct xo_service *make(const struct xo_service_spec *spec)
{
	struct xo_service *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->fd = -1;
	s->entry = spec->entry;
	s->accept = spec->accept;
	s->fault = spec->fault;
	s->arg = spec->arg;
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->gone, NULL);
	if (spec->allow && !(s->allow = copy_list(spec->allow))) {
		destroy(s);
		return NULL;
	}
	return s;
}

/* -ENXIO: the entry point is none. */
static int find_regions(const struct xo_service_spec *spec, struct xo_region **own, size_t *count)
{
	int err = xo_regions_of((const void *)(uintptr_t)spec->entry, spec->flags & XO_SERVICE_LIBS,
				own, count);

	if (err == -EINVAL || (!err && !xo_spec_has_entry(*own, *count, spec->entry)))
		return -ENXIO;
	return err;
}

static int offer(struct xo *x, struct xo_service *s, const struct xo_service_spec *spec)
{
	struct xo_g_service req = { .revision = XO_ABI_REVISION,
				    .flags = spec->flags & ~XO_SERVICE_LIBS,
				    .entry = (uintptr_t)spec->entry };
	struct xo_region *own = NULL;
	size_t count = spec->region_count;
	int err = 0;

	memcpy(req.name, s->name, sizeof(req.name));
	if (!spec->regions)
		err = find_regions(spec, &own, &count);
	if (!err && count > XO_SERVICE_PAGES)
		err = -E2BIG;
	if (!err) {
		req.regions = (uintptr_t)(own ? own : spec->regions);
		req.count = (uint32_t)count;
		s->fd = xo_reopen(xo_fd(x));
		err = s->fd < 0 || ioctl(s->fd, XO_G_SERVICE, &req) < 0 ? -errno : 0;
	}
	s->reason = req.reason;
	free(own);
	return err;
}

/* It begins with all signals blocked: those of the program are for its own threads. */
static int start_acceptor(struct xo_service *s)
{
	sigset_t every, before;
	int err;

	sigfillset(&every);
	pthread_sigmask(SIG_SETMASK, &every, &before);
	err = -pthread_create(&s->acceptor, NULL, acceptor, s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

int xo_service_create(struct xo *x, const struct xo_service_spec *spec, struct xo_service **out)
{
	struct xo_service *s;
	int err;

	if (!x)
		return -EBADF;
	err = xo_side(x) == XO_SIDE_HOST ? 0 : xo_need(x, XO_SIDE_GUEST);
	if (!err)
		err = xo_spec_check(x, spec);
	if (err)
		return err;
	s = make(spec);
	if (!s)
		return xo_cannot_create(x, -ENOMEM, spec->name);
	strcpy(s->name, spec->name);
	err = xo_guard_init();
	if (!err)
		err = offer(x, s, spec);
	if (!err)
		err = start_acceptor(s);
	if (err) {
		destroy(s);
		return xo_cannot_create(x, err, spec->name);
	}
	enlist(s);
	*out = s;
	return 0;
}

/* ------------------------------------------------------------------ the end */

/* A thread that is about to wait when it is interrupted waits all the same: again, then. */
static struct timespec soon(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += 20 * 1000 * 1000;
	if (t.tv_nsec >= 1000 * 1000 * 1000) {
		t.tv_nsec -= 1000 * 1000 * 1000;
		t.tv_sec++;
	}
	return t;
}

static void stop_sessions(struct xo_service *s)
{
	struct timespec until;

	pthread_mutex_lock(&s->lock);
	while (s->threads) {
		for (struct xo_service_thread *t = s->threads; t; t = t->next)
			xo_guard_interrupt(t->thread);
		until = soon();
		pthread_cond_timedwait(&s->gone, &s->lock, &until);
	}
	pthread_mutex_unlock(&s->lock);
}

static void stop_acceptor(struct xo_service *s)
{
	struct timespec until;

	do {
		xo_guard_interrupt(s->acceptor);
		until = soon();
	} while (pthread_timedjoin_np(s->acceptor, NULL, &until) == ETIMEDOUT);
}

void xo_service_destroy(struct xo_service *s)
{
	if (!s)
		return;
	if (s->fd >= 0) {
		unlist(s);
		__atomic_store_n(&s->stop, true, __ATOMIC_RELEASE);
		stop_acceptor(s);
		stop_sessions(s);
	}
	destroy(s);
}

void xo_service_stat(struct xo_service *s, struct xo_service_stat *out)
{
	memset(out, 0, sizeof(*out));
	pthread_mutex_lock(&s->lock);
	for (struct xo_service_session *c = s->sessions; c; c = c->next)
		out->connections++;
	pthread_mutex_unlock(&s->lock);
	out->calls = __atomic_load_n(&s->calls, __ATOMIC_RELAXED);
	out->faults = __atomic_load_n(&s->faults, __ATOMIC_RELAXED);
	out->reason = __atomic_load_n(&s->reason, __ATOMIC_RELAXED);
	if (s->fd >= 0)
		ioctl(s->fd, XO_G_SERVICE_INFO, &out->vmfunc);
}
