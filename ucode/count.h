/* SPDX-License-Identifier: GPL-2.0 */
/* Counters of events, and the regions that take differences of them (crossover/mark.h). */
#ifndef CROSSOVER_UCODE_COUNT_H
#define CROSSOVER_UCODE_COUNT_H

#include "../include/crossover/mark.h"
#include "ucode.h"

/* The marks of the same name, executed by `cpu`; the arguments are in its registers. */
void count_begin(void *cpu, unsigned int id);
void count_end(void *cpu, unsigned int id);
void count_read(void *cpu, unsigned int version);
void count_read_away(void *cpu, unsigned int version);

/*
 * In which EPT context is a CPU? Known at any time, counting or not. The home EPTP is that of the
 * last VM entry; away is where VMFUNC has led to another, or an entry that goes on there.
 */
uint64_t count_home_eptp(const void *cpu);
bool count_is_away(const void *cpu);

#endif
