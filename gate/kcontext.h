/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What each page of the kernel worlds' window is in the gate context: the rules of gate/context.h
 * hold here too. Read by gate-check; the host builds the same (host/kgate.c).
 */
#ifndef XO_GATE_KCONTEXT_H
#define XO_GATE_KCONTEXT_H

#include <crossover/kgate.h>
#include "gate/context.h"

#define XO_KGATE_SPAN 0x200000 /* what the gate's page tables have present */

/* Rights of that page of the window in the gate context; 0: not there. */
static inline unsigned int xo_kgate_rights(unsigned int offset)
{
	switch (offset & ~0xfffU) {
	case XO_KGATE_TEXT:
		return XO_MAP_X;
	case XO_KGATE_LIST:
		return XO_MAP_RW;
	case XO_KGATE_VCPU:
		return XO_MAP_R;
	default:
		return 0;
	}
}

#endif
