/* SPDX-License-Identifier: GPL-2.0 */
/* What count.c (events) and region.c (differences) share. */
#ifndef CROSSOVER_UCODE_COUNT_IMPL_H
#define CROSSOVER_UCODE_COUNT_IMPL_H

#include "count.h"
#include "cpu.h"

struct counted_cpu {
	struct xo_count_set n;
	uint64_t home_eptp; /* of the last VM entry */
	bool exiting;	    /* an exit began and has not ended */
	/* While any region runs: */
	uint64_t aborted;    /* how much of icount completed no instruction */
	uint64_t aborted_at; /* the icount at which that happened last */
	uint64_t settled;    /* completed instructions that are accounted to guest and away */
	bool guest, away;    /* where later ones are accounted to */
	int context;	     /* in away: which; -1: one that is not told apart */
};

struct ept_context {
	uint64_t eptp, instructions, switches;
};

struct counted_cpu *count_cpu(unsigned int id);
/* Bring n.instructions and its kin of that CPU up to date. */
void count_settle(unsigned int id);
/* Contexts used since counting started; they stay in place until the last region has ended. */
const struct ept_context *count_contexts(unsigned int *count, uint64_t *lost);
/* One region more, or less, runs. */
void count_start(void);
void count_stop(void);

/* A vCPU exits; tells the regions that began on it. */
void region_exit(unsigned int vpid, unsigned int reason);

#endif
