// SPDX-License-Identifier: GPL-2.0
/* A service as compilers make them: vectorised loops, AVX2, all vector registers at once. */
#include "services.h"

typedef uint64_t lanes __attribute__((vector_size(32)));

/* Sums of small integers: exact in any order. */
static uint64_t dot(const volatile double *shared, uint64_t n)
{
	const double *a = (const double *)shared, *b = a + n;
	double sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += a[i] * b[i];
	return (uint64_t)sum;
}

/* Sixteen vectors stay in registers: written out, so that the compiler keeps them there. */
#define ALL(X)	 X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7) X(8) X(9) X(10) X(11) X(12) X(13)
#define SPARE(X) X(14) X(15)

static uint64_t churn(uint64_t seed, uint64_t rounds)
{
	uint64_t lane[CHURN_LANES];

	for (unsigned int i = 0; i < CHURN_LANES; i++)
		lane[i] = churn_start(seed, i);
#define LOAD(i) lanes v##i = { lane[i * 4], lane[i * 4 + 1], lane[i * 4 + 2], lane[i * 4 + 3] };
#define STEP(i) v##i = (v##i << 1 | v##i >> 63) + 1;
#define STORE(i)                    \
	for (int j = 0; j < 4; j++) \
		lane[i * 4 + j] = v##i[j];
	{
		ALL(LOAD)
		for (uint64_t r = 0; r < rounds; r++) {
			ALL(STEP)
		}
		ALL(STORE)
	}
	{
		SPARE(LOAD)
		for (uint64_t r = 0; r < rounds; r++) {
			SPARE(STEP)
		}
		SPARE(STORE)
	}
	return churn_end(lane);
}

static uint64_t control(void)
{
	uint32_t mxcsr, other = 0x7f80;
	uint16_t fcw, narrow = 0x0c7f;

	__asm__ volatile("stmxcsr %0; fnstcw %1" : "=m"(mxcsr), "=m"(fcw));
	__asm__ volatile("ldmxcsr %0; fldcw %1; fld1; fld1" : : "m"(other), "m"(narrow));
	return mxcsr | (uint64_t)fcw << 32;
}

uint64_t svc_vector(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		    const struct xo_visit *visit)
{
	switch (a0) {
	case VECTOR_DOT:
		if (a1 > visit->buffer_size / (2 * sizeof(double)))
			return 0;
		return dot(visit->buffer, a1);
	case VECTOR_CHURN:
		return churn(a1, a2);
	case VECTOR_CONTROL:
		return control();
	default:
		return 0;
	}
}
