// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A call that did not end at once, and calls over `exit`. What comes out of a gate is the callee's
 * word, and it may be hostile: each status leads to an end, no loop is without a bound or a look at
 * the deadline, and a lie costs the caller nothing but this call.
 *
 * A slot whose gate answered anything but OK or TAKEN is still this call's, until it is released
 * here: so an interrupted call finds it again.
 */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include "conn.h"

#define ATTEMPTS	16   /* to begin anew, whatever for */
#define ATTEMPTS_INSIDE 1000 /* to go on with what is half done: some 10 s */
#define NS_PER_S	1000000000ULL

struct call {
	struct xo_conn *conn;
	const uint64_t *args;
	uint64_t *value;
	uint64_t deadline; /* CLOCK_MONOTONIC, in ns; 0: none */
	unsigned int slot;
	unsigned int attempts;
	bool inside; /* half of it is done: it can be resumed, or given up */
};

struct xo_answer xo_entry_exit(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			       uint64_t a5, struct xo_conn *conn)
{
	return (struct xo_answer){ .status = XO_CALL_SLOWLY };
}

struct xo_answer xo_entry_stale(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
				uint64_t a5, struct xo_conn *conn)
{
	return (struct xo_answer){ .status = XO_CALL_SLOWLY };
}

/* ------------------------------------------------------------------ time */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

static uint64_t deadline_of(const struct xo_conn *c, const struct timespec *deadline)
{
	uint64_t t;

	if (!deadline)
		return c->timeout_ns ? now() + c->timeout_ns : 0;
	if (deadline->tv_sec < 0)
		return 1;
	t = (uint64_t)deadline->tv_sec * NS_PER_S + (uint64_t)deadline->tv_nsec;
	return t ? t : 1;
}

static bool is_late(const struct call *k)
{
	return k->deadline && now() >= k->deadline;
}

static int faulted(struct xo_conn *c, uint64_t word)
{
	/* A word of 0 would say that there was none. */
	__atomic_store_n(&c->fault, word ? word : (uint64_t)XO_GATE_FAULT_GATE << 56,
			 __ATOMIC_RELAXED);
	xo_count(&c->faults);
	return -EFAULT;
}

/* ------------------------------------------------------------------ over exit */

static struct xo_exit_slot *exit_slot_get(struct xo_conn *c)
{
	for (unsigned int i = 0; i < c->slots; i++) {
		struct xo_exit_slot *s = &c->exit[i];
		uintptr_t nobody = 0;

		if (__atomic_compare_exchange_n(&s->owner, &nobody, xo_this_thread(), false,
						__ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
			return s;
	}
	return NULL;
}

/* Without a ticket: who takes it next and is interrupted at once has nothing to give up. */
static void exit_slot_put(struct xo_exit_slot *s)
{
	s->req.ticket = 0;
	__atomic_store_n(&s->owner, 0, __ATOMIC_RELEASE);
}

static void exit_abandon(struct xo_conn *c, struct xo_exit_slot *s)
{
	struct xo_g_invoke req = { .op = XO_INVOKE_ABANDON, .ticket = s->req.ticket };

	if (req.ticket)
		ioctl(c->fd, XO_G_INVOKE, &req);
}

/* One ioctl: 0 it says how the call fares, 1 say it again, or a negative errno. */
static int exit_step(struct call *k, struct xo_exit_slot *s)
{
	uint64_t t = k->deadline ? now() : 0;

	if (k->deadline && t >= k->deadline) {
		exit_abandon(k->conn, s);
		return -ETIMEDOUT;
	}
	s->req.timeout_ns = k->deadline ? k->deadline - t : 0;
	if (ioctl(k->conn->fd, XO_G_INVOKE, &s->req) == 0)
		return 0;
	/* A signal before the call was made; or while it could not wait, which it says otherwise.
	 */
	return errno == EINTR ? 1 : -errno;
}

static int exit_wait(struct call *k, struct xo_exit_slot *s)
{
	int ret;

	for (;;) {
		ret = exit_step(k, s);
		if (ret < 0)
			return ret;
		if (!ret && s->req.status != XO_GATE_INTR)
			break;
		xo_count(&k->conn->interrupted);
		s->req.op = s->req.ticket ? XO_INVOKE_RESUME : XO_INVOKE_CALL;
	}
	if (s->req.status == XO_GATE_OK) {
		*k->value = s->req.value;
		return 0;
	}
	return s->req.status == XO_GATE_FAULT ? faulted(k->conn, s->req.value) : -EPROTO;
}

static int exit_call(struct call *k)
{
	struct xo_conn *c = k->conn;
	struct xo_exit_slot *s = exit_slot_get(c);
	bool other;
	int err;

	if (!s)
		return -EBUSY;
	s->req.op = XO_INVOKE_CALL;
	s->req.status = XO_GATE_OK;
	s->req.engine = XO_ENGINE_EXIT;
	memcpy(s->req.args, k->args, sizeof(s->req.args));
	err = exit_wait(k, s);
	other = s->req.engine != XO_ENGINE_EXIT;
	exit_slot_put(s);
	xo_count(&c->exit_calls);
	if (other && !err)
		xo_conn_attach(c, false);
	return err;
}

/* ------------------------------------------------------------------ over vmfunc */

static uint64_t window(const struct call *k)
{
	return k->conn->base + k->slot * XO_GATE_SLOT_SIZE;
}

static struct xo_answer enter(struct call *k)
{
	xo_entry gate = (xo_entry)(uintptr_t)(window(k) + XO_GATE_ENTRY);
	const uint64_t *a = k->args;

	k->inside = false;
	return gate(a[0], a[1], a[2], a[3], a[4], a[5], k->conn);
}

static struct xo_answer resume(struct call *k)
{
	xo_entry gate = (xo_entry)(uintptr_t)(window(k) + XO_GATE_RESUME);

	return gate(0, 0, 0, 0, 0, 0, k->conn);
}

/* Whose call has the slot: a thread's FS base, 0 if it is free. The gate claims it by CMPXCHG. */
static uint64_t *claim(uint64_t slot_window)
{
	return (uint64_t *)(uintptr_t)(slot_window + XO_GATE_SAVE + XO_SAVE_FS);
}

static void release(uint64_t slot_window)
{
	__atomic_store_n(claim(slot_window), 0, __ATOMIC_RELEASE);
}

/* Whatever call is in it away is forgotten. If it fails, none is: the host has let go. */
static void reset(struct xo_conn *c, uint32_t slot)
{
	int saved = errno;

	ioctl(c->fd, XO_G_SLOT_RESET, &slot);
	errno = saved;
}

/* The call ends with `err`, and its slot is for the next; what is left of it away is forgotten. */
static int end(struct call *k, int err)
{
	if (k->inside)
		reset(k->conn, k->slot);
	release(window(k));
	return err;
}

/*
 * True: *a is another try's. A call that is half done has no other way than this one, so it is
 * given more time: what keeps its processor from going away (a debugger, say) may pass.
 */
static bool again(struct call *k, struct xo_answer *a)
{
	static const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };

	if (k->attempts++ >= (k->inside ? ATTEMPTS_INSIDE : ATTEMPTS) || is_late(k))
		return false;
	if (k->attempts > ATTEMPTS)
		nanosleep(&nap, NULL);
	xo_count(&k->conn->retried);
	if (k->inside) {
		*a = resume(k);
	} else {
		end(k, 0);
		*a = enter(k);
	}
	return true;
}

/* The service's context is gone: until it is revived, for good, or since the link's engine is
 * another. 1: *a. */
static int revoked(struct call *k, struct xo_answer *a)
{
	int engine = xo_conn_attach(k->conn, k->inside);

	if (engine == XO_ENGINE_VMFUNC && again(k, a))
		return 1;
	if (engine == XO_ENGINE_VMFUNC && is_late(k))
		return end(k, -ETIMEDOUT);
	/* Nothing of it is done, and its slot stays closed: the link's engine is another by now,
	 * and this kernel has not heard of it yet, being busy with this very call. */
	if (engine < 0 || k->inside)
		return end(k, engine == -EPERM ? -ESTALE : -EHOSTDOWN);
	end(k, 0);
	return exit_call(k);
}

/* Another thread, or an interrupted call of this one, is in this slot: the next. */
static int taken(struct call *k, struct xo_answer *a)
{
	if (++k->slot >= k->conn->gate_slots)
		return -EBUSY;
	xo_count(&k->conn->retried);
	*a = enter(k);
	return 1;
}

/* The slot is free here, and its last call has not ended there: whoever made it is gone. */
static int busy(struct call *k, struct xo_answer *a)
{
	k->inside = false;
	reset(k->conn, k->slot);
	return again(k, a) ? 1 : end(k, -EBUSY);
}

/* What an answer of the gate means: 1 go on with the new one in *a, else the end. */
static int step(struct call *k, struct xo_answer *a)
{
	switch (a->status) {
	case XO_GATE_OK:
		*k->value = a->value;
		return 0;
	case XO_GATE_INTR:
		k->inside = true;
		xo_count(&k->conn->interrupted);
		if (is_late(k))
			return end(k, -ETIMEDOUT);
		*a = resume(k);
		return 1;
	case XO_GATE_TAKEN:
		return k->inside ? end(k, -EPROTO) : taken(k, a);
	case XO_GATE_BUSY:
		return k->inside ? end(k, -EPROTO) : busy(k, a);
	case XO_GATE_NORES:
		k->inside = false;
		return end(k, -EINTR);
	case XO_GATE_FAULT:
		k->inside = false;
		return end(k, faulted(k->conn, a->value));
	case XO_GATE_REVOKED:
		return revoked(k, a);
	case XO_GATE_AGAIN:
		return again(k, a) ? 1 : end(k, is_late(k) ? -ETIMEDOUT : -EINTR);
	default:
		k->inside = true; /* whatever it left */
		return end(k, -EPROTO);
	}
}

int xo_call_slow(struct xo_conn *conn, const uint64_t args[6], xo_entry entry,
		 struct xo_answer answer, uint64_t *value, const struct timespec *deadline)
{
	struct call k = { .conn = conn, .args = args, .value = value };
	int saved = errno, ret = 1;

	if (entry == xo_entry_stale || xo_conn_is_stale(conn))
		return -ESTALE;
	k.deadline = deadline_of(conn, deadline);
	if (entry == xo_entry_exit)
		ret = exit_call(&k);
	while (ret == 1)
		ret = step(&k, &answer);
	errno = saved;
	return ret;
}

void xo_abandon(struct xo_conn *c)
{
	bool gates = __atomic_load_n(&c->mapping, __ATOMIC_ACQUIRE) == XO_MAPPED;
	uintptr_t self = xo_this_thread();
	int saved = errno;

	if (xo_conn_is_stale(c))
		return;
	for (unsigned int i = 0; i < c->slots; i++) {
		struct xo_exit_slot *s = &c->exit[i];

		if (__atomic_load_n(&s->owner, __ATOMIC_ACQUIRE) != self)
			continue;
		exit_abandon(c, s);
		exit_slot_put(s);
	}
	for (unsigned int i = 0; gates && i < c->gate_slots; i++) {
		uint64_t at = c->base + i * XO_GATE_SLOT_SIZE;

		if (__atomic_load_n(claim(at), __ATOMIC_ACQUIRE) != self)
			continue;
		reset(c, i);
		release(at);
	}
	errno = saved;
}
