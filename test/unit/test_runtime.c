// SPDX-License-Identifier: GPL-2.0
// Nothing of a caller but its arguments must ever reach a service, and nothing of the service but
// its result the caller; two calls must never run in one slot. The runtimes run here as they are,
// in ring 3 at the address of a slot's window; only gate_leave is another: it leads back to the
// test.
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
#define LOAD(from)							\
	"mov " #from "+0x88(%rip), %rax; wrfsbase %rax;"		\
	"mov " #from "+0x90(%rip), %rax; wrgsbase %rax;"		\
	"fldcw " #from "+0x9c(%rip); ldmxcsr " #from "+0x98(%rip);"	\
	"movdqu " #from "+0xa0(%rip), %xmm7;"				\
	"push " #from "+0x80(%rip); popf;"				\
	"mov " #from "+0x08(%rip), %rcx; mov " #from "+0x10(%rip), %rdx;" \
	"mov " #from "+0x18(%rip), %rbx; mov " #from "+0x28(%rip), %rbp;" \
	"mov " #from "+0x30(%rip), %rsi; mov " #from "+0x38(%rip), %rdi;" \
	"mov " #from "+0x40(%rip), %r8; mov " #from "+0x48(%rip), %r9;"	\
	"mov " #from "+0x50(%rip), %r10; mov " #from "+0x58(%rip), %r11;" \
	"mov " #from "+0x60(%rip), %r12; mov " #from "+0x68(%rip), %r13;" \
	"mov " #from "+0x70(%rip), %r14; mov " #from "+0x78(%rip), %r15;" \
	"mov " #from "+0x00(%rip), %rax;"

#define STORE(to)							\
	"mov %rax, " #to "+0x00(%rip); mov %rcx, " #to "+0x08(%rip);"	\
	"mov %rdx, " #to "+0x10(%rip); mov %rbx, " #to "+0x18(%rip);"	\
	"mov %rsp, " #to "+0x20(%rip); mov %rbp, " #to "+0x28(%rip);"	\
	"mov %rsi, " #to "+0x30(%rip); mov %rdi, " #to "+0x38(%rip);"	\
	"mov %r8, " #to "+0x40(%rip); mov %r9, " #to "+0x48(%rip);"	\
	"mov %r10, " #to "+0x50(%rip); mov %r11, " #to "+0x58(%rip);"	\
	"mov %r12, " #to "+0x60(%rip); mov %r13, " #to "+0x68(%rip);"	\
	"mov %r14, " #to "+0x70(%rip); mov %r15, " #to "+0x78(%rip);"	\
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

static void page(size_t at, size_t size)
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
	if (!(getauxval(AT_HWCAP2) & 2)) /* HWCAP2_FSGSBASE */
		return 0;
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

/* As behind VMFUNC 2. */
static bool for_signal; /* a handler will run, as libc wants it */

static void enter(uint64_t op)
{
	if (!(getauxval(AT_HWCAP2) & 2)) {
		print_message("this machine's kernel lets no program set FS base\n");
		skip();
	}
	fill(&runtime_in, SECRET);
	runtime_in.reg[RAX] = 0;
	runtime_in.reg[RCX] = 2;
	runtime_in.reg[RBX] = op;
	runtime_in.flags |= DF | AC;
	if (for_signal) {
		runtime_in.flags = 0x202;
		asm volatile("rdfsbase %0" : "=r"(runtime_in.fs));
	}
	runtime_enter();
	assert_int_equal(runtime_out.ran, 1);
}

static void only_arguments_reach_the_service(void **state)
{
	fill(&service_out, 7);
	enter(0);
	assert_int_equal(service_in.ran, 1);
	assert_int_equal(service_in.reg[RDI], SECRET + RDI);
	assert_int_equal(service_in.reg[RSI], SECRET + RSI);
	assert_int_equal(service_in.reg[RDX], SECRET + RDX);
	assert_int_equal(service_in.reg[RCX], SECRET + R10);
	assert_int_equal(service_in.reg[R10], SECRET + R10);
	assert_int_equal(service_in.reg[R8], SECRET + R8);
	assert_int_equal(service_in.reg[R9], SECRET + R9);
	assert_int_equal(service_in.reg[RAX], XO_GATE_XSTATE);
	assert_int_equal(service_in.reg[R11], XO_GATE_BASE + XO_GATE_CONST + XO_VISIT_PUBLIC);
	for (int i = R12; i <= R15; i++)
		assert_int_equal(service_in.reg[i], 0);
	assert_int_equal(service_in.reg[RBX] | service_in.reg[RBP], 0);
	assert_int_equal(service_in.fs | service_in.gs, 0);
	assert_int_equal(service_in.flags & (DF | AC), 0);
	assert_int_equal(service_in.mxcsr, 0x1f80);
	assert_int_equal(service_in.fcw, 0x37f);
	assert_int_equal(service_in.xmm[0] | service_in.xmm[1], 0);
}

static void service_is_called_as_a_function_of_seven(void **state)
{
	fill(&service_out, 7);
	enter(0);
	assert_int_equal(service_in.seventh, XO_GATE_BASE + XO_GATE_CONST + XO_VISIT_PUBLIC);
	assert_int_equal(service_in.reg[RSP] % 16, 8);
	assert_in_range(service_in.reg[RSP], XO_GATE_BASE + XO_GATE_STACK_TOP - 64,
			XO_GATE_BASE + XO_GATE_STACK_TOP - 8);
}

static void only_the_result_leaves_the_service(void **state)
{
	fill(&service_out, SECRET);
	enter(0);
	assert_int_equal(runtime_out.reg[RDX], SECRET + RAX);
	assert_int_equal(runtime_out.reg[RSI], XO_GATE_OK);
	assert_int_equal(runtime_out.reg[RDI], 0);
	for (int i = R8; i <= R15; i++)
		assert_int_equal(runtime_out.reg[i], 0);
	assert_int_equal(runtime_out.reg[RBX] | runtime_out.reg[RBP], 0);
	assert_int_equal(SSA(XO_SSA_BUSY), 0);
	if (variant) {
		assert_int_equal(runtime_out.xmm[0] | runtime_out.xmm[1], 0);
		assert_int_equal(runtime_out.mxcsr, 0x1f80);
		assert_int_equal(runtime_out.fcw, 0x37f);
	}
}

static void a_second_call_finds_the_slot_busy(void **state)
{
	SSA(XO_SSA_BUSY) = XO_GATE_BASE;
	enter(0);
	assert_int_equal(runtime_out.reg[RSI], XO_GATE_BUSY);
	assert_int_equal(runtime_out.reg[RDX], 0);
	assert_int_equal(service_in.ran, 0);
	assert_int_equal(SSA(XO_SSA_BUSY), XO_GATE_BASE);
}

/* What BUSY holds while a call runs, as any EBX that a caller could choose to match it. */
static void no_op_takes_a_slot_that_is_busy(void **state)
{
	uint64_t busy = XO_GATE_BASE + XO_GATE_STACK_TOP - 8;
	uint64_t op[] = { 1, 2, busy, (uint32_t)busy, busy << 32 | 1, ~0ULL };

	for (size_t i = 0; i < sizeof(op) / sizeof(op[0]); i++) {
		runtime_out.ran = 0;
		SSA(XO_SSA_BUSY) = busy;
		enter(op[i]);
		assert_int_equal(runtime_out.reg[RSI], XO_GATE_NORES);
		assert_int_equal(service_in.ran, 0);
		assert_int_equal(SSA(XO_SSA_BUSY), busy);
		assert_int_equal(SSA(XO_SSA_VALID), 0);
	}
}

static void a_free_slot_has_nothing_to_resume(void **state)
{
	enter(1);
	assert_int_equal(runtime_out.reg[RSI], XO_GATE_NORES);
	assert_int_equal(service_in.ran, 0);
	assert_int_equal(SSA(XO_SSA_BUSY), 0);
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

static void resume_restores_every_register(void **state)
{
	struct cpu c;

	fill(&c, 0x1122334455660000);
	c.flags = 0x202 | DF | 0x8d5; /* and all arithmetic flags */
	interrupted(&c);
	enter(1);
	assert_int_equal(service_in.ran, 1);
	for (int i = 0; i < 16; i++)
		if (i != RSP)
			assert_int_equal(service_in.reg[i], c.reg[i]);
	assert_int_equal(service_in.reg[RSP], XO_GATE_BASE + XO_GATE_STACK_TOP - 256);
	assert_int_equal(service_in.flags & DF, DF);
	assert_int_equal(service_in.fs, c.fs);
	assert_int_equal(service_in.gs, c.gs);
	assert_int_equal(service_in.mxcsr, variant ? c.mxcsr : 0x1f80);
	assert_int_equal(service_in.fcw, variant ? c.fcw : 0x37f);
	assert_int_equal(service_in.xmm[0], variant ? c.xmm[0] : 0);
	assert_int_equal(SSA(XO_SSA_VALID), 0);
	assert_true(SSA(XO_SSA_BUSY));
}

static void a_call_is_resumed_once(void **state)
{
	struct cpu c;

	fill(&c, 1);
	interrupted(&c);
	enter(1);
	assert_int_equal(service_in.ran, 1);
	runtime_out.ran = 0;
	enter(1);
	assert_int_equal(runtime_out.reg[RSI], XO_GATE_NORES);
	assert_int_equal(service_in.ran, 1);
}

/* ------------------------------------------------------------------ the caller's IDT */

static sigjmp_buf back;
static uint64_t ill_at;

static void ill(int sig, siginfo_t *info, void *context)
{
	ill_at = (uint64_t)info->si_addr - XO_GATE_BASE - XO_GATE_RT;
	siglongjmp(back, 1);
}

/* SIDT gives what the kernel makes of it here: so it is cut out, and what it stores set instead.
 * VMCALL does what this machine's hypervisor, if any, makes of it: UD2 is in its place. */
static void with_idt_at(uint64_t base, uint64_t op)
{
	static const unsigned char sidt[3] = { 0x0f, 0x01, 0x0d };
	static const unsigned char vmcall[3] = { 0x0f, 0x01, 0xc1 };
	static const unsigned char ud2[3] = { 0x0f, 0x0b, 0x90 };
	static const unsigned char nop[7] = { 0x0f, 0x1f, 0x80, 0, 0, 0, 0 };
	unsigned char bytes[4096];
	unsigned int cut = 0;

	memcpy(bytes, variant ? xo_rt_vector : xo_rt_gpr, sizeof(bytes));
	for (size_t i = 0; i + 7 <= sizeof(bytes); i++)
		if (!memcmp(bytes + i, sidt, 3)) {
			memcpy(bytes + i, nop, 7);
			cut++;
		} else if (!memcmp(bytes + i, vmcall, 3)) {
			memcpy(bytes + i, ud2, 3);
			cut++;
		}
	assert_int_equal(cut, 4);
	text(XO_GATE_RT, bytes);
	memcpy(WINDOW + XO_GATE_SSA + XO_SSA_IDTR + 2, &base, 8);
	ill_at = 0;
	for_signal = true;
	if (!sigsetjmp(back, 1))
		enter(op);
	for_signal = false;
	asm volatile("fninit; ldmxcsr %0" ::"m"(home_mxcsr));
}

static void an_idt_in_the_lower_half_is_refused(void **state)
{
	struct sigaction act = { .sa_sigaction = ill, .sa_flags = SA_SIGINFO | SA_ONSTACK }, old;
	stack_t stack = { .ss_size = 65536, .ss_sp = malloc(65536) },
		no_stack = { .ss_flags = SS_DISABLE };
	struct cpu c;

	sigaltstack(&stack, NULL);

	sigaction(SIGILL, &act, &old);
	fill(&c, 1);
	fill(&service_out, 1);
	with_idt_at(0xfffffe0000000000, 0);
	assert_int_equal(ill_at, 0);
	assert_int_equal(service_in.ran, 1);
	interrupted(&c);
	runtime_out.ran = 0;
	with_idt_at(0xfffffe0000000000, 1);
	assert_int_equal(ill_at, 0);
	assert_int_equal(service_in.ran, 2);

	SSA(XO_SSA_BUSY) = 0;
	with_idt_at(XO_GATE_BASE + XO_GATE_BUFFER, 0);
	assert_int_equal(ill_at, xo_rt_labels[variant].bad);
	interrupted(&c);
	with_idt_at(0x00007fffffff0000, 1);
	assert_int_equal(ill_at, xo_rt_labels[variant].bad_load);
	assert_int_equal(service_in.ran, 2);
	sigaction(SIGILL, &old, NULL);
	sigaltstack(&no_stack, NULL);
	free(stack.ss_sp);
}

/* ------------------------------------------------------------------ a whole call
 *
 * With all contexts in one and a NOP for each VMFUNC, a call of gate text is a call like any. The
 * slot's constant is then the first word of the visit, and the list is armed with that. */

#define HOME_EPTP 0x123456789000

typedef unsigned __int128 answer; /* RAX, RDX */
typedef answer (*gate)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

static void gate_window(void)
{
	static const unsigned char vmfunc[3] = { 0x0f, 0x01, 0xd4 };
	static const unsigned char nop[3] = { 0x0f, 0x1f, 0x00 };
	unsigned char bytes[4096];

	memcpy(bytes, xo_gate_text, sizeof(bytes));
	for (size_t i = 0; i + 3 <= sizeof(bytes); i++)
		if (!memcmp(bytes + i, vmfunc, 3))
			memcpy(bytes + i, nop, 3);
	text(XO_GATE_TEXT, bytes);
	page(XO_GATE_LIST, 4096);
	page(XO_GATE_VCPU, 4096);
	page(XO_GATE_SAVE, 4096);
	*(uint64_t *)(WINDOW + XO_GATE_VCPU + XO_VCPU_HOME) = HOME_EPTP;
}

static answer call(uint64_t entry)
{
	return ((gate)(XO_GATE_BASE + XO_GATE_TEXT + entry))(11, 12, 13, 14, 15, 16);
}

static uint64_t saved(size_t at)
{
	return *(uint64_t *)(WINDOW + XO_GATE_SAVE + at);
}

static void need_fsgsbase(void)
{
	if (!(getauxval(AT_HWCAP2) & 2))
		skip();
}

static void a_call_returns_the_result_and_the_callers_state(void **state)
{
	uint16_t fcw = 0x27f, fcw_after;
	uint32_t mxcsr = 0x3f80, mxcsr_after, mxcsr_default = 0x1f80;
	uint64_t flags;
	answer a;

	need_fsgsbase();
	gate_window();
	fill(&service_out, SECRET); /* other FS and GS base, MXCSR, control word */
	service_out.mxcsr = 0x5f80;
	service_out.flags |= DF;
	asm volatile("fldcw %0; ldmxcsr %1" ::"m"(fcw), "m"(mxcsr));
	a = call(XO_GATE_ENTRY);
	asm volatile("pushf; pop %0; fnstcw %1; stmxcsr %2; fninit; ldmxcsr %3"
		     : "=r"(flags), "=m"(fcw_after), "=m"(mxcsr_after)
		     : "m"(mxcsr_default));
	assert_int_equal((uint64_t)a, SECRET + RAX);
	assert_int_equal((uint64_t)(a >> 64), XO_GATE_OK);
	assert_int_equal(fcw_after, fcw);
	assert_int_equal(mxcsr_after, mxcsr);
	assert_int_equal(flags & DF, 0);
	assert_int_equal(service_in.reg[RDI], 11);
	assert_int_equal(service_in.reg[RSI], 12);
	assert_int_equal(service_in.reg[RDX], 13);
	assert_int_equal(service_in.reg[RCX], 14);
	assert_int_equal(service_in.reg[R8], 15);
	assert_int_equal(service_in.reg[R9], 16);
	assert_int_equal(saved(XO_SAVE_TAKEN) & 0xff, 0);
	assert_int_equal(saved(XO_SAVE_CALLS), 1);
	/* the list as the next call must find it */
	assert_int_equal(*(uint64_t *)(WINDOW + XO_GATE_LIST + XO_LIST_HOME), HOME_EPTP);
	assert_int_equal(*(uint64_t *)(WINDOW + XO_GATE_LIST + XO_LIST_SVC), 0);
}

static void a_taken_slot_is_left_alone(void **state)
{
	need_fsgsbase();
	gate_window();
	WINDOW[XO_GATE_SAVE + XO_SAVE_TAKEN] = 1;
	assert_true(call(XO_GATE_ENTRY) == (answer)XO_GATE_TAKEN << 64);
	assert_int_equal(service_in.ran, 0);
	assert_int_equal(saved(XO_SAVE_RSP), 0);
}

static void a_refused_call_keeps_the_slot_for_the_library(void **state)
{
	need_fsgsbase();
	gate_window();
	SSA(XO_SSA_BUSY) = XO_GATE_BASE;
	assert_true(call(XO_GATE_ENTRY) == (answer)XO_GATE_BUSY << 64);
	assert_int_equal(saved(XO_SAVE_TAKEN) & 0xff, 1);
}

static void a_resumed_call_returns_like_any(void **state)
{
	uint64_t top = XO_GATE_BASE + XO_GATE_STACK_TOP;
	struct cpu c;

	need_fsgsbase();
	gate_window();
	fill(&c, SECRET);
	interrupted(&c);
	/* behind the runtime's call of the service, which is 6 bytes */
	*(uint64_t *)(top - 24) = XO_GATE_BASE + XO_GATE_RT + xo_rt_labels[variant].call + 6;
	SSA(XO_SSA_REGS + RSP * 8) = top - 24;
	SSA(XO_SSA_RIP) = (uint64_t)returns_42;
	WINDOW[XO_GATE_SAVE + XO_SAVE_TAKEN] = 1;
	assert_true(call(XO_GATE_RESUME) == 42);
	assert_int_equal(SSA(XO_SSA_BUSY), 0);
	assert_int_equal(SSA(XO_SSA_VALID), 0);
	assert_int_equal(saved(XO_SAVE_TAKEN) & 0xff, 0);
}

#define BOTH(test)                                                      \
	{ #test ", general registers", test, window, NULL, (void *)0 }, \
	{                                                               \
#test ", vector", test, window, NULL, (void *)1         \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(only_arguments_reach_the_service),
		BOTH(service_is_called_as_a_function_of_seven),
		BOTH(only_the_result_leaves_the_service),
		BOTH(a_second_call_finds_the_slot_busy),
		BOTH(no_op_takes_a_slot_that_is_busy),
		BOTH(a_free_slot_has_nothing_to_resume),
		BOTH(resume_restores_every_register),
		BOTH(a_call_is_resumed_once),
		BOTH(an_idt_in_the_lower_half_is_refused),
		BOTH(a_call_returns_the_result_and_the_callers_state),
		BOTH(a_taken_slot_is_left_alone),
		BOTH(a_refused_call_keeps_the_slot_for_the_library),
		BOTH(a_resumed_call_returns_like_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
