// SPDX-License-Identifier: GPL-2.0
/* All that the attacks ask of libcrossover, and where it put the gates. */
#include "attack.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>
#include <crossover/crossover.h>

#define GATES_END (XO_GATE_BASE + (uint64_t)XO_GATE_CONNS * XO_GATE_CONN_SIZE)

/* Bit: a target of this process has that connection's region. */
static uint64_t regions_seen;
static pid_t regions_of;

/* The library says nowhere where its gates are; the kernel does. */
static void find_region(struct target *t)
{
	FILE *f = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned long start, end;
	int index = -1;

	if (regions_of != getpid())
		regions_seen = 0;
	regions_of = getpid();
	t->base = NULL;
	t->slots = 0;
	while (f && fgets(line, sizeof(line), f)) {
		int at;

		if (sscanf(line, "%lx-%lx", &start, &end) != 2 || start < XO_GATE_BASE ||
		    start >= GATES_END)
			continue;
		at = (int)((start - XO_GATE_BASE) / XO_GATE_CONN_SIZE);
		if (index < 0 && !(regions_seen >> at & 1))
			index = at;
		if (at != index)
			continue;
		t->base = (uint8_t *)(XO_GATE_BASE + (uint64_t)at * XO_GATE_CONN_SIZE);
		if (start % XO_GATE_SLOT_SIZE == 0 &&
		    start % XO_GATE_CONN_SIZE < XO_GATE_SLOTS * XO_GATE_SLOT_SIZE)
			t->slots++;
	}
	if (f)
		fclose(f);
	if (index >= 0)
		regions_seen |= 1ULL << index;
}

/* The VM (or "host") that has the owner. */
static const char *callee(void)
{
	const char *name = getenv("XO_ATTACK_CALLEE");

	return name ? name : "web";
}

int target_try(struct target *t, const char *service, unsigned int slots)
{
	const struct xo_connect_opts opts = { .slots = slots };
	int err;

	t->conn = NULL;
	t->x = xo_new();
	if (!t->x)
		return -ENOMEM;
	err = xo_open(t->x, XO_SIDE_GUEST, NULL);
	if (!err)
		err = xo_connect(t->x, callee(), service, &opts, &t->conn);
	if (!err)
		find_region(t);
	return err;
}

void target_open(struct target *t, const char *service, unsigned int slots, bool want_vmfunc)
{
	const struct xo_reason *reason;
	struct xo_conn_stat stat;

	if (target_try(t, service, slots))
		die("cannot connect to %s: %s", service, t->x ? xo_error(t->x) : "no memory");
	xo_conn_stat(t->conn, &stat);
	if (!want_vmfunc || (stat.engine == XO_ENGINE_VMFUNC && t->base))
		return;
	reason = xo_reason_by_code(stat.reason);
	die("the link does not use vmfunc: %s", reason ? reason->sentence : "its engine is exit");
}

void target_close(struct target *t)
{
	if (t->base && regions_of == getpid())
		regions_seen &= ~(1ULL << ((uint64_t)t->base - XO_GATE_BASE) / XO_GATE_CONN_SIZE);
	t->base = NULL;
	xo_disconnect(t->conn);
	xo_free(t->x);
}

int target_call(struct target *t, uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t *value)
{
	return xo_call(t->conn, op, a, b, c, 0, 0, value);
}

int target_call_for(struct target *t, uint64_t op, uint64_t a, uint64_t b, uint64_t *value,
		    unsigned int ms)
{
	struct timespec at;

	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000L;
	if (at.tv_nsec >= 1000000000L) {
		at.tv_nsec -= 1000000000L;
		at.tv_sec++;
	}
	return xo_call_deadline(t->conn, op, a, b, 0, 0, 0, value, &at);
}

unsigned int target_fault(struct target *t, uint64_t *rip)
{
	struct xo_fault fault;

	if (!xo_conn_fault(t->conn, &fault))
		return 0;
	if (rip)
		*rip = fault.rip;
	return fault.kind;
}

void *target_buffer(struct target *t)
{
	size_t size;

	return xo_buffer(t->conn, &size);
}

const char *target_engine(struct target *t)
{
	struct xo_conn_stat stat;

	xo_conn_stat(t->conn, &stat);
	return xo_engine_name(stat.engine);
}

/* Of all descriptors of the module only a connection's knows such a slot; which it is, the library
 * keeps to itself. The first connection made is the one attacked. ENODATA: no call is in it. */
void target_reset(struct target *t, unsigned int slot)
{
	uint32_t number = slot;
	int fd;

	for (fd = 3; fd < 64; fd++)
		if (!ioctl(fd, XO_G_SLOT_RESET, &number) || errno == ENODATA)
			return;
	die("no descriptor of ours resets slot %u: %s", slot, strerror(errno));
}
