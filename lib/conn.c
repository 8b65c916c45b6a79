// SPDX-License-Identifier: MIT OR GPL-2.0
/* Connections: made, attached to an engine, looked at, ended. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "conn.h"

#define PAGE		4096UL
#define DEFAULT_SLOTS	4
#define ATTACH_ATTEMPTS 64 /* that signals may interrupt */

/* All of this process: a child after fork() must not call, or hold, what is its parent's. */
static struct xo_conn *all;
static pthread_mutex_t all_lock = PTHREAD_MUTEX_INITIALIZER;

static void before_fork(void)
{
	pthread_mutex_lock(&all_lock);
}

static void in_parent(void)
{
	pthread_mutex_unlock(&all_lock);
}

static void in_child(void)
{
	pthread_mutex_unlock(&all_lock);
	for (struct xo_conn *c = all; c; c = c->next) {
		__atomic_store_n(&c->entry, xo_entry_stale, __ATOMIC_RELAXED);
		close(c->fd);
		c->fd = -1;
		/* Neither was inherited. */
		c->buffer = NULL;
		c->mapping = XO_UNMAPPED;
	}
	all = NULL;
}

static void init(void)
{
	pthread_atfork(before_fork, in_parent, in_child);
}

static void enlist(struct xo_conn *c)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, init);
	pthread_mutex_lock(&all_lock);
	c->next = all;
	all = c;
	pthread_mutex_unlock(&all_lock);
}

static void unlist(struct xo_conn *c)
{
	pthread_mutex_lock(&all_lock);
	for (struct xo_conn **p = &all; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			break;
		}
	pthread_mutex_unlock(&all_lock);
}

/* ------------------------------------------------------------------ engines */

static bool map_page(struct xo_conn *c, uint64_t at, int prot, off_t offset)
{
	void *want = (void *)(uintptr_t)at;

	return mmap(want, PAGE, prot, MAP_SHARED | MAP_FIXED_NOREPLACE, c->fd, offset) == want;
}

static void unmap_slots(uint64_t base, unsigned int slots)
{
	for (unsigned int i = 0; i < slots; i++) {
		munmap((void *)(uintptr_t)(base + i * XO_GATE_SLOT_SIZE + XO_GATE_TEXT), PAGE);
		munmap((void *)(uintptr_t)(base + i * XO_GATE_SLOT_SIZE + XO_GATE_SAVE), PAGE);
	}
}

static bool map_slots(struct xo_conn *c, uint64_t base, unsigned int slots)
{
	for (unsigned int i = 0; i < slots; i++) {
		uint64_t slot = base + i * XO_GATE_SLOT_SIZE;

		if (!map_page(c, slot + XO_GATE_TEXT, PROT_READ | PROT_EXEC, XO_MMAP_TEXT) ||
		    !map_page(c, slot + XO_GATE_SAVE, PROT_READ | PROT_WRITE,
			      XO_MMAP_SAVE + (off_t)(i * PAGE))) {
			unmap_slots(base, i + 1);
			return false;
		}
	}
	return true;
}

/*
 * The slots are mapped once, and stay so: another thread may be in them. Who finds somebody else at
 * it (it may be the very call that its signal handler interrupted) does not wait, but calls over
 * `exit` meanwhile.
 */
static bool mapped(struct xo_conn *c, uint64_t base, unsigned int slots)
{
	unsigned int was = XO_UNMAPPED;

	if (__atomic_load_n(&c->mapping, __ATOMIC_ACQUIRE) == XO_MAPPED)
		return c->base == base && c->gate_slots == slots;
	if (!__atomic_compare_exchange_n(&c->mapping, &was, XO_MAPPING, false, __ATOMIC_ACQUIRE,
					 __ATOMIC_RELAXED))
		return false;
	if (!map_slots(c, base, slots)) {
		__atomic_store_n(&c->mapping, XO_UNMAPPED, __ATOMIC_RELEASE);
		return false;
	}
	c->base = base;
	c->gate_slots = slots;
	__atomic_store_n(&c->mapping, XO_MAPPED, __ATOMIC_RELEASE);
	return true;
}

static void use_entry(struct xo_conn *c, xo_entry entry)
{
	if (!xo_conn_is_stale(c))
		__atomic_store_n(&c->entry, entry, __ATOMIC_RELAXED);
}

int xo_conn_attach(struct xo_conn *c, bool inside)
{
	struct xo_g_attach req;
	int ret = -1;

	for (int i = 0; ret && i < ATTACH_ATTEMPTS; i++) {
		req = (struct xo_g_attach){ .revision = XO_ABI_REVISION,
					    .slots = c->slots,
					    .engine = inside ? XO_ENGINE_VMFUNC : 0 };
		ret = ioctl(c->fd, XO_G_ATTACH, &req);
		if (ret && errno != EINTR)
			break;
	}
	if (ret)
		return -errno;
	__atomic_store_n(&c->reason, req.reason, __ATOMIC_RELAXED);
	if (req.engine != XO_ENGINE_VMFUNC || !req.slots || req.slots > XO_GATE_SLOTS ||
	    !mapped(c, req.base, req.slots)) {
		use_entry(c, xo_entry_exit);
		return XO_ENGINE_EXIT;
	}
	/* What is inside says nothing about the next call. */
	if (!inside)
		use_entry(c, (xo_entry)(uintptr_t)(req.base + XO_GATE_ENTRY));
	return XO_ENGINE_VMFUNC;
}

/* ------------------------------------------------------------------ making */

static int open_service(struct xo *x, struct xo_conn *c, const char *vm, const char *service)
{
	struct xo_g_connect req = { .revision = XO_ABI_REVISION };
	int err = xo_put_name(x, req.callee, vm);
	bool host = !err && !strcmp(vm, XO_HOST_NAME);

	if (err)
		return err;
	if (!xo_name_ok(service))
		return xo_err_set(x, -EINVAL,
				  "'%s' is not a service's name: use a lower-case letter, then up "
				  "to 30 lower-case letters, digits or '-', as its owner did",
				  service ? service : "(null)");
	memcpy(req.service, service, strlen(service));
	c->fd = xo_reopen(xo_fd(x));
	if (c->fd < 0)
		return xo_err_set(x, -errno, "cannot open %s once more: %s", XO_DEVICE,
				  strerror(errno));
	if (ioctl(c->fd, XO_G_CONNECT, &req) == 0)
		return 0;
	err = -errno;
	if (err == -ECONNREFUSED)
		return xo_err_set(x, err, "%s%s%s offers no service '%s': start its owner there",
				  host ? "the " : "VM '", vm, host ? "" : "'", service);
	if (err == -EACCES)
		return xo_err_set(x, err, "the owner of service '%s' in VM '%s' refuses this VM",
				  service, vm);
	return xo_cannot_connect(x, err, vm);
}

static int map_buffer(struct xo *x, struct xo_conn *c)
{
	void *at = mmap(NULL, XO_GATE_BUFFER_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd,
			XO_MMAP_BUFFER);

	if (at == MAP_FAILED)
		return xo_err_set(x, -errno, "cannot map the buffer of a connection: %s",
				  strerror(errno));
	c->buffer = at;
	return 0;
}

int xo_connect(struct xo *x, const char *vm, const char *service,
	       const struct xo_connect_opts *opts, struct xo_conn **out)
{
	static const struct xo_connect_opts defaults;
	struct xo_conn *c;
	int err = xo_need(x, XO_SIDE_GUEST);

	if (err)
		return err;
	if (!opts)
		opts = &defaults;
	if (opts->slots > XO_GATE_SLOTS)
		return xo_err_set(x, -EINVAL, "a connection has 1 to %d slots, not %u",
				  XO_GATE_SLOTS, opts->slots);
	c = calloc(1, sizeof(*c));
	if (!c)
		return xo_err_set(x, -ENOMEM, "no memory for a connection");
	c->entry = xo_entry_exit;
	c->fd = -1;
	c->slots = opts->slots ? opts->slots : DEFAULT_SLOTS;
	c->timeout_ns = opts->timeout_ns;
	err = open_service(x, c, vm, service);
	if (!err)
		err = map_buffer(x, c);
	if (!err) {
		err = xo_conn_attach(c, false);
		err = err > 0 ? 0
			      : xo_err_set(x, err, "service '%s' in VM '%s' went down again",
					   service, vm);
	}
	enlist(c);
	if (err) {
		xo_disconnect(c);
		return err;
	}
	*out = c;
	return 0;
}

void xo_disconnect(struct xo_conn *c)
{
	if (!c)
		return;
	unlist(c);
	if (c->mapping == XO_MAPPED)
		unmap_slots(c->base, c->gate_slots);
	if (c->buffer)
		munmap(c->buffer, XO_GATE_BUFFER_SIZE);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
}

/* ------------------------------------------------------------------ looking */

void *xo_buffer(const struct xo_conn *c, size_t *size)
{
	if (size)
		*size = c->buffer ? XO_GATE_BUFFER_SIZE : 0;
	return c->buffer;
}

int xo_conn_fault(const struct xo_conn *c, struct xo_fault *out)
{
	uint64_t word = __atomic_load_n(&c->fault, __ATOMIC_RELAXED);

	if (!word)
		return 0;
	xo_fault_of(word, out);
	return 1;
}

void xo_conn_stat(const struct xo_conn *c, struct xo_conn_stat *out)
{
	bool gates = __atomic_load_n(&c->mapping, __ATOMIC_ACQUIRE) == XO_MAPPED;
	xo_entry entry = __atomic_load_n(&c->entry, __ATOMIC_RELAXED);

	memset(out, 0, sizeof(*out));
	for (unsigned int i = 0; gates && i < c->gate_slots; i++)
		out->calls += *(volatile uint64_t *)(uintptr_t)(c->base + i * XO_GATE_SLOT_SIZE +
								XO_GATE_SAVE + XO_SAVE_CALLS);
	out->exit_calls = __atomic_load_n(&c->exit_calls, __ATOMIC_RELAXED);
	out->interrupted = __atomic_load_n(&c->interrupted, __ATOMIC_RELAXED);
	out->retried = __atomic_load_n(&c->retried, __ATOMIC_RELAXED);
	out->faults = __atomic_load_n(&c->faults, __ATOMIC_RELAXED);
	out->reason = __atomic_load_n(&c->reason, __ATOMIC_RELAXED);
	out->engine = entry == xo_entry_exit || entry == xo_entry_stale ? XO_ENGINE_EXIT
									: XO_ENGINE_VMFUNC;
	out->slots = gates ? c->gate_slots : c->slots;
}
