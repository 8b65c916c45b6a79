/* SPDX-License-Identifier: GPL-2.0 */
/*
 * xo_attack: hostile callers, and the services that they call (docs/attacks.md).
 *
 *   engine.c	all that it asks of libcrossover	service.c, service_entry.S  what runs away
 *   enter.S	leaving C with every register chosen	serve.c	   the owner, in the other VM
 *   try.c	one try: what came of it, and sums	host.c	   what the host does to its VM
 *   the others: one hazard each
 *
 * A try ends in one of few ways, each counted; a way that nobody foresaw fails the test.
 */
#ifndef XO_ATTACK_H
#define XO_ATTACK_H

/* Offsets that assembly knows; try.c and service.c assert them. */
#define REGS_FLAGS   128
#define REGS_RIP     136
#define FULL_MXCSR   152 /* behind regs and bases */
#define FULL_FCW     156
#define FULL_XSAVE   192
#define XSAVE_SIZE   1024
#define XSAVE_MASK   0xe7

/* First argument of the attack services. */
#define OP_SUM	     1 /* (a, b): a * 2 + b + 1 */
#define OP_SPIN	     2 /* (a, n): n steps of a generator from a */
#define OP_RECORD    3 /* all registers at the entry, to the buffer (struct full) */
#define OP_DIRTY     4 /* returns with something of its own in every register */
#define OP_VMFUNC    5 /* (leaf, index): executes it */
#define OP_JUMP	     6 /* registers, flags, RIP of the buffer; RIP and RSP (0: keep) from its window */
#define OP_READ	     7 /* (address) */
#define OP_WRITE     8 /* (address, value) */
#define OP_FOREVER   9
#define OP_WHO	     10 /* struct xo_visit to the buffer */
#define OP_DO	     11 /* (enum attack_deed) */
#define OP_HOLD	     12 /* (n): dirty registers, n steps, all of them still there? */
#define OP_ADD	     13 /* (a): adds to a word of the service's own; returns its old value */
#define OP_PAGES     14 /* (): sum over the service's table, which its owner keeps */
#define OP_SSA	     15 /* (busy, valid, rip): writes its own slot's save area, then returns */

#define RESULT_DIRTY 0x600d0000

#ifndef __ASSEMBLER__
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <crossover/gate.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

struct regs {
	uint64_t r[16];
	uint64_t flags;
	uint64_t rip;
};

struct full {
	uint64_t r[16];
	uint64_t flags;
	uint64_t fs, gs;
	uint32_t mxcsr;
	uint16_t fcw, pad;
	uint64_t pad2[4];
	uint8_t xsave[XSAVE_SIZE];
} __attribute__((aligned(64)));

/* Things that no service may do. */
enum attack_deed {
	DEED_SYSCALL,
	DEED_SYSENTER,
	DEED_INT80,
	DEED_CPUID,
	DEED_VMCALL,
	DEED_HLT,
	DEED_UD2,
	DEED_INT3,
	DEED_DIVIDE,
	DEED_PORT,
	DEED_CR3,
	DEED_LIDT,
	DEED_SINGLE_STEP,
	DEED_ALIGNMENT,
	DEED_WRITE_TEXT,
	DEED_RUN_DATA,
	DEED_RUN_STACK,
	DEED_RECURSE,
	DEED_NONCANONICAL,
	DEED_COMPAT, /* far jump to 32-bit code */
	DEEDS
};

/* ------------------------------------------------------------------ engine.c */

struct target {
	struct xo *x;
	struct xo_conn *conn;
	uint8_t *base; /* of the connection's region; NULL: engine exit */
	unsigned int slots;
};

/* 0 or a negative errno; then too it is to be closed. */
int target_try(struct target *t, const char *service, unsigned int slots);
/* The same, but ends the program with a sentence: also if `want_vmfunc` and the link uses another.
 */
void target_open(struct target *t, const char *service, unsigned int slots, bool want_vmfunc);
void target_close(struct target *t);
/* 0 or a negative errno. */
int target_call(struct target *t, uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t *value);
/* The same, given up after so many milliseconds. */
int target_call_for(struct target *t, uint64_t op, uint64_t a, uint64_t b, uint64_t *value,
		    unsigned int ms);
/* The last call that ended badly: XO_GATE_FAULT_*, 0 if none. */
unsigned int target_fault(struct target *t, uint64_t *rip);
void *target_buffer(struct target *t);
/* Forgets what is in a slot, for those who used it without the library. */
void target_reset(struct target *t, unsigned int slot);
/* "vmfunc" or "exit": the next call's. */
const char *target_engine(struct target *t);

static inline uint8_t *window(const struct target *t, unsigned int slot)
{
	return t->base + slot * XO_GATE_SLOT_SIZE;
}

/* A call of the gate itself, of a slot that the library does not use meanwhile: RAX and RDX. */
struct answer {
	uint64_t value, status;
};
struct answer gate_call(uint8_t *window, uint64_t op, uint64_t a, uint64_t b, uint64_t c);
struct answer gate_resume(uint8_t *window);
/* To the end, however often it is interrupted. */
struct answer gate_call_through(uint8_t *window, uint64_t op, uint64_t a, uint64_t b, uint64_t c);

/* ------------------------------------------------------------------ try.c */

struct
try {
	int signal;	 /* 0: came back through gate_home */
	struct regs out; /* as it came back or was signalled */
};

void try_init(void);
/* Frame for the way back by gate_home; for the save page's RSP. */
uint64_t try_frame(void);
void try_run(const struct regs *in, struct try *out);

struct tally {
	const char *name;
	uint64_t tries, returned[9], signalled[32], timeouts, leaks, wrong;
};

/* `in`: what it was sent off with, which is no leak. */
void tally_add(struct tally *t, const struct regs *in, const struct try *try);
/* One line; false if the sum of the ways is not the number of tries, or something was wrong. */
bool tally_print(const struct tally *t);

/* Would a value be a host's EPTP? 4 levels, write-back, below 2^46. */
bool looks_like_eptp(uint64_t v, const uint64_t given[16]);

/* A debug register of this thread: HW_BREAKPOINT_*, until the descriptor is closed. -1: errno. */
int breakpoint(uint32_t type, uint64_t address);

/* Numbers that can be had again. */
uint64_t seeded(void);
void seed_set(uint64_t seed);

/* Says what the test `what` found wrong, and ends it. */
void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));
/* The features of this processor do not suffice: a line that is counted as skipped. */
void skipped(const char *what, const char *why);
/* ok: "right: ..." else the test will fail, and goes on. */
void check(bool ok, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int end_status(void);

uint64_t spin(uint64_t a, uint64_t n);

/* ------------------------------------------------------------------ enter.S */

void enter(const struct regs *in);
void enter_landed(void);  /* gate_home's RET comes here */
void enter_recover(void); /* a signal handler goes here */
extern uint64_t enter_back_fs;
extern uint64_t enter_base; /* of FS and GS in the next try; 0: as they are */
/* Calls `entry` with all registers as in `in`; what they are then is in `out`. */
void enter_full(const struct full *in, struct full *out, const void *entry);

/* ------------------------------------------------------------------ state.c */

#define PATTERN 0xca11e2ca11e2ca11UL
/* All that enter_full() loads, full of it. */
void state_fill(struct full *in);
/* Where x87, SSE and AVX are in an XSAVE image. */
#define XSAVE_ST       32
#define XSAVE_SSE      160
#define XSAVE_BV       512
#define XSAVE_YMM_HIGH 576

/* ------------------------------------------------------------------ the tests */

int attack_leaf(int argc, char **argv);
int attack_bytes(int argc, char **argv);
int attack_ticks(int argc, char **argv);
int attack_poison(int argc, char **argv);
void leaf_vmfunc(void); /* leaf.c: the bare instruction */
int attack_service_leaves(int argc, char **argv);
int attack_deeds(int argc, char **argv);
int attack_state(int argc, char **argv);
int attack_second(int argc, char **argv);
int attack_scribble(int argc, char **argv);
int attack_scribble_window(int argc, char **argv);
int attack_wid(int argc, char **argv);
int attack_caller(int argc, char **argv);
int attack_plain(int argc, char **argv);
int attack_generation(int argc, char **argv);
int attack_pages(int argc, char **argv);
int attack_ring0(int argc, char **argv);
int attack_cr3(int argc, char **argv);
int attack_foreign(int argc, char **argv);
int attack_serve(int argc, char **argv);
int attack_visits(int argc, char **argv);
int attack_kgate(int argc, char **argv);
int attack_kgate_unlinked(int argc, char **argv);
#endif
#endif
