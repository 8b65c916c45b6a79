// SPDX-License-Identifier: MIT OR GPL-2.0
/* The pages of a loaded object, by its program headers: what a service may touch if it says
 * nothing. */
#include <errno.h>
#include <link.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include "service.h"

#define PAGE 4096UL

struct search {
	uintptr_t entry;
	bool all;
	struct xo_region *region;
	size_t count, room;
	int err;
	bool found;
};

static void add(struct search *s, uint64_t start, uint64_t end, uint64_t prot)
{
	struct xo_region *last = s->count ? &s->region[s->count - 1] : NULL;

	/* Segments of old linkers share a page: it is what the first of them says. */
	if (last && start < last->start + last->length && end > last->start)
		start = last->start + last->length;
	if (start >= end || s->err)
		return;
	if (s->count == s->room) {
		size_t room = s->room ? 2 * s->room : 16;
		struct xo_region *more = realloc(s->region, room * sizeof(*more));

		if (!more) {
			s->err = -ENOMEM;
			return;
		}
		s->region = more;
		s->room = room;
	}
	s->region[s->count++] =
		(struct xo_region){ .start = start, .length = end - start, .prot = prot };
}

static bool contains(const struct dl_phdr_info *info, uintptr_t address)
{
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && address - (info->dlpi_addr + p->p_vaddr) < p->p_memsz)
			return true;
	}
	return false;
}

/* What the loader has made read-only behind its relocations: the start of the data. */
static uint64_t relro_end(const struct dl_phdr_info *info)
{
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_GNU_RELRO)
			return (info->dlpi_addr + info->dlpi_phdr[i].p_vaddr +
				info->dlpi_phdr[i].p_memsz) &
			       ~(PAGE - 1);
	return 0;
}

static void add_segments(struct search *s, const struct dl_phdr_info *info)
{
	uint64_t relro = relro_end(info);

	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		uint64_t start = (info->dlpi_addr + p->p_vaddr) & ~(PAGE - 1);
		uint64_t end = (info->dlpi_addr + p->p_vaddr + p->p_memsz + PAGE - 1) & ~(PAGE - 1);

		if (p->p_type != PT_LOAD || !p->p_memsz || !(p->p_flags & PF_R))
			continue;
		if (p->p_flags & PF_W) {
			if (relro > start && relro <= end) {
				add(s, start, relro, 0);
				start = relro;
			}
			add(s, start, end, XO_PAGE_WRITE);
		} else {
			add(s, start, end, p->p_flags & PF_X ? XO_PAGE_EXEC : 0);
		}
	}
}

static int look(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct search *s = arg;
	bool here = contains(info, s->entry);

	/* The vDSO's data is the kernel's own. */
	if (contains(info, getauxval(AT_SYSINFO_EHDR)))
		return 0;
	s->found |= here;
	if (here || s->all)
		add_segments(s, info);
	return s->err;
}

static int by_address(const void *a, const void *b)
{
	const struct xo_region *x = a, *y = b;

	return x->start < y->start ? -1 : x->start > y->start;
}

int xo_regions_of(const void *entry, bool all, struct xo_region **out, size_t *count)
{
	struct search s = { .entry = (uintptr_t)entry, .all = all };

	dl_iterate_phdr(look, &s);
	if (!s.err && !s.found)
		s.err = -EINVAL;
	if (s.err) {
		free(s.region);
		return s.err;
	}
	qsort(s.region, s.count, sizeof(*s.region), by_address);
	*out = s.region;
	*count = s.count;
	return 0;
}
