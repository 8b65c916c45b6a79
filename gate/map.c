// SPDX-License-Identifier: GPL-2.0
/* The rules of gate/context.h, applied to a table of pages. */
#include "gate/check.h"

static void wrong(struct xo_gate_check *c, const struct xo_gate_page *p, const char *why)
{
	c->wrong++;
	if (c->out)
		fprintf(c->out, "window + 0x%05x (%s): %s\n", p->offset, p->name, why);
}

static bool overlap(const struct xo_gate_page *a, const struct xo_gate_page *b)
{
	return a->offset < b->offset + b->size && b->offset < a->offset + a->size;
}

static void one(struct xo_gate_check *c, const struct xo_gate_page *p)
{
	unsigned int all[] = { p->home, p->gate, p->service };

	if (p->offset % XO_PAGE || p->size % XO_PAGE || !p->size ||
	    p->offset + p->size > XO_GATE_SLOT_SIZE)
		wrong(c, p, "is not whole pages of a slot's window");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if ((all[i] & XO_MAP_W) && (all[i] & XO_MAP_X))
			wrong(c, p, "can be written and executed in one context");
	if (!p->gate)
		return;
	if (p->home & XO_MAP_W)
		wrong(c, p,
		      "is mapped in the gate context and can be written by the guest at home");
	if (p->service & XO_MAP_W)
		wrong(c, p, "is mapped in the gate context and can be written by the service");
	if (p->offset == XO_GATE_TEXT ? p->gate != XO_MAP_X : (p->gate & XO_MAP_X) != 0)
		wrong(c, p,
		      "gate text, and nothing else, is executed in the gate context, and only "
		      "that");
	if ((p->gate & XO_MAP_W) && p->offset != XO_GATE_LIST)
		wrong(c, p, "can be written in the gate context; only the EPTP list may");
	if (p->offset == XO_GATE_LIST && (p->home || p->service))
		wrong(c, p, "the EPTP list is mapped outside of the gate context");
}

bool xo_gate_check_map(struct xo_gate_check *c, const struct xo_gate_page *page, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		one(c, &page[i]);
		for (size_t j = 0; j < i; j++)
			if (overlap(&page[i], &page[j]) &&
			    ((page[i].home && page[j].home) || (page[i].gate && page[j].gate) ||
			     (page[i].service && page[j].service)))
				wrong(c, &page[i],
				      "has the place of another page in the same context");
	}
	return !c->wrong;
}
