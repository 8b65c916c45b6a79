// SPDX-License-Identifier: GPL-2.0
// The pages that a service gets if it declares none must be those of its object, each as it is
// mapped: what is only read can never be written through another world, and nothing is missing.
// link: lib/regions.c
#include "lib/service.h"

#include <errno.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static uint64_t entry(void)
{
	return 1;
}

static char written[3 * 4096] = "x", zeroed[2 * 4096];
static const char constant[] = "constant";
static void *const relocated = written;

static struct xo_region *regions;
static size_t count;

static const struct xo_region *region_of(const volatile void *p)
{
	for (size_t i = 0; i < count; i++)
		if ((uintptr_t)p - regions[i].start < regions[i].length)
			return &regions[i];
	return NULL;
}

static void is_in(const volatile void *p, uint64_t prot)
{
	const struct xo_region *r = region_of(p);

	assert_non_null(r);
	assert_int_equal(r->prot, prot);
}

/* As /proc/self/maps has it: readable, and writable or executable where said. */
static void is_mapped_so(const struct xo_region *r)
{
	unsigned long start, end, at = r->start;
	FILE *f = fopen("/proc/self/maps", "r");
	char line[512], perm[8];

	assert_non_null(f);
	while (at < r->start + r->length && fgets(line, sizeof(line), f)) {
		assert_int_equal(sscanf(line, "%lx-%lx %7s", &start, &end, perm), 3);
		if (at < start || at >= end)
			continue;
		assert_int_equal(perm[0], 'r');
		assert_int_equal(perm[1] == 'w', (r->prot & XO_PAGE_WRITE) != 0);
		assert_int_equal(perm[2] == 'x', (r->prot & XO_PAGE_EXEC) != 0);
		at = end;
	}
	fclose(f);
	if (at < r->start + r->length)
		fail_msg("%#lx is not mapped", at);
}

static void look(bool all)
{
	assert_int_equal(xo_regions_of((const void *)(uintptr_t)entry, all, &regions, &count), 0);
	for (size_t i = 0; i < count; i++) {
		assert_int_equal(regions[i].start % 4096, 0);
		assert_int_equal(regions[i].length % 4096, 0);
		assert_true(regions[i].prot != (XO_PAGE_WRITE | XO_PAGE_EXEC));
		if (i)
			assert_true(regions[i].start >=
				    regions[i - 1].start + regions[i - 1].length);
		is_mapped_so(&regions[i]);
	}
	is_in((const void *)(uintptr_t)entry, XO_PAGE_EXEC);
	is_in(written + sizeof(written) - 1, XO_PAGE_WRITE);
	is_in(zeroed + sizeof(zeroed) - 1, XO_PAGE_WRITE);
	is_in(constant, 0);
	is_in(&relocated, 0);
}

static void an_object_is_what_is_loaded_of_it(void **state)
{
	int local;

	look(false);
	assert_null(region_of((const void *)(uintptr_t)printf));
	assert_null(region_of(&local));
	free(regions);
}

static void all_objects_are_each_as_mapped(void **state)
{
	look(true);
	is_in((const void *)(uintptr_t)printf, XO_PAGE_EXEC);
	free(regions);
}

static void what_is_in_no_object_is_refused(void **state)
{
	void *heap = calloc(1, 16);

	assert_int_equal(xo_regions_of(heap, false, &regions, &count), -EINVAL);
	free(heap);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_is_what_is_loaded_of_it),
		cmocka_unit_test(all_objects_are_each_as_mapped),
		cmocka_unit_test(what_is_in_no_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
