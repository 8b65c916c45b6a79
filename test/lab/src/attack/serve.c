// SPDX-License-Identifier: GPL-2.0
/*
 * The services' owner, and what it does to its own pages while calls run in them.
 *	xo_attack serve: offers "attack" and "attack-gpr", says "ready", then reads commands
 *	(one a line: what, and how often) from standard input, and says "done" after each.
 */
#include "attack.h"
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <crossover/crossover.h>
#include "service.h"

static uint64_t faults;

static void on_fault(const struct xo_fault *fault, const char *caller, void *arg)
{
	__atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

static void offer(struct xo *x, const char *name, unsigned int flags)
{
	static const char *const anybody[] = { "*", NULL };
	const struct xo_service_spec spec = { .name = name,
					      .entry = attack_entry,
					      .flags = flags,
					      .allow = anybody,
					      .fault = on_fault };
	struct xo_service *service;
	struct xo_service_stat stat;

	if (xo_service_create(x, &spec, &service))
		die("cannot offer %s: %s", name, xo_error(x));
	xo_service_stat(service, &stat);
	if (stat.reason)
		printf("%s cannot be served over vmfunc: reason %u\n", name, stat.reason);
}

/* ------------------------------------------------------------------ what it does to its pages */

static void set_generation(uint64_t generation)
{
	size_t i;

	/* the first word first and last: who sees one twice saw the others of it */
	__atomic_store_n(&service_table[0], SERVICE_CHANGING, __ATOMIC_SEQ_CST);
	for (i = SERVICE_TABLE; i--;)
		__atomic_store_n(&service_table[i], service_table_word(generation, i),
				 __ATOMIC_RELEASE);
}

/* The child spoils its copies; the parent's go on. */
static void do_fork(uint64_t n)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		memset(service_table, 0xee, sizeof(service_table));
		service_word = 0;
		_exit(0);
	}
	set_generation(n);
	waitpid(pid, &status, 0);
	set_generation(n + 1);
}

static void do_dontneed(uint64_t n)
{
	if (madvise(service_table, sizeof(service_table), MADV_DONTNEED))
		printf("madvise: %s\n", strerror(errno));
	set_generation(n);
}

static void do_unmap(uint64_t n)
{
	if (mmap(service_table, sizeof(service_table), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		printf("mmap: %s\n", strerror(errno));
	set_generation(n);
}

static void do_mprotect(uint64_t n)
{
	if (mprotect(service_table, sizeof(service_table), PROT_READ) ||
	    mprotect(service_table, sizeof(service_table), PROT_READ | PROT_WRITE))
		printf("mprotect: %s\n", strerror(errno));
	set_generation(n);
}

static void do_pageout(uint64_t n)
{
	if (madvise(service_table, sizeof(service_table), MADV_PAGEOUT))
		printf("madvise: %s\n", strerror(errno));
	if (n % 4 == 0)
		set_generation(n);
}

static void do_mergeable(uint64_t n)
{
	madvise(service_table, sizeof(service_table), n & 1 ? MADV_MERGEABLE : MADV_UNMERGEABLE);
}

static void do_nothing(uint64_t n)
{
	set_generation(n);
}

static const struct {
	const char *name;
	void (*deed)(uint64_t n);
} deeds[] = { { "fork", do_fork },	   { "dontneed", do_dontneed }, { "unmap", do_unmap },
	      { "mprotect", do_mprotect }, { "pageout", do_pageout },	{ "merge", do_mergeable },
	      { "nothing", do_nothing } };

static void command(const char *what, uint64_t times)
{
	const struct timespec pause = { 0, 20000000 };
	uint64_t n;
	size_t i;

	for (i = 0; i < COUNT(deeds) && strcmp(deeds[i].name, what); i++)
		;
	if (i == COUNT(deeds)) {
		printf("unknown: %s\n", what);
		return;
	}
	for (n = 1; n <= times; n++) {
		deeds[i].deed(n);
		nanosleep(&pause, NULL);
	}
	printf("done %s %lu, faults told %lu\n", what, times,
	       __atomic_load_n(&faults, __ATOMIC_RELAXED));
}

int attack_serve(int argc, char **argv)
{
	struct xo *x = xo_new();
	char line[128], what[64];
	unsigned long times;

	setvbuf(stdout, NULL, _IOLBF, 0);
	set_generation(0);
	if (!x || xo_open(x, XO_SIDE_GUEST, NULL))
		die("cannot open the module: %s", x ? xo_error(x) : "no memory");
	offer(x, "attack", 0);
	offer(x, "attack-gpr", XO_SERVICE_GPR);
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "%63s %lu", what, &times) == 2)
			command(what, times);
	for (;;)
		pause();
}
