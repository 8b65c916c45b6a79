// SPDX-License-Identifier: GPL-2.0
/* clang-format off: a table
 *
 * xo_press: makes the host short of memory, and moves its pages about, without taking so much that
 * its programs stand still.
 *
 *	xo_press DISK SPARE STEP DONE   until there is a file DONE. Memory is taken, as huge pages,
 *	                                which nobody swaps and nobody fills, until SPARE MiB are free
 *	                                above what the kernel begins to reclaim at. Then, each second:
 *	                                STEP MiB in small pages, every second of which is given back;
 *	                                STEP MiB of DISK are read, so that the rest is page cache; all
 *	                                is compacted; and four STEPs are asked for in huge pages,
 *	                                for which the kernel has to reclaim and to move pages while
 *	                                its caller waits; and given back
 *
 * It looks at what its own pages say, which moved. At the end: what the kernel did meanwhile.
 * clang-format on */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define DIE(...)   (fprintf(stderr, "xo_press: " __VA_ARGS__), fputc('\n', stderr), exit(1))

#define MIB	   (1UL << 20)
#define PAGE	   4096UL
#define HUGE_MIB   2
#define GAP_US	   1000000
#define CHUNK	   (64 * 1024)
#define HUGE_PAGES "/proc/sys/vm/nr_hugepages"

static const char *const counters[] = {
	"pgscan_kswapd",     "pgscan_direct", "pgsteal_kswapd",	 "pgsteal_direct",
	"pgmigrate_success", "compact_stall", "compact_success", "compact_fail",
};
#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

/* The number behind a word at the beginning of a line. */
static unsigned long number_in(const char *file, const char *word)
{
	FILE *f = fopen(file, "r");
	char line[128], key[64];
	unsigned long value;

	if (!f)
		DIE("%s: %m", file);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "%63[^ :]%*[ :]%lu", key, &value) == 2 && !strcmp(key, word)) {
			fclose(f);
			return value;
		}
	DIE("%s does not tell %s", file, word);
}

static void write_number(const char *file, unsigned long value)
{
	int fd = open(file, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || dprintf(fd, "%lu\n", value) < 0)
		DIE("%s: %m", file);
	close(fd);
}

/* In pages: what is free below that lets the kernel reclaim. */
static unsigned long low_watermarks(void)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	unsigned long sum = 0, value;
	char line[128];

	if (!f)
		DIE("/proc/zoneinfo: %m");
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, " low %lu", &value) == 1)
			sum += value;
	fclose(f);
	return sum;
}

/* In MiB, so that so many are left. */
static unsigned long to_take(unsigned long spare)
{
	unsigned long free = number_in("/proc/meminfo", "MemFree") / 1024;

	spare += low_watermarks() * PAGE / MIB;
	return free > spare ? free - spare : 0;
}

/* ------------------------------------------------------------------ memory of its own */

struct memory {
	uint8_t *at;
	unsigned long pages, rounds, wrong;
};

static uint64_t *word(const struct memory *m, unsigned long page)
{
	return (uint64_t *)(m->at + page * PAGE);
}

static void fill(struct memory *m)
{
	for (unsigned long i = 0; i < m->pages; i++)
		*word(m, i) = m->rounds + i;
}

/* What is kept is scattered over memory that is free else. */
static void give_back(struct memory *m)
{
	for (unsigned long i = 1; i < m->pages; i += 2)
		if (madvise(word(m, i), PAGE, MADV_DONTNEED))
			DIE("MADV_DONTNEED: %m");
}

static void look(struct memory *m)
{
	for (unsigned long i = 0; i < m->pages; i += 2)
		m->wrong += *word(m, i) != m->rounds + i;
}

/* ------------------------------------------------------------------ the page cache */

static void read_on(int disk, unsigned long bytes)
{
	static char buffer[CHUNK];
	ssize_t got;

	while (bytes >= CHUNK) {
		got = read(disk, buffer, CHUNK);
		if (got < 0)
			DIE("the disk cannot be read: %m");
		if (!got && lseek(disk, 0, SEEK_SET) < 0)
			DIE("lseek: %m");
		bytes -= CHUNK;
	}
}

/* ------------------------------------------------------------------ all of it */

static void press(int disk, struct memory *m, unsigned long huge, unsigned long step)
{
	fill(m);
	give_back(m);
	read_on(disk, step * MIB);
	write_number("/proc/sys/vm/compact_memory", 1);
	write_number(HUGE_PAGES, huge + 4 * step / HUGE_MIB);
	look(m);
	write_number(HUGE_PAGES, huge);
	m->rounds++;
}

int main(int argc, char **argv)
{
	unsigned long was, huge, got, step, before[COUNTERS];
	struct memory m = { 0 };
	unsigned int i;
	int disk;

	if (argc != 5)
		DIE("see the top of xo_press.c");
	disk = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (disk < 0)
		DIE("%s: %m", argv[1]);
	step = strtoul(argv[3], NULL, 10);
	m.pages = step * MIB / PAGE;
	m.at = mmap(NULL, m.pages * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0);
	if (m.at == MAP_FAILED || madvise(m.at, m.pages * PAGE, MADV_NOHUGEPAGE))
		DIE("no memory: %m");
	for (i = 0; i < COUNTERS; i++)
		before[i] = number_in("/proc/vmstat", counters[i]);
	was = number_in("/proc/meminfo", "HugePages_Total");
	huge = was + to_take(strtoul(argv[2], NULL, 10)) / HUGE_MIB;
	write_number(HUGE_PAGES, huge);
	got = number_in("/proc/meminfo", "HugePages_Total");
	while (access(argv[4], F_OK)) {
		press(disk, &m, got, step);
		usleep(GAP_US);
	}
	write_number(HUGE_PAGES, was);
	printf("press: rounds %lu wrong %lu, %lu MiB in huge pages of %lu", m.rounds, m.wrong,
	       got * HUGE_MIB, huge * HUGE_MIB);
	for (i = 0; i < COUNTERS; i++)
		printf(" %s=%lu", counters[i], number_in("/proc/vmstat", counters[i]) - before[i]);
	putchar('\n');
	return m.wrong != 0;
}
