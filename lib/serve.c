// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A session of a service over `exit`: threads that wait for its calls and make them. There is
 * always one that waits; who takes a call while no other waits starts another first.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "service.h"

void xo_service_session_free(struct xo_service_session *s)
{
	for (size_t i = 0; i < XO_SLOTS_PER_LINK; i++)
		if (s->slot[i])
			munmap(s->slot[i], XO_SLOT_SIZE);
	if (s->visit.buffer)
		munmap(s->visit.buffer, XO_GATE_BUFFER_SIZE);
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}

/* Mapped when its first call comes: only then is it bound to the session. */
struct xo_msg *xo_service_slot(struct xo_service_session *s, uint32_t slot)
{
	void *at;

	if (slot >= XO_SLOTS_PER_LINK)
		return NULL;
	pthread_mutex_lock(&s->service->lock);
	at = s->slot[slot];
	if (!at) {
		at = mmap(NULL, XO_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, s->fd,
			  (off_t)slot * XO_SLOT_SIZE);
		at = s->slot[slot] = at == MAP_FAILED ? NULL : at;
	}
	pthread_mutex_unlock(&s->service->lock);
	return at;
}

/* 0, or a negative errno if the service's code was stopped half-way. */
static int invoke(struct xo_service_session *s, const struct xo_g_serve *req, struct xo_msg *slot)
{
	struct xo_service *service = s->service;
	struct xo_visit visit = s->visit;
	uint64_t args[6], value = 0;
	const struct xo_guarded job = { .entry = service->entry,
					.args = args,
					.visit = &visit,
					.fd = s->fd,
					.call = { .revision = XO_ABI_REVISION,
						  .slot = req->slot,
						  .link = req->link,
						  .seq = req->seq } };
	struct xo_fault fault;

	memcpy(args, slot->args, sizeof(args));
	__atomic_fetch_add(&service->calls, 1, __ATOMIC_RELAXED);
	if (xo_guard_call(&job, &value, &fault)) {
		slot->file_mode = XO_GATE_OK;
		slot->result = (int64_t)value;
		return 0;
	}
	if (!fault.kind)
		return -EINTR;
	slot->file_mode = XO_GATE_FAULT;
	slot->result = (int64_t)((uint64_t)fault.kind << 56 | (fault.rip & 0xffffffffffffff));
	__atomic_fetch_add(&service->faults, 1, __ATOMIC_RELAXED);
	if (service->fault)
		service->fault(&fault, visit.caller, service->arg);
	return 0;
}

/* The call in the request's slot; its reply is to be sent with the next ioctl. */
static void answer(struct xo_service_session *s, struct xo_g_serve *req)
{
	struct xo_msg *slot = xo_service_slot(s, req->slot);

	req->reply = 1;
	req->status = 0;
	if (!slot) {
		req->status = -ENOMEM;
		return;
	}
	slot->out_len = 0;
	slot->file_mode = 0;
	slot->result = 0;
	switch (*(volatile uint32_t *)&slot->op) {
	case XO_OP_INVOKE:
		req->status = invoke(s, req, slot);
		break;
	case XO_OP_PING:
	case XO_OP_CLOSE:
		break;
	default:
		req->status = -EOPNOTSUPP;
		break;
	}
}

static int spawn(struct xo_service_session *s, const struct xo_g_serve *request);

static bool wants_another(struct xo_service_session *s, const struct xo_g_serve *req)
{
	return !req->idle && __atomic_load_n(&s->threads, __ATOMIC_RELAXED) < XO_SESSION_THREADS;
}

static void serve(struct xo_service_session *s, struct xo_g_serve *req)
{
	const struct xo_g_serve nothing = { .revision = XO_ABI_REVISION };

	while (!__atomic_load_n(&s->service->stop, __ATOMIC_ACQUIRE)) {
		req->revision = XO_ABI_REVISION;
		req->timeout_ms = 0;
		if (ioctl(s->fd, XO_G_SERVE, req) == 0) {
			if (wants_another(s, req))
				spawn(s, &nothing); /* without, calls wait for each other */
			answer(s, req);
			continue;
		}
		/* EINTR: the reply was made. ESTALE: nobody wants it any more. */
		req->reply = 0;
		if (errno != EINTR && errno != ESTALE)
			break;
	}
}

static void *session_thread(void *arg)
{
	struct xo_service_thread *t = arg;
	struct xo_service_session *s = t->session;
	struct xo_service *service = s->service;
	bool last;

	if (!xo_guard_thread(&service->stop))
		serve(s, &t->request);
	xo_guard_thread_end();

	pthread_mutex_lock(&service->lock);
	for (struct xo_service_thread **p = &service->threads; *p; p = &(*p)->next)
		if (*p == t) {
			*p = t->next;
			break;
		}
	last = !--s->threads;
	for (struct xo_service_session **p = &service->sessions; last && *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	if (last)
		xo_service_session_free(s);
	/* Under the lock: who waits for it may free the service next. */
	pthread_cond_broadcast(&service->gone);
	pthread_mutex_unlock(&service->lock);
	free(t);
	return NULL;
}

static int spawn(struct xo_service_session *s, const struct xo_g_serve *request)
{
	struct xo_service *service = s->service;
	struct xo_service_thread *t = calloc(1, sizeof(*t));
	pthread_attr_t attr;
	int err;

	if (!t)
		return -ENOMEM;
	t->session = s;
	t->request = *request;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_mutex_lock(&service->lock);
	err = -pthread_create(&t->thread, &attr, session_thread, t);
	if (!err) {
		s->threads++;
		t->next = service->threads;
		service->threads = t;
	}
	pthread_mutex_unlock(&service->lock);
	pthread_attr_destroy(&attr);
	if (err)
		free(t);
	return err;
}

int xo_service_begin(struct xo_service_session *s, const struct xo_g_serve *open)
{
	struct xo_service *service = s->service;
	int err;

	pthread_mutex_lock(&service->lock);
	s->next = service->sessions;
	service->sessions = s;
	pthread_mutex_unlock(&service->lock);
	err = spawn(s, open);
	if (!err)
		return 0;
	pthread_mutex_lock(&service->lock);
	for (struct xo_service_session **p = &service->sessions; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	pthread_mutex_unlock(&service->lock);
	return err;
}
