/* SPDX-License-Identifier: GPL-2.0 */
/* System calls by name and number, and the classes that a policy may name instead. */
#ifndef XO_CALLS_H
#define XO_CALLS_H

#include <stdbool.h>
#include <stdint.h>

#define XO_CALLS_MAX 512 /* numbers below this can be named in a policy */

/* "openat", or NULL for a number without a call. */
const char *xo_call_name(uint32_t nr);

/* The number of that call, or -1. */
int xo_call_number(const char *name);

struct xo_call_set {
	uint64_t bits[XO_CALLS_MAX / 64];
};

bool xo_calls_has(const struct xo_call_set *set, uint32_t nr);

/* Add a call, or all of a class, by name: false if it is neither. */
bool xo_calls_add(struct xo_call_set *set, const char *name);

/* i-th class's name, NULL behind the last; "all" is not in the list. */
const char *xo_call_class(unsigned int i);

#endif
