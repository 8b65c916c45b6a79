/* SPDX-License-Identifier: GPL-2.0 */
/* Forced exits while away, for tests that need one at every instruction (crossover/mark.h). */
#ifndef CROSSOVER_UCODE_FORCE_H
#define CROSSOVER_UCODE_FORCE_H

/* The marks of the same name, executed by `cpu`; the arguments are in its registers. */
void force_arm(void *cpu, unsigned int id);
void force_read(void *cpu, unsigned int version);

#endif
