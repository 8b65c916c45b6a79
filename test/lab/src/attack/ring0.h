/* SPDX-License-Identifier: GPL-2.0 */
/* What attacks by the caller's kernel share: ring0.c, foreign.c. */
#ifndef XO_ATTACK_RING0_H
#define XO_ATTACK_RING0_H

#include "attack.h"
#include "xo_attack.h"

int ring0_open(void); /* /dev/xo_attack */
/* Its one connection's first window. */
uint8_t *ring0_connect(void);
void ring0_disconnect(void);
/* What gate_home wants of the save page: so it ends at ring0_back, by #UD. */
void ring0_save(void);
uint64_t ring0_frame(void); /* that RSP */
void ring0_back(void);
/* By the book, in that slot; what a try left there is forgotten first. */
bool ring0_plain_call(void);

#endif
