// SPDX-License-Identifier: GPL-2.0
// Nothing of a caller but its arguments must ever reach a service, and nothing of the service but
// its result the caller; two calls must never run in one slot. The runtimes run here as they are,
// in ring 3 at the address of a slot's window; only gate_leave is another: it leads back to the
// test.
#include "test/unit/window.h"

#include <signal.h>

static bool for_signal; /* a handler will run, as libc wants it */

/* As behind VMFUNC 2. */
static void enter(uint64_t op)
{
	need_fsgsbase();
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
	/* Not from the heap: a test that is skipped does not come back to free it. */
	static char memory[65536];
	stack_t stack = { .ss_size = sizeof(memory), .ss_sp = memory },
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
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
