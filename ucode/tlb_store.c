// SPDX-License-Identifier: GPL-2.0
/* The TLB model's memory: spaces and pages of each CPU. Nothing is evicted for want of room, up to
 * more than the emulated machine has pages. */
#include <stdlib.h>
#include <string.h>

#include "tlb_impl.h"

#define FIRST_PAGES (1U << 14)
#define MOST_PAGES  (1U << 21)
#define PAGE_BITS   40 /* of an address, without the offset in a page */
#define ROUND(x)    ((x)*0x9e3779b97f4a7c15ULL)

const uint8_t tlb_shift[TLB_SIZES] = { 21, 22, 30 };
struct tlb_counts tlb_n;

static struct store {
	struct tlb_space *space; /* TLB_SPACES of them, once one is used */
	unsigned int spaces;
	struct tlb_page *page;
	uint32_t capacity, used; /* used: with a key; many of those are flushed */
	/* The last find of each kind. */
	struct tlb_context last;
	int found[TLB_PHYSICAL + 1];
} stores[TLB_CPUS];

static uint64_t now;

uint64_t tlb_time(void)
{
	return ++now;
}

void tlb_store_free(void)
{
	for (unsigned int i = 0; i < TLB_CPUS; i++) {
		free(stores[i].space);
		free(stores[i].page);
	}
	memset(stores, 0, sizeof(stores));
}

void tlb_store_reset(void)
{
	tlb_store_free();
	memset(&tlb_n, 0, sizeof(tlb_n));
}

unsigned int tlb_space_count(unsigned int cpu)
{
	return stores[cpu].spaces;
}

struct tlb_space *tlb_space(unsigned int cpu, unsigned int number)
{
	return &stores[cpu].space[number];
}

/* ---- spaces */

static void *get_memory(size_t count, size_t size)
{
	void *memory = calloc(count, size);

	if (!memory)
		abort(); /* the emulator itself ends so, too */
	return memory;
}

static bool is_space(const struct tlb_space *s, const struct tlb_context *c,
		     enum tlb_space_kind kind)
{
	return s->kind == kind && s->ep4ta == c->ep4ta &&
	       (kind == TLB_PHYSICAL || s->vpid == c->vpid) &&
	       (kind != TLB_LOCAL || s->pcid == c->pcid);
}

/* One that is new, or has nothing in it any more, or if need be the one used longest ago. */
static unsigned int free_space(struct store *s)
{
	unsigned int oldest = 0;

	if (!s->space)
		s->space = get_memory(TLB_SPACES, sizeof(*s->space));
	if (s->spaces < TLB_SPACES)
		return s->spaces++;
	for (unsigned int i = 0; i < TLB_SPACES; i++) {
		if (tlb_space_empty(&s->space[i]))
			return i;
		if (s->space[i].filled < s->space[oldest].filled)
			oldest = i;
	}
	tlb_n.forgotten++;
	return oldest;
}

static unsigned int make_space(struct store *s, const struct tlb_context *c,
			       enum tlb_space_kind kind)
{
	unsigned int number = free_space(s);

	/* Pages of what was there before are older than this flush. */
	s->space[number] = (struct tlb_space){ .kind = kind,
					       .vpid = kind == TLB_PHYSICAL ? 0 : c->vpid,
					       .pcid = kind == TLB_LOCAL ? c->pcid : 0,
					       .ep4ta = c->ep4ta,
					       .fate.flushed = tlb_time() };
	memset(s->found, 0xff, sizeof(s->found));
	return number;
}

static int look_for_space(struct store *s, const struct tlb_context *c, enum tlb_space_kind kind)
{
	for (unsigned int i = 0; i < s->spaces; i++)
		if (is_space(&s->space[i], c, kind))
			return (int)i;
	return -1;
}

int tlb_space_find(const struct tlb_context *c, enum tlb_space_kind kind, bool make)
{
	struct store *s = &stores[c->cpu];

	if (s->last.vpid != c->vpid || s->last.pcid != c->pcid || s->last.ep4ta != c->ep4ta ||
	    !s->spaces) {
		s->last = *c;
		memset(s->found, 0xff, sizeof(s->found));
	}
	if (s->found[kind] < 0)
		s->found[kind] = look_for_space(s, c, kind);
	if (s->found[kind] < 0 && make)
		s->found[kind] = (int)make_space(s, c, kind);
	if (s->found[kind] >= 0 && make)
		s->space[s->found[kind]].away = c->away;
	return s->found[kind];
}

/* ---- pages */

static uint64_t key_of(int space, uint64_t address, unsigned int shift)
{
	uint64_t page = address >> shift & ((1ULL << PAGE_BITS) - 1);
	unsigned int size = 1; /* so that no key is 0 */

	for (unsigned int i = 0; i < TLB_SIZES; i++)
		if (tlb_shift[i] == shift)
			size = i + 2;
	return (uint64_t)space << (PAGE_BITS + 3) | (uint64_t)size << PAGE_BITS | page;
}

static struct tlb_page *probe(const struct store *s, uint64_t key)
{
	uint32_t at = (uint32_t)(ROUND(key) >> 32) & (s->capacity - 1);

	while (s->page[at].key && s->page[at].key != key)
		at = (at + 1) & (s->capacity - 1);
	return &s->page[at];
}

/* Is there anything to remember of it? */
static bool is_live(const struct store *s, const struct tlb_page *p)
{
	const struct tlb_space *space = &s->space[p->key >> (PAGE_BITS + 3)];

	return p->filled > space->fate.flushed &&
	       (p->filled > p->fate.flushed || (p->key >> PAGE_BITS & 7) > 1);
}

static void forget_all(struct store *s)
{
	uint64_t time = tlb_time();

	for (unsigned int i = 0; i < s->spaces; i++)
		s->space[i].fate.flushed = time;
	tlb_n.forgotten++;
}

static void make_room(struct store *s)
{
	uint32_t live = 0, capacity = FIRST_PAGES, old_capacity = s->capacity;
	struct tlb_page *old = s->page;

	for (uint32_t i = 0; i < old_capacity; i++)
		live += old[i].key && is_live(s, &old[i]);
	while (capacity < MOST_PAGES && capacity < live * 4)
		capacity *= 2;
	if (live > capacity / 2)
		forget_all(s);
	s->page = get_memory(capacity, sizeof(*s->page));
	s->capacity = capacity;
	s->used = 0;
	for (uint32_t i = 0; i < old_capacity; i++) {
		if (!old[i].key || !is_live(s, &old[i]))
			continue;
		*probe(s, old[i].key) = old[i];
		s->used++;
	}
	free(old);
}

struct tlb_page *tlb_page_find(unsigned int cpu, int space, uint64_t address, unsigned int shift)
{
	struct store *s = &stores[cpu];
	struct tlb_page *p;

	if (!s->capacity)
		return NULL;
	p = probe(s, key_of(space, address, shift));
	return p->key ? p : NULL;
}

struct tlb_page *tlb_page_make(unsigned int cpu, int space, uint64_t address, unsigned int shift)
{
	struct store *s = &stores[cpu];
	uint64_t key = key_of(space, address, shift);
	struct tlb_page *p;

	if (s->used * 4ULL >= s->capacity * 3ULL)
		make_room(s);
	p = probe(s, key);
	if (!p->key) {
		p->key = key;
		s->used++;
	}
	return p;
}
