/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Proves what docs/gates.md claims of a page of gate text, for whoever is in the gate context: at
 * any byte, in any ring, with any registers but RAX and RCX, which brought them there.
 */
#ifndef XO_GATE_CHECK_H
#define XO_GATE_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include "gate/context.h"

#define XO_PAGE 0x1000

/* What is found wrong is printed to `out` (may be NULL), a sentence a line. */
struct xo_gate_check {
	FILE *out;
	bool kernel; /* in: the text is that of the kernel worlds' gate */
	unsigned int wrong;
	/* counts */
	unsigned int offsets;  /* bytes that exploration began at */
	unsigned int states;   /* different (byte, what is known) pairs reached */
	unsigned int paths;    /* ends reached: exits, faults, VMFUNCs */
	unsigned int vmfuncs;  /* bytes at which a VMFUNC decodes */
	unsigned int stores;   /* bytes at which a store to the list decodes */
	bool to_service, home; /* a VMFUNC was reached that had verified the way there */
};

/* Looks at text[XO_PAGE] from every byte offset, and at the table of pages. True: all holds. */
bool xo_gate_check_text(struct xo_gate_check *c, const unsigned char *text);
bool xo_gate_check_map(struct xo_gate_check *c, const struct xo_gate_page *page, size_t count);

/* Instructions of the straight path of a call, by part. False: the path is not as it should be. */
struct xo_gate_count {
	unsigned int home_in, gate_in, runtime_in, service, runtime_out, gate_out, home_out;
};
bool xo_gate_count_call(struct xo_gate_count *n, const unsigned char *text,
			const unsigned char *runtime, FILE *out);

#endif
