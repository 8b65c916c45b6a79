/* SPDX-License-Identifier: GPL-2.0 */
/* Small things that the subcommands share: options, opening the device, tables. */
#ifndef XO_COMMON_H
#define XO_COMMON_H

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include "crossover/crossover.h"
#include "xo.h"

#define XO_RUN_VM "/run/crossover/vm" /* NAME/pid: QEMU's, by `xo vm start` */

/*
 * Next option by getopt_long(), with --help and wrong options dealt with: the option's letter, or
 * -1 at their end, or -2: stop now with exit code *status. `options` may be NULL.
 */
int xo_option(int argc, char **argv, const char *letters, const struct option *options,
	      const char *help, int *status);

/* Are there exactly `n` words behind the options? If not, complains and *status is XO_USAGE. */
bool xo_words(int argc, char **argv, int n, const char *what, int *status);

/* Is each of the `n` words a VM name? If not, complains and *status is XO_USAGE. */
bool xo_names(const char *word, char **names, int n, int *status);

/* A handle that is open on `side`, or NULL after a complaint. */
struct xo *xo_cli_open(const char *word, enum xo_side side);

/* The handle's sentence as a complaint, and close it: returns XO_REFUSED. */
int xo_cli_fail(const char *word, struct xo *x);

/*
 * A table with aligned columns: cells in reading order, `columns` per row, kept until printed. A
 * column is right-aligned if its letter in `align` is 'r'. Width counts bytes; cells are ASCII.
 */
struct xo_table {
	const char *align;
	size_t columns;
	char **cells;
	size_t count;
};

void xo_cell(struct xo_table *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void xo_table_print(struct xo_table *t, FILE *to); /* and empty it; NULL: only that */

#endif
