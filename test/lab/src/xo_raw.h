/* SPDX-License-Identifier: GPL-2.0 */
/* What the two halves of xo_raw agree on: XO_OP_PING with these numbers, served without a stub. */
#ifndef XO_RAW_H
#define XO_RAW_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

enum raw_nr {
	RAW_NULL = 0,	  /* result 0 */
	RAW_ECHO = 1,	  /* the data comes back with every byte inverted, result its length */
	RAW_SLEEP = 2,	  /* sleeps args[0] ms, or until the call is given up: -EINTR */
	RAW_DIE = 3,	  /* the serving process kills itself in the middle of the call */
	RAW_LONG = 4,	  /* answers with an out_len that no slot holds */
	RAW_REFUSE = 5,	  /* ends the call with status -args[0], no reply */
	RAW_STUBBORN = 6, /* sleeps args[0] ms whatever the caller says */
	RAW_WHO = 7,	  /* result: the serving process's pid */
	RAW_TOUCH = 8,	  /* tries to map a slot that is not its own: result -EACCES expected */
};

#define DIE(...)                                                        \
	do {                                                            \
		fprintf(stderr, "xo_raw: %s:%d: ", __FILE__, __LINE__); \
		fprintf(stderr, __VA_ARGS__);                           \
		fputc('\n', stderr);                                    \
		exit(1);                                                \
	} while (0)

int raw_open(void);
int raw_serve(void);

#endif
