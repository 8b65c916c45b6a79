// SPDX-License-Identifier: GPL-2.0
/*
 * What the emulator's counters promise (crossover/mark.h), checked from inside: run in the host or
 * in a VM. Prints what is wrong; exit status 1 if anything is.
 *
 *	xo_marks host|vm	counts are exact; what holds there
 *	xo_marks off		nothing counts unless asked to, and marks and regions change nothing
 *	xo_marks cpuid N	N times CPUID, for others to count
 */
#define _GNU_SOURCE
#include <cpuid.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crossover/mark.h"

#define TRIES	   50
#define EXIT_CPUID 10

static struct xo_counts c;
static int wrong;

static void check(const char *what, uint64_t found, uint64_t expected)
{
	if (found == expected)
		return;
	printf("%s: found %lu, expected %lu\n", what, found, expected);
	wrong = 1;
}

static uint64_t exits_of(const uint64_t *exit)
{
	uint64_t sum = 0;

	for (int i = 0; i < XO_COUNT_EXITS; i++)
		sum += exit[i];
	return sum;
}

/* A tick may come in between, so the least of several tries is what the code itself takes. */
#define LEAST(id, code)                                     \
	({                                                  \
		uint64_t least = UINT64_MAX;                \
		for (int i = 0; i < TRIES; i++) {           \
			xo_mark_begin(id);                  \
			code;                               \
			xo_mark_end(id);                    \
			xo_mark_read(id, &c);               \
			if (c.own.instructions < least)     \
				least = c.own.instructions; \
		}                                           \
		least;                                      \
	})

static void loop(uint64_t n)
{
	__asm__ volatile("1: dec %0; jnz 1b" : "+r"(n) : : "cc");
}

static void check_instructions(void)
{
	char from[100], to[100];
	void *s = from, *d = to;
	uint64_t n = sizeof(from);

	check("instructions of nothing", LEAST(0, ), 0);
	check("instructions of one NOP", LEAST(1, __asm__ volatile("nop")), 1);
	check("instructions of a mark", LEAST(1, xo_mark_begin(2)), 1);
	check("instructions of a loop",
	      LEAST(3, __asm__ volatile("mov $1000, %%ecx; 1: dec %%ecx; jnz 1b"
					:
					:
					: "ecx", "cc")),
	      2001);
	memset(from, 1, sizeof(from));
	check("iterations of REP MOVSB",
	      LEAST(4, __asm__ volatile("mov $100, %%ecx; rep movsb"
					: "+S"(s), "+D"(d), "+c"(n)
					:
					: "memory");
		    s = from; d = to),
	      LEAST(4, __asm__ volatile("mov $1, %%ecx; rep movsb"
					: "+S"(s), "+D"(d), "+c"(n)
					:
					: "memory");
		    s = from; d = to) +
		      99);
	xo_mark_end(2);
}

/* Regions are nested and overlap as their ids, each on its own. */
static void check_regions(void)
{
	struct xo_counts other = { 0 };
	uint32_t begins;

	xo_mark_read(5, &c);
	begins = c.begins;
	xo_mark_begin(5);
	loop(500);
	xo_mark_begin(6);
	loop(500);
	xo_mark_end(5);
	loop(500);
	xo_mark_end(6);
	xo_mark_read(5, &c);
	xo_mark_read(6, &other);
	check("begins", c.begins, begins + 1);
	check("runs", c.running + other.running, 0);
	if (c.own.instructions < 2000 || other.own.instructions < 2000)
		check("overlapping regions", 0, 1);
	loop(1000000); /* ticks come in it */
	xo_mark_read(6, &c);
	check("an ended region stands still", memcmp(&c, &other, sizeof(c)), 0);
}

/* A mark is a NOP: every register, every flag, and the time of one instruction. */
static void check_harmless(void)
{
	uint64_t seed = 0x123456789abcdef, sum = 0, flags[2];
	uint64_t before[8], after[8];

	__asm__ volatile(
		"mov %[seed], %%rax; lea 1(%%rax), %%rcx; lea 2(%%rax), %%rdx;"
		"lea 3(%%rax), %%r8; std; stc; pushfq; popq %[f0];" XO_MARK_INSN(
			XO_MARK_BEGIN, 7) ";" XO_MARK_INSN(XO_MARK_END,
							   7) ";"
							      "pushfq; popq %[f1]; cld; sub "
							      "%[seed], %%rax; sub %[seed], %%rcx;"
							      "sub %[seed], %%rdx; sub %[seed], "
							      "%%r8; add %%rcx, %%rax;"
							      "add %%rdx, %%rax; add %%r8, %%rax; "
							      "mov %%rax, %[sum]"
		: [sum] "+m"(sum), [f0] "=m"(flags[0]), [f1] "=m"(flags[1])
		: [seed] "r"(seed)
		: "rax", "rcx", "rdx", "r8", "cc", "memory");
	check("registers after marks", sum, 6);
	check("flags after marks", flags[1], flags[0]);
	/* Whoever reads with a version that is not this one gets nothing, and nothing is written.
	 */
	memset(before, 0x5a, sizeof(before));
	memcpy(after, before, sizeof(after));
	__asm__ volatile(XO_MARK_INSN(XO_MARK_READ, 200) : : "D"(after), "S"(0) : "memory");
	__asm__ volatile(XO_MARK_INSN(99, 0) : : "D"(after), "S"(0) : "memory");
	check("unknown marks write", memcmp(before, after, sizeof(after)), 0);
}

static uint64_t tsc(void)
{
	uint32_t low, high;

	__asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high) : : "memory");
	return low | (uint64_t)high << 32;
}

#define TEN(x) \
	x;     \
	x;     \
	x;     \
	x;     \
	x;     \
	x;     \
	x;     \
	x;     \
	x;     \
	x
#define LEAST_TIME(code)                               \
	({                                             \
		uint64_t least = UINT64_MAX, t;        \
		for (int i = 0; i < TRIES; i++) {      \
			t = tsc();                     \
			TEN(code);                     \
			t = tsc() - t;                 \
			least = t < least ? t : least; \
		}                                      \
		least;                                 \
	})

/* The machine's time is its instructions: a region that runs must not take any. */
static void check_time(void)
{
	uint64_t idle = LEAST_TIME(loop(100)), counted;

	check("time of marks", LEAST_TIME(xo_mark_begin(8)),
	      LEAST_TIME(__asm__ volatile(".byte 0x0f, 0x1f, 0x84, 0, 0, 0, 0, 0"
					  :
					  :
					  : "memory")));
	counted = LEAST_TIME(loop(100));
	xo_mark_end(8);
	check("time in a region", counted, idle);
}

/* What is read of a region that nobody has begun. */
static void check_idle(void)
{
	struct xo_counts zero = { 0 };

	for (unsigned int id = 11; id < XO_MARK_IDS; id++) {
		xo_mark_read(id, &c);
		zero.valid = c.valid;
		zero.cpus = c.cpus;
		if (!c.begins)
			check("an idle region", memcmp(&c, &zero, sizeof(c)), 0);
	}
}

/* A read stores like the program: into pages that are not there yet, across their borders. */
static void check_store(void)
{
	size_t size = 16 * 4096;
	uint8_t *area =
		mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct xo_counts *there;

	if (area == MAP_FAILED) {
		perror("mmap");
		exit(2);
	}
	there = (struct xo_counts *)(area + 4096 - 16);
	__asm__ volatile(XO_MARK_INSN(XO_MARK_READ, XO_COUNTS_VERSION)
			 :
			 : "D"(there), "S"(5UL)
			 : "memory");
	xo_mark_read(5, &c);
	check("read into new pages", memcmp(there, &c, sizeof(c)), 0);
	munmap(area, size);
}

static void cpuid(unsigned int n)
{
	unsigned int a, b, c1, d;

	while (n--)
		__cpuid(0, a, b, c1, d);
}

static void check_exits(void)
{
	xo_mark_begin(9);
	cpuid(1234);
	xo_mark_end(9);
	xo_mark_read(9, &c);
	check("exits of 1234 CPUIDs", c.vcpu_exit[EXIT_CPUID], 1234);
	if (c.all.exit[EXIT_CPUID] < 1234 || c.all.exits < exits_of(c.vcpu_exit))
		check("exits of all vCPUs", c.all.exit[EXIT_CPUID], 1234);
	check("sum of exits", c.all.exits, exits_of(c.all.exit));
	if (c.all.entries + 1 < c.all.exits || c.all.exits + 1 < c.all.entries)
		check("entries", c.all.entries, c.all.exits);
	if (!c.vpid || c.all.guest_instructions < 1234 ||
	    c.all.guest_instructions >= c.all.instructions)
		check("instructions in VMs", c.all.guest_instructions, c.all.instructions);
}

/* Two processes of one CPU that wake each other load CR3 at each switch. */
static void check_cr3(void)
{
	int there[2], back[2];
	char byte = 0;
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (sched_setaffinity(0, sizeof(one), &one) || pipe(there) || pipe(back)) {
		perror("two processes on one CPU");
		exit(2);
	}
	if (!fork()) {
		while (read(there[0], &byte, 1) == 1 && write(back[1], &byte, 1) == 1 && !byte)
			;
		_exit(0);
	}
	xo_mark_begin(10);
	for (int i = 0; i < 100; i++) {
		byte = i == 99;
		if (write(there[1], &byte, 1) != 1 || read(back[0], &byte, 1) != 1)
			exit(2);
	}
	xo_mark_end(10);
	xo_mark_read(10, &c);
	if (c.all.cr3_loads < 190 || c.all.cr3_loads > 2000)
		check("CR3 loads of 100 times there and back", c.all.cr3_loads, 200);
}

int main(int argc, char **argv)
{
	if (argc == 3 && !strcmp(argv[1], "cpuid")) {
		cpuid((unsigned int)atoi(argv[2]));
		return 0;
	}
	if (argc != 2 || !strstr("host vm off", argv[1])) {
		fprintf(stderr, "usage: xo_marks host|vm|off, or xo_marks cpuid N\n");
		return 2;
	}
	xo_mark_read(0, &c);
	if (!c.valid) {
		printf("nobody counts here: this is no CPU of the lab\n");
		return 1;
	}
	if (!strcmp(argv[1], "off")) {
		check_idle();
		check_harmless();
		check_time();
	} else {
		check_instructions();
		check_regions();
		check_store();
		check_cr3();
	}
	if (!strcmp(argv[1], "vm"))
		check_exits();
	printf("%s\n", wrong ? "wrong" : "right");
	return wrong;
}
