/* SPDX-License-Identifier: GPL-2.0 */
/* `xo count`: what it counted, as a table or as JSON. */
#ifndef XO_COUNT_H
#define XO_COUNT_H

#include <stdio.h>
#include "crossover/mark.h"

/* By basic reason; "" if it has no name here. */
const char *xo_exit_name(unsigned int reason);

void xo_count_print_table(FILE *to, const struct xo_counts *c);
void xo_count_print_json(FILE *to, const struct xo_counts *c, int status);

#endif
