// SPDX-License-Identifier: GPL-2.0
/* The callee's log, with an account per caller. */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "crossover/abi.h"

struct account {
	char name[XO_NAME_MAX];
	atomic_int taken; /* 0 free, 1 being named, 2 in use */
	atomic_llong left;
	atomic_llong second; /* when `left` was last topped up */
	atomic_llong held;   /* lines held back since the last one written */
};

static struct account *accounts; /* XO_LOG_CALLERS, then the one that all others share */
static int log_fd = STDERR_FILENO;

int xo_log_open(int fd)
{
	size_t size = (XO_LOG_CALLERS + 1) * sizeof(*accounts);
	struct account *a =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (a == MAP_FAILED)
		return -ENOMEM;
	for (size_t i = 0; i <= XO_LOG_CALLERS; i++)
		atomic_store(&a[i].left, XO_LOG_BURST);
	xo_log_close();
	accounts = a;
	log_fd = fd;
	return 0;
}

void xo_log_set_fd(int fd)
{
	log_fd = fd;
}

int xo_log_fd(void)
{
	return log_fd;
}

void xo_log_close(void)
{
	if (accounts)
		munmap(accounts, (XO_LOG_CALLERS + 1) * sizeof(*accounts));
	accounts = NULL;
	log_fd = STDERR_FILENO;
}

/* Several processes may look for one name at once; whoever loses the race looks on. */
static struct account *find(const char *caller)
{
	for (size_t i = 0; i < XO_LOG_CALLERS; i++) {
		struct account *a = &accounts[i];
		int is_free = 0;

		if (atomic_compare_exchange_strong(&a->taken, &is_free, 1)) {
			snprintf(a->name, sizeof(a->name), "%s", caller);
			atomic_store(&a->taken, 2);
			return a;
		}
		if (is_free == 2 && !strncmp(a->name, caller, sizeof(a->name)))
			return a;
	}
	return &accounts[XO_LOG_CALLERS];
}

/* May a line be written? Then *held is how many were not since the last. */
static int admit(struct account *a, long long *held)
{
	struct timespec now;
	long long gain, room;

	clock_gettime(CLOCK_MONOTONIC, &now);
	gain = now.tv_sec - atomic_exchange(&a->second, now.tv_sec);
	room = XO_LOG_BURST - atomic_load(&a->left);
	if (gain > 0 && room > 0)
		atomic_fetch_add(&a->left, gain < room ? gain : room);
	if (atomic_fetch_sub(&a->left, 1) <= 0) {
		atomic_fetch_add(&a->left, 1);
		atomic_fetch_add(&a->held, 1);
		return 0;
	}
	*held = atomic_exchange(&a->held, 0);
	return 1;
}

/* Paths and names come from a caller: no control byte of theirs may reach a terminal or forge a
 * line. */
static size_t put_clean(char *to, size_t room, const char *from)
{
	size_t n = 0;

	for (; *from && n + 5 < room; from++) {
		unsigned char c = (unsigned char)*from;

		if (c >= ' ' && c < 0x7f && c != '\\')
			to[n++] = *from;
		else
			n += (size_t)sprintf(to + n, "\\x%02x", c);
	}
	return n;
}

void xo_log(const char *caller, const char *fmt, ...)
{
	char text[5000], line[8192];
	int saved = errno;
	long long held = 0;
	time_t now = time(NULL);
	struct tm tm;
	va_list ap;
	size_t n;

	if (caller && accounts && !admit(find(caller), &held))
		goto out;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	gmtime_r(&now, &tm);
	n = strftime(line, sizeof(line), "%Y-%m-%dT%H:%M:%SZ xo serve: ", &tm);
	n += put_clean(line + n, sizeof(line) - n - 64, text);
	if (held)
		n += (size_t)snprintf(line + n, sizeof(line) - n, " (%lld lines held back before)",
				      held);
	line[n++] = '\n';
	if (write(log_fd, line, n) < 0) {
		/* Nowhere left to say it. */
	}
out:
	errno = saved;
}
