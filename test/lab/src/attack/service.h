/* SPDX-License-Identifier: GPL-2.0 */
/* What owner and services share. */
#ifndef XO_ATTACK_SERVICE_H
#define XO_ATTACK_SERVICE_H

#include "attack.h"

#define SERVICE_CHANGING   (~0UL) /* its first word, meanwhile */
#define SERVICE_TABLE	   2048	  /* words: four pages that the owner unmaps, swaps, merges */

/* Alone in the 2 MiB that one huge page would map, so that they can become part of one. */
#define SERVICE_TABLE_AT   0x30000000UL
#define SERVICE_TABLE_ROOM 0x200000UL
#define SERVICE_TABLE_SIZE (SERVICE_TABLE * sizeof(uint64_t))
#define service_table	   ((uint64_t *)SERVICE_TABLE_AT)

extern struct full service_full;
extern uint64_t service_word;
extern uint64_t service_pattern[4];
/* What the owner puts there in each generation. */
static inline uint64_t service_table_word(uint64_t generation, size_t i)
{
	return i ? generation * 0x9e3779b97f4a7c15UL + i * i : generation;
}
uint64_t service_spin(uint64_t a, uint64_t n);

/* service_entry.S: OP_RECORD and OP_DIRTY there, the others in service.c */
uint64_t attack_entry(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		      const struct xo_visit *visit);
#endif
