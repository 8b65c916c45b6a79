/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The services of these tests: what they do, and what a caller may expect of them. xo_owner offers
 * them in one VM, xo_caller calls them from another.
 *
 *	null	general registers only, pages declared one by one: counts its calls
 *	plain	general registers only: operations below
 *	vector	ordinary C for AVX2: operations below
 *	private	refuses everybody
 */
#ifndef XO_TEST_SERVICES_H
#define XO_TEST_SERVICES_H

#include <stdint.h>
#include <crossover/crossover.h>

/* First argument of `plain`, low byte; the other bits are anything. */
enum plain_op {
	PLAIN_MIX = 1,	 /* mix() of all six arguments */
	PLAIN_TALLY,	 /* context, sequence number, steps: lcg() of the sequence number */
	PLAIN_CALLS,	 /* context: how many calls it has seen */
	PLAIN_WRONG,	 /* context: how many were not the one after the last */
	PLAIN_CLEAR,	 /* context */
	PLAIN_FLIP,	 /* bytes: flips the buffer's, returns their sum before */
	PLAIN_VISIT,	 /* copies its visit into the buffer */
	PLAIN_SPIN,	 /* never returns */
	PLAIN_SECRET_AT, /* address of the owner's secret */
	PLAIN_SECRET,	 /* value: becomes the secret; returns the old one */
	PLAIN_BAD,	 /* enum bad: ends badly */
	PLAIN_BAD_AT,	 /* enum bad: address of the instruction that does */
};

enum vector_op {
	VECTOR_DOT = 1, /* n: dot product of the buffer's 2 * n doubles */
	VECTOR_CHURN,	/* seed, rounds: churn(), with every ymm register in use */
	VECTOR_CONTROL, /* MXCSR | x87 control word << 32 as found; leaves others behind */
};

enum bad {
	BAD_READ,  /* of an address that nobody declared */
	BAD_WRITE, /* to its own text */
	BAD_DIVIDE,
	BAD_ADDRESS, /* not canonical */
	BAD_OPCODE,
	BAD_SYSCALL,
	BAD_CPUID,
	BAD_VMCALL,
	BAD_GATE, /* read of text that is execute-only */
	BAD_COUNT,
};

#define TALLY_CONTEXTS 64

static inline uint64_t mix(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	return a + 3 * b + 5 * c + 7 * d + 11 * e + 13 * f;
}

#define LCG_MUL 6364136223846793005ULL
#define LCG_ADD 1442695040888963407ULL

/* Four instructions a step. */
static inline uint64_t lcg(uint64_t x, uint64_t steps)
{
	while (steps--)
		x = x * LCG_MUL + LCG_ADD;
	return x;
}

/* The same in time log(steps), for those who only check. */
static inline uint64_t lcg_jump(uint64_t x, uint64_t steps)
{
	uint64_t mul = LCG_MUL, add = LCG_ADD, m = 1, a = 0;

	for (; steps; steps >>= 1) {
		if (steps & 1) {
			m *= mul;
			a = a * mul + add;
		}
		add = (mul + 1) * add;
		mul *= mul;
	}
	return m * x + a;
}

/* 16 registers of 4 lanes: what is lost or exchanged in one of them changes the sum. */
#define CHURN_LANES 64

static inline uint64_t churn_start(uint64_t seed, unsigned int lane)
{
	return (seed + lane) * LCG_MUL;
}

static inline uint64_t churn_end(const uint64_t *lane)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < CHURN_LANES; i++)
		sum = sum * 31 + lane[i];
	return sum;
}

/* A lane after so many rounds of x = (x << 1) + (x >> 63) + 1: a rotation and a step. */
static inline uint64_t churn_lane(uint64_t x, uint64_t rounds)
{
	while (rounds--)
		x = (x << 1 | x >> 63) + 1;
	return x;
}

uint64_t svc_null(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		  const struct xo_visit *visit);
uint64_t svc_plain(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		   const struct xo_visit *visit);
uint64_t svc_vector(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		    const struct xo_visit *visit);

/* Pages of svc_null, from svc_plain.c. */
extern uint64_t null_count[512];
extern uint64_t secret[512];
extern const char null_text[], null_text_end[];

#endif
