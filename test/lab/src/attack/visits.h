/* SPDX-License-Identifier: GPL-2.0 */
/* What attacks on visits share: visits.c (by the callee's kernel), kgate.c (by the caller's). */
#ifndef XO_ATTACK_VISITS_H
#define XO_ATTACK_VISITS_H

#include "ring0.h"
#include "xo_deeds.h"

/* A session to web, in which a plain visit was made. The descriptor of /dev/xo_attack. */
int visits_open(void);
/* 0 or the negative errno of the call; *result as the callee says. All registers are compared. */
long visits_call(uint64_t argument, uint64_t *result);
/* Program and kernel have all that they had, and a plain visit works. */
bool visits_unharmed(void);
uint64_t visits_seen(enum xd_seen what);

#endif
