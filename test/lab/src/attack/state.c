// SPDX-License-Identifier: GPL-2.0
/*
 * No register crosses unasked: caller's vector state, MXCSR, x87, FS and GS base, flags and general
 * registers never reach a service, and a service's never the caller, interrupted or not.
 */
#include "attack.h"
#include <string.h>
#include "service.h"

#define MXCSR_OURS 0x3f80 /* round down */
#define FCW_OURS   0x027f /* double precision */
#define X87_FCW	   0
#define X87_FTW	   4

static struct target target;
static uint8_t *slot;

static void x87_image(uint8_t *xsave)
{
	*(uint16_t *)(xsave + X87_FCW) = FCW_OURS;
	*(uint32_t *)(xsave + 24) = MXCSR_OURS;
}

void state_fill(struct full *in)
{
	size_t i;

	memset(in, 0, sizeof(*in));
	for (i = 0; i < 16; i++)
		in->r[i] = PATTERN + i;
	in->flags = 0x202 | 0x8d5 | 0x40000 | 0x200000;
	in->mxcsr = MXCSR_OURS;
	in->fcw = FCW_OURS;
	x87_image(in->xsave);
	in->xsave[X87_FTW] = 0;
	for (i = 0; i < 256 / 8; i++)
		((uint64_t *)(in->xsave + XSAVE_SSE))[i] = PATTERN;
	for (i = 0; i < 256 / 8; i++)
		((uint64_t *)(in->xsave + XSAVE_YMM_HIGH))[i] = PATTERN;
	*(uint64_t *)(in->xsave + XSAVE_BV) = 7;
}

static void caller_state(struct full *in, uint64_t op, uint64_t a)
{
	state_fill(in);
	in->r[RDI] = op;
	in->r[RSI] = a;
}

static unsigned int count_words(const void *p, size_t bytes, uint64_t word)
{
	const uint64_t *w = p;
	unsigned int n = 0;
	size_t i;

	for (i = 0; i < bytes / 8; i++)
		n += w[i] == word;
	return n;
}

static bool zero(const uint8_t *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

/* Components that the bitmap names not are in their initial state whatever the bytes say. */
static bool vector_is_initial(const uint8_t *xsave)
{
	uint64_t bv = *(const uint64_t *)(xsave + XSAVE_BV);

	return (!(bv & 1) || (*(const uint16_t *)xsave == 0x37f && zero(xsave + X87_FTW, 1) &&
			      zero(xsave + XSAVE_ST, 128))) &&
	       (!(bv & 2) || zero(xsave + XSAVE_SSE, 256)) &&
	       (!(bv & 4) || zero(xsave + XSAVE_YMM_HIGH, 256));
}

/* ------------------------------------------------------------------ caller to service */

static void to_service(const char *service)
{
	static struct full in, out;
	const struct full *seen;
	unsigned int i, kept = 0;

	caller_state(&in, OP_RECORD, PATTERN + RSI);
	enter_full(&in, &out, slot + XO_GATE_ENTRY);
	while (out.r[RDX] == XO_GATE_INTR)
		out.r[RDX] = gate_resume(slot).status;
	check(out.r[RDX] == XO_GATE_OK, "%s: records its registers: status %lu", service,
	      out.r[RDX]);
	seen = target_buffer(&target);
	for (i = 0; i < 16; i++) {
		/* the arguments: RSI RDX RCX R8 R9 */
		bool argument = i == RSI || i == RDX || i == RCX || i == R8 || i == R9;

		kept += !argument && seen->r[i] == PATTERN + i;
		if (argument && seen->r[i] != PATTERN + i)
			printf("  argument in register %u is %#lx\n", i, seen->r[i]);
	}
	check(!kept, "%s sees %u of the caller's general registers", service, kept);
	check(seen->r[RSP] > (uint64_t)target.base &&
		      seen->r[RSP] < (uint64_t)target.base + XO_GATE_BUFFER,
	      "%s has the slot's stack: %#lx", service, seen->r[RSP]);
	check(!(seen->flags & 0x40400), "%s: neither AC nor DF: flags %#lx", service, seen->flags);
	check(!seen->fs && !seen->gs, "%s: FS base %#lx, GS base %#lx", service, seen->fs,
	      seen->gs);
	check(seen->mxcsr == 0x1f80 && seen->fcw == 0x37f, "%s: MXCSR %#x, x87 control %#x",
	      service, seen->mxcsr, seen->fcw);
	check(vector_is_initial(seen->xsave) && !count_words(seen->xsave, XSAVE_SIZE, PATTERN),
	      "%s: vector state is the initial one", service);
}

/* ------------------------------------------------------------------ service to caller */

static unsigned int foreign(const struct full *f)
{
	return count_words(f->r, sizeof(f->r), service_pattern[0]);
}

static unsigned int foreign_vector(const struct full *f)
{
	return count_words(f->xsave, XSAVE_SIZE, service_pattern[0]);
}

/* What the C ABI promises a caller, and all that could be the service's own. */
static unsigned int harm(const struct full *in, const struct full *out, bool vector)
{
	unsigned int bad = 0;

	bad |= in->r[RBX] != out->r[RBX] || in->r[RBP] != out->r[RBP] ||
	       in->r[R12] != out->r[R12] || in->r[R13] != out->r[R13] ||
	       in->r[R14] != out->r[R14] || in->r[R15] != out->r[R15];
	bad |= foreign(out) ? 2 : 0;
	bad |= vector && foreign_vector(out) ? 4 : 0;
	bad |= out->mxcsr != MXCSR_OURS || out->fcw != FCW_OURS ? 8 : 0;
	bad |= out->fs != enter_back_fs || out->gs ? 16 : 0;
	bad |= out->flags & 0x40500 ? 32 : 0;
	return bad;
}

static void to_caller(const char *service, bool vector)
{
	static struct full in, out;
	unsigned int bad;

	asm volatile("rdfsbase %0" : "=r"(enter_back_fs));
	caller_state(&in, OP_DIRTY, 0);
	enter_full(&in, &out, slot + XO_GATE_ENTRY);
	bad = harm(&in, &out, vector);
	while (out.r[RDX] == XO_GATE_INTR) {
		enter_full(&in, &out, slot + XO_GATE_RESUME);
		bad |= harm(&in, &out, vector);
	}
	check(out.r[RDX] == XO_GATE_OK && out.r[RAX] == RESULT_DIRTY,
	      "%s: leaves something in every register: status %lu, result %#lx", service,
	      out.r[RDX], out.r[RAX]);
	check(!bad,
	      "%s: the caller finds none of it (1 callee-saved, 2 general, 4 vector, 8 MXCSR and "
	      "x87, 16 bases, 32 flags: %u)",
	      service, bad);
}

/* Dirty all the time, and interrupted: both ways at each interruption. */
static void interrupted(const char *service)
{
	static struct full in, out;
	unsigned int bad = 0, times = 0, calls = 0, lost = 0;

	asm volatile("rdfsbase %0" : "=r"(enter_back_fs));
	for (calls = 0; calls < 400 && times < 40; calls++) {
		caller_state(&in, OP_HOLD, 200000);
		enter_full(&in, &out, slot + XO_GATE_ENTRY);
		bad |= harm(&in, &out, true);
		while (out.r[RDX] == XO_GATE_INTR) {
			times++;
			enter_full(&in, &out, slot + XO_GATE_RESUME);
			bad |= harm(&in, &out, true);
		}
		if (out.r[RDX] != XO_GATE_OK || out.r[RAX])
			lost |= 0x80000000 | (uint32_t)out.r[RDX] << 16 | (uint32_t)out.r[RAX];
	}
	check(times >= 10 && !bad, "%s: %u calls interrupted %u times, nothing crossed (%u)",
	      service, calls, times, bad);
	check(!lost, "%s: it lost nothing itself (%#x)", service, lost);
}

static void with_service(const char *service, bool vector)
{
	target_open(&target, service, 2, true);
	slot = window(&target, 0);
	to_service(service);
	to_caller(service, vector);
	if (vector)
		interrupted(service);
	target_close(&target);
}

int attack_state(int argc, char **argv)
{
	with_service("attack", true);
	/* One that declares general registers only: what it puts into others is lost, by its own
	 * doing, so only the caller's state is looked for. */
	with_service("attack-gpr", false);
	skipped("PKRU", "the emulated Haswell has no protection keys");
	skipped("AVX-512", "the emulated Haswell has none");
	return end_status();
}
