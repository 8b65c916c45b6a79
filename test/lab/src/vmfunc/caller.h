/* SPDX-License-Identifier: GPL-2.0 */
/* What the cases of xo_caller share. */
#ifndef XO_TEST_CALLER_H
#define XO_TEST_CALLER_H

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "services.h"

struct run {
	struct xo *x;
	const char *vm;
	unsigned int engine; /* that calls must take; 0: any */
	char **args;	     /* of the case, NULL behind the last */
};

/* Number i of the case's arguments, or what it is without. */
uint64_t run_arg(const struct run *r, int i, uint64_t otherwise);

#define CHECK(what, ...)                                                               \
	do {                                                                           \
		if (!(what)) {                                                         \
			printf("FAIL %s:%d: %s: ", __FILE_NAME__, __LINE__, __func__); \
			printf(__VA_ARGS__);                                           \
			printf("\n");                                                  \
			exit(1);                                                       \
		}                                                                      \
	} while (0)

/* A connection that uses the engine asked for, or the end. */
struct xo_conn *run_connect(const struct run *r, const char *service, unsigned int slots);

/* A call that must succeed. */
uint64_t run_call(struct xo_conn *conn, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
		  uint64_t a4, uint64_t a5);

/* Calls in a row in a context of `plain`; tally_end() compares with what the service saw. */
struct tally_run {
	struct xo_conn *conn;
	uint64_t context, sequence;
};

void tally_begin(struct tally_run *t, struct xo_conn *conn, uint64_t context);
/* 0, or what xo_call() said: then the call did not happen. */
int tally_try(struct tally_run *t, uint64_t steps);
void tally_call(struct tally_run *t, uint64_t steps);
void tally_end(struct tally_run *t);

/* One line of numbers about what a connection did. */
void run_report(const char *what, struct xo_conn *conn);

/* VMFUNC is no instruction here; needs no module. */
void check_dead(void);

uint64_t now_ns(void);
uint64_t random_next(uint64_t *state);

typedef void (*case_function)(const struct run *r);
struct run_case {
	const char *name;
	case_function run;
};
/* Each file's cases; the last one has no name. */
extern const struct run_case call_cases[], signal_cases[], end_cases[], thread_cases[],
	many_cases[], forced_cases[], away_cases[];

#endif
