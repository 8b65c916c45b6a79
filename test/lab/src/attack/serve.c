// SPDX-License-Identifier: GPL-2.0
/*
 * The services' owner, in a VM or the host, and what it does to its own pages while calls run in
 * them.
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
#include "lib/service.h"
#include "service.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

static uint64_t faults;

static void on_fault(const struct xo_fault *fault, const char *caller, void *arg)
{
	__atomic_fetch_add(&faults, 1, __ATOMIC_RELAXED);
}

/* What the library would declare by itself, and the table, which is mapped here. */
static const struct xo_region *regions(size_t *count)
{
	static struct xo_region *all;
	static size_t n;

	if (!all) {
		struct xo_region *own;

		if (mmap(service_table, SERVICE_TABLE_ROOM, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0) != service_table ||
		    xo_regions_of((const void *)attack_entry, false, &own, &n))
			die("cannot map the table, or cannot tell our own segments");
		all = realloc(own, (n + 1) * sizeof(*all));
		if (!all || all[n - 1].start >= SERVICE_TABLE_AT)
			die("our segments are not below the table");
		all[n++] = (struct xo_region){ .start = SERVICE_TABLE_AT,
					       .length = SERVICE_TABLE_SIZE,
					       .prot = XO_PAGE_WRITE };
	}
	*count = n;
	return all;
}

static void offer(struct xo *x, const char *name, unsigned int flags)
{
	static const char *const anybody[] = { "*", NULL };
	struct xo_service_spec spec = { .name = name,
					.entry = attack_entry,
					.flags = flags,
					.allow = anybody,
					.fault = on_fault };
	struct xo_service *service;
	struct xo_service_stat stat;

	spec.regions = regions(&spec.region_count);
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
		memset(service_table, 0xee, SERVICE_TABLE_SIZE);
		service_word = 0;
		_exit(0);
	}
	set_generation(n);
	waitpid(pid, &status, 0);
	set_generation(n + 1);
}

static void do_dontneed(uint64_t n)
{
	if (madvise(service_table, SERVICE_TABLE_SIZE, MADV_DONTNEED))
		printf("madvise: %s\n", strerror(errno));
	set_generation(n);
}

static void do_unmap(uint64_t n)
{
	if (mmap(service_table, SERVICE_TABLE_SIZE, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		printf("mmap: %s\n", strerror(errno));
	set_generation(n);
}

static void do_mprotect(uint64_t n)
{
	if (mprotect(service_table, SERVICE_TABLE_SIZE, PROT_READ) ||
	    mprotect(service_table, SERVICE_TABLE_SIZE, PROT_READ | PROT_WRITE))
		printf("mprotect: %s\n", strerror(errno));
	set_generation(n);
}

static void do_pageout(uint64_t n)
{
	if (madvise(service_table, SERVICE_TABLE_SIZE, MADV_PAGEOUT))
		printf("madvise: %s\n", strerror(errno));
	if (n % 4 == 0)
		set_generation(n);
}

/* Each page of it has a twin now, so that there is something to merge. */
static void do_mergeable(uint64_t n)
{
	if (madvise(service_table, 2 * SERVICE_TABLE_SIZE, MADV_MERGEABLE))
		printf("madvise merge: %s\n", strerror(errno));
	memcpy((char *)service_table + SERVICE_TABLE_SIZE, service_table, SERVICE_TABLE_SIZE);
}

/* One huge page for all: the four are copied. */
static void do_collapse(uint64_t n)
{
	if (n & 1) {
		if (madvise(service_table, SERVICE_TABLE_ROOM, MADV_COLLAPSE))
			printf("madvise collapse: %s\n", strerror(errno));
	} else {
		/* and away again, so that there is something to collapse */
		madvise((char *)service_table + SERVICE_TABLE_ROOM / 2, SERVICE_TABLE_ROOM / 2,
			MADV_DONTNEED);
	}
	set_generation(n);
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
	      { "collapse", do_collapse }, { "nothing", do_nothing } };

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
	printf("done %s %lu, generation %lu, faults told %lu\n", what, times, service_table[0],
	       __atomic_load_n(&faults, __ATOMIC_RELAXED));
}

/* Of the table's first page, in this kernel; 0 if it does not say so. */
static uint64_t table_gpa(void)
{
	FILE *f = fopen("/proc/self/pagemap", "re");
	uint64_t entry = 0;

	if (!f || fseek(f, (long)(SERVICE_TABLE_AT / 4096 * 8), SEEK_SET) ||
	    fread(&entry, sizeof(entry), 1, f) != 1)
		entry = 0;
	if (f)
		fclose(f);
	return (entry & ((1UL << 55) - 1)) * 4096;
}

int attack_serve(int argc, char **argv)
{
	struct xo *x = xo_new();
	char line[128], what[64];
	unsigned long times;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!x || xo_open(x, XO_SIDE_ANY, NULL))
		die("cannot open the module: %s", x ? xo_error(x) : "no memory");
	offer(x, "attack", 0);
	set_generation(0);
	offer(x, "attack-gpr", XO_SERVICE_GPR);
	printf("table %#lx\n", table_gpa());
	printf("ready\n");
	while (fgets(line, sizeof(line), stdin))
		if (sscanf(line, "%63s %lu", what, &times) == 2)
			command(what, times);
	for (;;)
		pause();
}
