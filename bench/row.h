/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What benchmarks share: a row of KEY=VALUE of what the emulator counted (crossover/mark.h) of a
 * single operation, the one with the fewest instructions, and of many in a row.
 */
#ifndef BENCH_ROW_H
#define BENCH_ROW_H

#include <stdint.h>
#include <stdio.h>
#include "crossover/mark.h"

#define ONE  1 /* regions */
#define MANY 2

static struct xo_counts one, best, many;

static inline void best_begin(void)
{
	best.own.instructions = UINT64_MAX;
}

/* After a region ONE. On the CPU that it began on: no tick came into the least. */
static inline void best_take(void)
{
	xo_mark_read(ONE, &one);
	if (one.own.instructions < best.own.instructions)
		best = one;
}

static inline void print_exits(const char *prefix, const uint64_t *exit)
{
	for (unsigned int i = 0; i < XO_COUNT_EXITS; i++)
		if (exit[i])
			printf("\t%s%u=%lu", prefix, i, exit[i]);
}

static inline void print_best(void)
{
	printf("\tinstructions=%lu\taway=%lu\tvmfuncs=%lu\teptp_switches=%lu\tcr3_loads=%lu\texits="
	       "%lu",
	       best.all.instructions, best.all.away_instructions, best.all.vmfuncs,
	       best.all.eptp_switches, best.all.cr3_loads, best.all.exits);
}

static inline void print_many(unsigned long n)
{
	printf("\tn=%lu\tn_instructions=%lu\tn_away=%lu\tn_vmfuncs=%lu\tn_eptp_switches=%lu"
	       "\tn_cr3_loads=%lu\tn_exits=%lu\tn_exits_away=%lu",
	       n, many.all.instructions, many.all.away_instructions, many.all.vmfuncs,
	       many.all.eptp_switches, many.all.cr3_loads, many.all.exits, many.all.exits_away);
	print_exits("n_exit_", many.all.exit);
	print_exits("n_vcpu_exit_", many.vcpu_exit);
}

#endif
