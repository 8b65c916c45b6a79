/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each page of a slot window is, and who may do what to it, as the EPT contexts say. Read by
 * gate-check, which refuses a table that breaks a rule, and by the host, which builds by it.
 *
 * Rules for the gate context:
 *	- nothing that a guest or a service can write is mapped, not even for reading;
 *	- gate text can be executed and not read; nothing else can be executed;
 *	- the EPTP list alone can be written.
 * And one for the guest-physical side, which gate-check relies on: the page tables of the gate
 * context have every page of a window present, user and writable, so that what is not allowed ends
 * in the EPT, which is an exit, and not in a page fault, which would be delivered through tables
 * of the caller's kernel.
 */
#ifndef XO_GATE_CONTEXT_H
#define XO_GATE_CONTEXT_H

#include <crossover/gate.h>

enum {
	XO_MAP_R = 1,
	XO_MAP_W = 2,
	XO_MAP_X = 4,
	XO_MAP_RW = XO_MAP_R | XO_MAP_W,
	XO_MAP_RX = XO_MAP_R | XO_MAP_X,
};

/* One piece of host memory, and its rights where it is mapped (0: it is not). */
struct xo_gate_page {
	const char *name;
	unsigned int offset; /* in the window */
	unsigned int size;
	unsigned char home; /* what the caller's VM may do to it at home */
	unsigned char gate;
	unsigned char service;
};

#define XO_GATE_MAP                                                              \
	{ "gate text", XO_GATE_TEXT, 0x1000, XO_MAP_RX, XO_MAP_X, XO_MAP_X },    \
		{ "constants", XO_GATE_CONST, 0x1000, 0, XO_MAP_R, 0 },          \
		{ "visit", XO_GATE_CONST, 0x1000, 0, 0, XO_MAP_R },              \
		{ "EPTP list", XO_GATE_LIST, 0x1000, 0, XO_MAP_RW, 0 },          \
		{ "vCPU's constants", XO_GATE_VCPU, 0x1000, 0, XO_MAP_R, 0 },    \
		{ "caller's save page", XO_GATE_SAVE, 0x1000, XO_MAP_RW, 0, 0 }, \
		{ "runtime", XO_GATE_RT, 0x1000, 0, 0, XO_MAP_X },               \
		{ "SSA", XO_GATE_SSA, 0x1000, 0, 0, XO_MAP_RW },                 \
		{ "XSAVE area", XO_GATE_XSAVE, 0x1000, 0, 0, XO_MAP_RW },        \
	{                                                                        \
		"stack", XO_GATE_STACK_TOP - XO_GATE_STACK_PAGES * 0x1000,       \
			XO_GATE_STACK_PAGES * 0x1000, 0, 0, XO_MAP_RW            \
	}

/* Rights of that page of a window in the gate context, or in a service context; 0: not there. The
 * numbers are those of an EPT entry. */
static inline unsigned int xo_gate_rights(unsigned int offset, int service)
{
	static const struct xo_gate_page page[] = { XO_GATE_MAP };
	unsigned int i, rights;

	for (i = 0; i < sizeof(page) / sizeof(page[0]); i++) {
		rights = service ? page[i].service : page[i].gate;
		if (rights && offset - page[i].offset < page[i].size)
			return rights;
	}
	return 0;
}

#endif
