/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A slot's window in a process, for test_runtime.c and test_gate_call.c: the runtimes as they are,
 * at their address, a service that tells what reached it, and a way to enter and leave. All
 * contexts are one. Included once by a program, after nothing.
 */
#ifndef XO_TEST_WINDOW_H
#define XO_TEST_WINDOW_H

#include "gate_blob.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <cmocka.h>
#include <crossover/gate.h>

enum { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15 };

/* Everything that may cross. Offsets are known to the assembly below. */
struct cpu {
	uint64_t reg[16]; /* 0x00 */
	uint64_t flags;	  /* 0x80 */
	uint64_t fs, gs;  /* 0x88 */
	uint32_t mxcsr;	  /* 0x98 */
	uint16_t fcw;	  /* 0x9c */
	uint16_t fsw;	  /* 0x9e */
	uint64_t xmm[2];  /* 0xa0, of xmm7 */
	uint64_t seventh; /* 0xb0: 8(%rsp) */
	uint64_t ran;	  /* 0xb8 */
};

_Alignas(16) struct cpu runtime_in, runtime_out, service_in, service_out;
uint64_t runtime_entry, home_rsp, home_fs, home_gs;
uint32_t home_mxcsr;
void runtime_enter(void), runtime_left(void), service(void), resumed(void), returns_42(void);

/* clang-format off */
#define REGS(MOVE, at)							\
	MOVE(rcx, at, 0x08) MOVE(rdx, at, 0x10) MOVE(rbx, at, 0x18)	\
	MOVE(rbp, at, 0x28) MOVE(rsi, at, 0x30) MOVE(rdi, at, 0x38)	\
	MOVE(r8, at, 0x40) MOVE(r9, at, 0x48) MOVE(r10, at, 0x50)	\
	MOVE(r11, at, 0x58) MOVE(r12, at, 0x60) MOVE(r13, at, 0x68)	\
	MOVE(r14, at, 0x70) MOVE(r15, at, 0x78) MOVE(rax, at, 0x00)
#define LOAD_REG(reg, from, offset) "mov " #from "+" #offset "(%rip), %" #reg ";"
#define STORE_REG(reg, to, offset)  "mov %" #reg ", " #to "+" #offset "(%rip);"

#define LOAD(from)							\
	"mov " #from "+0x88(%rip), %rax; wrfsbase %rax;"		\
	"mov " #from "+0x90(%rip), %rax; wrgsbase %rax;"		\
	"fldcw " #from "+0x9c(%rip); ldmxcsr " #from "+0x98(%rip);"	\
	"movdqu " #from "+0xa0(%rip), %xmm7;"				\
	"push " #from "+0x80(%rip); popf;"				\
	REGS(LOAD_REG, from)

#define STORE(to)							\
	REGS(STORE_REG, to)						\
	"mov %rsp, " #to "+0x20(%rip);"					\
	"rdfsbase %rax; mov %rax, " #to "+0x88(%rip);"			\
	"rdgsbase %rax; mov %rax, " #to "+0x90(%rip);"			\
	"stmxcsr " #to "+0x98(%rip); fnstcw " #to "+0x9c(%rip);"	\
	"fnstsw " #to "+0x9e(%rip); movdqu %xmm7, " #to "+0xa0(%rip);"	\
	"incq " #to "+0xb8(%rip);"

/* home: what gate_restart to gate_svc leave to the runtime, and what gate_home restores */
asm(".text\n"
    "runtime_enter: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;"
    "mov %rsp, home_rsp(%rip);"
    "rdfsbase %rax; mov %rax, home_fs(%rip); rdgsbase %rax; mov %rax, home_gs(%rip);"
    "stmxcsr home_mxcsr(%rip);"
    LOAD(runtime_in)
    "jmp *runtime_entry(%rip)\n"
    "runtime_left: "
    STORE(runtime_out)
    "mov home_rsp(%rip), %rsp; pushf; pop %rax; mov %rax, runtime_out+0x80(%rip);"
    "push $0x202; popf; mov home_fs(%rip), %rax; wrfsbase %rax;"
    "mov home_gs(%rip), %rax; wrgsbase %rax; fninit; ldmxcsr home_mxcsr(%rip);"
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"

    /* a service that keeps the ABI, and no secret */
    "service: "
    STORE(service_in)
    "pushf; pop %rax; mov %rax, service_in+0x80(%rip);"
    "mov 8(%rsp), %rax; mov %rax, service_in+0xb0(%rip);"
    "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;"
    LOAD(service_out)
    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n"

    /* where an interrupted service goes on */
    "resumed: "
    STORE(service_in)
    "pushf; pop %rax; mov %rax, service_in+0x80(%rip); jmp runtime_left\n"
    "returns_42: mov $42, %eax; ret\n");
/* clang-format on */

#define SECRET	0x5ec2e75ec2e70000
#define DF	0x400
#define AC	0x40000
#define WINDOW	((unsigned char *)XO_GATE_BASE)
#define SSA(at) (*(uint64_t *)(WINDOW + XO_GATE_SSA + (at)))

static int variant; /* 0 general registers, 1 vector */

static inline void page(size_t at, size_t size)
{
	void *want = WINDOW + at;

	assert_ptr_equal(mmap(want, size, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
			 want);
}

static void text(size_t at, const unsigned char *bytes)
{
	page(at, 4096);
	memcpy(WINDOW + at, bytes, 4096);
	assert_int_equal(mprotect(WINDOW + at, 4096, PROT_READ | PROT_EXEC), 0);
}

/* jmp *at(%rip) where gate_leave is; the address is aligned, as AC may be set */
static void leave_text(void)
{
	unsigned char bytes[4096];
	void (*to)(void) = runtime_left;
	int32_t distance = -(XO_L_gate_leave + 6) & 7;

	memset(bytes, 0xcc, sizeof(bytes));
	bytes[XO_L_gate_leave] = 0xff;
	bytes[XO_L_gate_leave + 1] = 0x25;
	memcpy(bytes + XO_L_gate_leave + 2, &distance, sizeof(distance));
	memcpy(bytes + XO_L_gate_leave + 6 + distance, &to, sizeof(to));
	text(XO_GATE_TEXT, bytes);
}

static void visit(void)
{
	void (*entry)(void) = service;

	page(XO_GATE_CONST, 4096);
	memcpy(WINDOW + XO_GATE_CONST + XO_VISIT_ENTRY, &entry, sizeof(entry));
	*(uint16_t *)(WINDOW + XO_GATE_CONST + XO_VISIT_XINIT) = 0x37f;
	*(uint32_t *)(WINDOW + XO_GATE_CONST + XO_VISIT_XINIT + 24) = 0x1f80;
}

static int window(void **state)
{
	variant = (int)(intptr_t)*state;
	leave_text();
	visit();
	text(XO_GATE_RT, variant ? xo_rt_vector : xo_rt_gpr);
	page(XO_GATE_SSA, 4096);
	page(XO_GATE_XSAVE, 4096);
	page(XO_GATE_STACK_TOP - XO_GATE_STACK_PAGES * 4096, XO_GATE_STACK_PAGES * 4096);
	runtime_entry = XO_GATE_BASE + XO_GATE_RT + xo_rt_labels[variant].enter;
	memset(&runtime_out, 0, sizeof(runtime_out));
	memset(&service_in, 0, sizeof(service_in));
	return 0;
}

static void fill(struct cpu *c, uint64_t base)
{
	memset(c, 0, sizeof(*c));
	for (int i = 0; i < 16; i++)
		c->reg[i] = base + i;
	c->flags = 0x202;
	c->fs = base & 0x7fffffff000;
	c->gs = c->fs + 0x1000;
	c->mxcsr = 0x3f80; /* round down */
	c->fcw = 0x27f;	   /* double precision */
	c->xmm[0] = c->xmm[1] = base;
}

/* As the host saves a service that was interrupted. */
static void interrupted(const struct cpu *c)
{
	unsigned char *xsave = WINDOW + XO_GATE_XSAVE;

	for (int i = 0; i < 16; i++)
		SSA(XO_SSA_REGS + i * 8) = c->reg[i];
	SSA(XO_SSA_REGS + RSP * 8) = XO_GATE_BASE + XO_GATE_STACK_TOP - 256;
	SSA(XO_SSA_RIP) = (uint64_t)resumed;
	SSA(XO_SSA_RFLAGS) = c->flags;
	SSA(XO_SSA_FS) = c->fs;
	SSA(XO_SSA_GS) = c->gs;
	SSA(XO_SSA_VALID) = 1;
	SSA(XO_SSA_BUSY) = XO_GATE_BASE + XO_GATE_STACK_TOP - 8;
	memcpy(xsave, &c->fcw, 2);
	memcpy(xsave + 24, &c->mxcsr, 4);
	memcpy(xsave + 160 + 7 * 16, c->xmm, 16);
	*(uint64_t *)(xsave + 512) = 3; /* x87 and SSE are there */
}

/* skip(), with the reason, where the kernel lets no program set FS base */
static inline void need_fsgsbase(void)
{
	if (getauxval(AT_HWCAP2) & 2)
		return;
	print_message("this machine's kernel lets no program set FS base\n");
	skip();
}

#define BOTH(test)                                                      \
	{ #test ", general registers", test, window, NULL, (void *)0 }, \
	{                                                               \
#test ", vector", test, window, NULL, (void *)1         \
	}

#endif
