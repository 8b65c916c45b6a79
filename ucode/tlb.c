// SPDX-License-Identifier: GPL-2.0
/* The TLB model: what is used, reported, and filled. tlb_flush.c: what goes, and what should have.
 */

#include <string.h>

#include "tlb_impl.h"

#define CAUSES 16384 /* remembered; of older ones reports only say that they were */

struct tlb_hooks tlb_hooks;

static struct {
	uint32_t number;
	struct tlb_cause cause;
} causes[CAUSES];
static uint32_t last_cause;

/* ---- fates */

static uint64_t max(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* What happened to a page: to it, to the large page that it is of, or to all of its space. */
static struct tlb_fate fate_of(unsigned int cpu, int space, uint64_t address,
			       const struct tlb_page *p)
{
	const struct tlb_fate *fates[3] = { &tlb_space(cpu, (unsigned int)space)->fate, &p->fate };
	const struct tlb_page *large =
		p->shift > 12 ? tlb_page_find(cpu, space, address, p->shift) : NULL;
	struct tlb_fate sum = { 0 };

	fates[2] = large ? &large->fate : &p->fate;
	for (int i = 0; i < 3; i++) {
		sum.flushed = max(sum.flushed, fates[i]->flushed);
		if (fates[i]->condemned > sum.condemned) {
			sum.condemned = fates[i]->condemned;
			sum.cause = fates[i]->cause;
		}
	}
	return sum;
}

/* The page, if it is still there; `fate` tells what else happened to it. */
static struct tlb_page *find_live(unsigned int cpu, int space, uint64_t address,
				  struct tlb_fate *fate)
{
	struct tlb_page *p;

	if (space < 0 || tlb_space_empty(tlb_space(cpu, (unsigned int)space)))
		return NULL;
	p = tlb_page_find(cpu, space, address, 12);
	if (!p)
		return NULL;
	*fate = fate_of(cpu, space, address, p);
	return p->filled > fate->flushed ? p : NULL;
}

static struct tlb_cause cause_of(uint32_t number)
{
	if (causes[number % CAUSES].number == number)
		return causes[number % CAUSES].cause;
	return (struct tlb_cause){ .flush.kind = TLB_KEEPS };
}

uint32_t tlb_new_cause(const struct tlb_context *c, const struct tlb_flush *flush)
{
	last_cause++;
	causes[last_cause % CAUSES].number = last_cause;
	causes[last_cause % CAUSES].cause = (struct tlb_cause){ .flush = *flush, .by = *c };
	return last_cause;
}

/* ---- use */

/*
 * A walk is under way although the processor may have this condemned translation. Whether that
 * matters shows when the walk is through: the text of a gate, say, stays where it is.
 */
static struct pending {
	bool there;
	struct tlb_report report;
} pending[TLB_CPUS][TLB_PHYSICAL];

static void drop(const struct tlb_context *c, enum tlb_space_kind kind, uint64_t key)
{
	struct tlb_fate fate;
	struct tlb_page *p = find_live(c->cpu, tlb_space_find(c, kind, false), key, &fate);

	if (p)
		p->fate.flushed = tlb_time();
}

/* Once: the processor gets a new translation now. */
static void report(const struct tlb_report *r, enum tlb_space_kind kind)
{
	drop(&r->by, kind, kind == TLB_PHYSICAL ? r->gpa : r->address);
	tlb_n.reports++;
	tlb_hooks.report(r);
}

static bool is_condemned(const struct tlb_context *c, enum tlb_space_kind kind, uint64_t key,
			 struct tlb_report *r)
{
	struct tlb_fate fate;
	struct tlb_page *p = find_live(c->cpu, tlb_space_find(c, kind, false), key, &fate);

	if (!p || p->filled >= fate.condemned)
		return false;
	r->by = *c;
	r->global = kind == TLB_GLOBAL;
	r->physical = kind == TLB_PHYSICAL;
	r->gpa = p->gpa;
	r->hpa = p->hpa;
	r->filled = p->icount;
	r->cause = cause_of(fate.cause);
	return true;
}

void tlb_use(const struct tlb_context *c, uint64_t address, enum tlb_access access)
{
	tlb_n.uses++;
	for (enum tlb_space_kind kind = TLB_LOCAL; kind < TLB_PHYSICAL; kind++) {
		struct pending *p = &pending[c->cpu][kind];

		p->report = (struct tlb_report){ .access = access, .address = address };
		p->there = is_condemned(c, kind, address, &p->report);
		if (!p->there || p->report.cause.flush.kind != TLB_REVOKED)
			continue;
		p->there = false;
		report(&p->report, kind);
	}
}

void tlb_use_physical(const struct tlb_context *c, uint64_t address, uint64_t gpa,
		      enum tlb_access access)
{
	struct tlb_report r = { .access = access, .address = address };

	tlb_n.uses++;
	if (is_condemned(c, TLB_PHYSICAL, gpa, &r))
		report(&r, TLB_PHYSICAL);
}

/* hpa: what the walk came to, TLB_NO_ADDR if to nothing. */
static void end_walk(const struct tlb_context *c, uint64_t hpa)
{
	for (enum tlb_space_kind kind = TLB_LOCAL; kind < TLB_PHYSICAL; kind++) {
		struct pending *p = &pending[c->cpu][kind];

		if (!p->there)
			continue;
		p->there = false;
		if (hpa != TLB_NO_ADDR && p->report.hpa >> 12 == hpa >> 12)
			tlb_n.harmless++;
		else
			report(&p->report, kind);
	}
}

/* ---- fill */

/* The large page is there so that it can be flushed as a whole. */
static void fill_large(unsigned int cpu, int space, uint64_t address, unsigned int shift)
{
	for (int i = 0; i < TLB_SIZES; i++)
		if (tlb_shift[i] == shift)
			tlb_space(cpu, (unsigned int)space)->large[i] = true;
	tlb_page_make(cpu, space, address, shift)->filled = tlb_time();
}

/* One that is there already stays: the processor has it, and may not have walked. */
static void fill(const struct tlb_context *c, enum tlb_space_kind kind, uint64_t key,
		 unsigned int shift, uint64_t gpa, uint64_t hpa)
{
	int space = tlb_space_find(c, kind, true);
	struct tlb_fate fate;
	struct tlb_page *p = find_live(c->cpu, space, key, &fate);

	if (p)
		return;
	if (shift > 12)
		fill_large(c->cpu, space, key, shift);
	p = tlb_page_make(c->cpu, space, key, 12);
	p->filled = tlb_space(c->cpu, (unsigned int)space)->filled = tlb_time();
	p->shift = (uint8_t)shift;
	p->icount = c->icount;
	p->gpa = gpa;
	p->hpa = hpa;
	tlb_n.fills++;
}

static unsigned int shift_of(uint64_t mask)
{
	unsigned int shift = 12;

	for (int i = 0; i < TLB_SIZES; i++)
		if (mask >= (1ULL << tlb_shift[i]) - 1)
			shift = tlb_shift[i];
	return shift;
}

void tlb_fill(const struct tlb_context *c, uint64_t address, uint64_t mask, bool global,
	      uint64_t gpa, uint64_t hpa)
{
	end_walk(c, hpa);
	fill(c, global ? TLB_GLOBAL : TLB_LOCAL, address, shift_of(mask), gpa, hpa);
}

void tlb_fill_physical(const struct tlb_context *c, uint64_t gpa, uint64_t hpa)
{
	fill(c, TLB_PHYSICAL, gpa, 12, gpa, hpa);
}

void tlb_page_fault(const struct tlb_context *c, uint64_t address)
{
	end_walk(c, TLB_NO_ADDR);
	drop(c, TLB_LOCAL, address);
	drop(c, TLB_GLOBAL, address);
}

void tlb_ept_violation(const struct tlb_context *c, uint64_t address, uint64_t gpa)
{
	drop(c, TLB_PHYSICAL, gpa);
	if (address != TLB_NO_ADDR)
		tlb_page_fault(c, address);
}

void tlb_start(const struct tlb_hooks *h)
{
	tlb_store_reset();
	tlb_flush_reset();
	memset(pending, 0, sizeof(pending));
	tlb_hooks = *h;
}

void tlb_stop(void)
{
	tlb_store_free();
}

struct tlb_counts tlb_counts(void)
{
	return tlb_n;
}
