// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * What is wrong with the description of a service, one sentence for each cause. The modules check
 * all of it again; they have an errno to say so.
 */
#include <errno.h>
#include <string.h>
#include "service.h"

#define PAGE  4096ULL
#define GATES (XO_GATE_BASE + (uint64_t)XO_GATE_CONNS * XO_GATE_CONN_SIZE)
#define END   (1ULL << 56) /* of what programs can map, whatever the paging */

static int wrong_name(struct xo *x, const char *name)
{
	return xo_err_set(x, -EINVAL,
			  "'%s' is not a service's name: use a lower-case letter, then up to 30 "
			  "lower-case letters, digits or '-'",
			  name ? name : "(null)");
}

static int wrong_region(struct xo *x, const char *name, size_t i, const char *why)
{
	return xo_err_set(x, -EINVAL, "service '%s': region %zu (from 0 on) %s", name, i, why);
}

static int check_region(struct xo *x, const char *name, const struct xo_region *list, size_t i)
{
	const struct xo_region *r = &list[i];

	if (r->start % PAGE || r->length % PAGE || !r->length)
		return wrong_region(x, name, i,
				    "is not of whole pages: align its start and its length to "
				    "4096 bytes, and leave out what is empty");
	if (r->length > END || r->start > END - r->length)
		return wrong_region(x, name, i, "does not lie in the memory of programs");
	if (r->prot & ~(XO_PAGE_WRITE | XO_PAGE_EXEC))
		return wrong_region(x, name, i, "has rights other than XO_PAGE_WRITE or _EXEC");
	if (r->prot == (XO_PAGE_WRITE | XO_PAGE_EXEC))
		return wrong_region(x, name, i,
				    "is both writable and executable: declare code and data apart");
	if (r->start < GATES && r->start + r->length > XO_GATE_BASE - PAGE)
		return wrong_region(x, name, i, "lies where the gates are: map it elsewhere");
	if (i && r->start < list[i - 1].start + list[i - 1].length)
		return wrong_region(x, name, i,
				    "begins before the end of the one before it: sort regions by "
				    "address, apart from each other");
	return 0;
}

bool xo_spec_has_entry(const struct xo_region *list, size_t count, xo_service_entry entry)
{
	uint64_t at = (uintptr_t)entry;

	for (size_t i = 0; i < count; i++)
		if ((list[i].prot & XO_PAGE_EXEC) && at - list[i].start < list[i].length)
			return true;
	return false;
}

static int check_regions(struct xo *x, const struct xo_service_spec *s)
{
	int err;

	if (!s->region_count)
		return xo_err_set(x, -EINVAL,
				  "service '%s': regions are given, but their number is 0: set "
				  "region_count, or leave regions out",
				  s->name);
	if (s->region_count > XO_SERVICE_PAGES)
		return xo_cannot_create(x, -E2BIG, s->name);
	for (size_t i = 0; i < s->region_count; i++) {
		err = check_region(x, s->name, s->regions, i);
		if (err)
			return err;
	}
	if (xo_spec_has_entry(s->regions, s->region_count, s->entry))
		return 0;
	return xo_err_set(x, -EINVAL,
			  "service '%s': its entry point lies in no region with XO_PAGE_EXEC: "
			  "declare the pages of its code",
			  s->name);
}

int xo_spec_check(struct xo *x, const struct xo_service_spec *s)
{
	const unsigned int known = XO_SERVICE_GPR | XO_SERVICE_LIBS;

	if (!s)
		return xo_err_set(x, -EINVAL, "a service needs a description, not NULL");
	if (!xo_name_ok(s->name))
		return wrong_name(x, s->name);
	if (!s->entry)
		return xo_err_set(x, -EINVAL,
				  "service '%s' has no entry: set it to the function to call",
				  s->name);
	if (s->flags & ~known)
		return xo_err_set(x, -EINVAL,
				  "service '%s': flags 0x%x are not known: there are "
				  "XO_SERVICE_GPR and XO_SERVICE_LIBS",
				  s->name, s->flags & ~known);
	if (!s->allow && !s->accept)
		return xo_err_set(x, -EINVAL,
				  "service '%s' has neither allow nor accept, so nobody could "
				  "connect: name VMs in allow (\"*\" is all)",
				  s->name);
	if (s->regions && (s->flags & XO_SERVICE_LIBS))
		return xo_err_set(x, -EINVAL,
				  "service '%s': either XO_SERVICE_LIBS or regions say what it "
				  "may touch: leave one of them out",
				  s->name);
	if (!s->regions && s->region_count)
		return xo_err_set(x, -EINVAL,
				  "service '%s': %zu regions are announced, but none given: set "
				  "regions, or region_count to 0",
				  s->name, s->region_count);
	return s->regions ? check_regions(x, s) : 0;
}

int xo_cannot_create(struct xo *x, int err, const char *name)
{
	const char *where = xo_side(x) == XO_SIDE_HOST ? "by the host" : "in this VM";

	switch (err) {
	case -EEXIST:
		return xo_err_set(
			x, err,
			"a service named '%s' is offered %s already: choose another name, "
			"or end that one",
			name, where);
	case -EINVAL:
		return xo_err_set(
			x, err,
			"service '%s': its regions are not mapped as they say: all there, "
			"readable, and writable or executable where declared so, and no "
			"pages of a device or of hugetlbfs",
			name);
	case -ENXIO:
		return xo_err_set(
			x, err,
			"service '%s': its entry point is in the code of no program or "
			"library that is loaded: name a function, or give the regions that "
			"it may touch",
			name);
	case -E2BIG:
		return xo_err_set(x, err,
				  "service '%s' has more than %d pages: declare the fewer that it "
				  "touches as its regions",
				  name, XO_SERVICE_PAGES);
	case -EDQUOT:
		return xo_err_set(x, err,
				  "service '%s': as many services as may be (%d) are offered %s: "
				  "end one",
				  name, XO_SERVICES_PER_VM, where);
	default:
		return xo_err_set(x, err, "cannot offer service '%s': %s", name, strerror(-err));
	}
}
