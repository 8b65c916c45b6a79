/* SPDX-License-Identifier: GPL-2.0 */
/* What tlb_store.c (what is there) and tlb.c (what happens to it) share. */
#ifndef CROSSOVER_UCODE_TLB_IMPL_H
#define CROSSOVER_UCODE_TLB_IMPL_H

#include "tlb.h"

#define TLB_SPACES 4096 /* at most, on each CPU */
#define TLB_SIZES  3	/* sizes of a guest's large pages: 2 MiB, 4 MiB, 1 GiB */

/*
 * Time: a count of fills and flushes. What was filled before `flushed` is gone; what was filled
 * before `condemned` is condemned, by cause number `cause`.
 */
struct tlb_fate {
	uint64_t flushed, condemned;
	uint32_t cause;
};

enum tlb_space_kind { TLB_LOCAL, TLB_GLOBAL, TLB_PHYSICAL };

/* All translations of one CPU with the same tags. */
struct tlb_space {
	enum tlb_space_kind kind;
	uint16_t vpid, pcid; /* as far as its kind has them */
	uint64_t ep4ta;
	bool away;
	bool large[TLB_SIZES]; /* has had pages of that size */
	uint64_t filled;       /* the last time */
	struct tlb_fate fate;
};

/* A page, or a large page of the guest's, which is flushed as a whole. */
struct tlb_page {
	uint64_t key; /* 0: unused */
	uint64_t filled;
	struct tlb_fate fate;
	uint8_t shift; /* log2 of the size of the guest's page that it is a part of */
	uint64_t gpa, hpa, icount;
};

extern struct tlb_hooks tlb_hooks;
extern const uint8_t tlb_shift[TLB_SIZES];
extern struct tlb_counts tlb_n;

/* Spaces of a CPU are 0 to the count - 1. */
unsigned int tlb_space_count(unsigned int cpu);
struct tlb_space *tlb_space(unsigned int cpu, unsigned int number);
/* The number of that space; -1: nothing is in it (it is made if `make`). */
int tlb_space_find(const struct tlb_context *c, enum tlb_space_kind kind, bool make);
static inline bool tlb_space_empty(const struct tlb_space *s)
{
	return s->filled <= s->fate.flushed;
}

/* The page in that space, or NULL; shift 12, or that of a large page. */
struct tlb_page *tlb_page_find(unsigned int cpu, int space, uint64_t address, unsigned int shift);
/* May move all others of that CPU. */
struct tlb_page *tlb_page_make(unsigned int cpu, int space, uint64_t address, unsigned int shift);

/* tlb.c: remember a flush that some translation should have ended with. */
uint32_t tlb_new_cause(const struct tlb_context *c, const struct tlb_flush *flush);
void tlb_flush_reset(void);

uint64_t tlb_time(void); /* another with each call */
void tlb_store_reset(void);
void tlb_store_free(void);

#endif
