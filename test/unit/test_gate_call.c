// SPDX-License-Identifier: GPL-2.0
// A call must never come back with another result, another status or other state of the caller than
// the C ABI and the slot promise. Gate text runs here as it is, but for a NOP in place of each
// VMFUNC: with all contexts in one it is a function like any. The slot's constant is then the first
// word of the visit, and the list is armed with that.
#include "test/unit/window.h"

#define HOME_EPTP 0x123456789000

typedef unsigned __int128 answer; /* RAX, RDX */
typedef answer (*gate)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

/* A service that leaves by the gate itself, with whatever status a register can hold. */
#define STRING_(x) #x
#define STRING(x)  STRING_(x)
void says_all_ones(void);
asm(".text\nsays_all_ones: mov $-1, %rsi; mov $-1, %rdx;"
    "movabs $" STRING(XO_GATE_BASE) "+" STRING(XO_L_gate_leave) ", %rax; jmp *%rax\n");

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
	assert_int_equal(saved(XO_SAVE_FS), 0); /* free */
	assert_int_equal(saved(XO_SAVE_CALLS), 1);
	/* the list as the next call must find it */
	assert_int_equal(*(uint64_t *)(WINDOW + XO_GATE_LIST + XO_LIST_HOME), HOME_EPTP);
	assert_int_equal(*(uint64_t *)(WINDOW + XO_GATE_LIST + XO_LIST_SVC), 0);
}

static void a_taken_slot_is_left_alone(void **state)
{
	need_fsgsbase();
	gate_window();
	*(uint64_t *)(WINDOW + XO_GATE_SAVE + XO_SAVE_FS) = 1;
	assert_true(call(XO_GATE_ENTRY) >> 64 == XO_GATE_TAKEN);
	assert_int_equal(saved(XO_SAVE_FS), 1);
	assert_int_equal(service_in.ran, 0);
	assert_int_equal(saved(XO_SAVE_RSP), 0);
}

static void a_refused_call_keeps_the_slot_for_the_library(void **state)
{
	need_fsgsbase();
	gate_window();
	SSA(XO_SSA_BUSY) = XO_GATE_BASE;
	assert_true(call(XO_GATE_ENTRY) == (answer)XO_GATE_BUSY << 64);
	assert_int_equal(saved(XO_SAVE_FS), (uintptr_t)__builtin_thread_pointer());
}

/* What a service can say at the most, it has 32 bits for: the slot is never given up by it. */
static void a_service_cannot_say_that_the_slot_is_anothers(void **state)
{
	need_fsgsbase();
	gate_window();
	fill(&service_out, ~0ULL);
	*(uint64_t *)(WINDOW + XO_GATE_CONST + XO_VISIT_ENTRY) = (uint64_t)says_all_ones;
	assert_true(call(XO_GATE_ENTRY) >> 64 == (uint32_t)XO_GATE_TAKEN);
	assert_int_equal(saved(XO_SAVE_FS), (uintptr_t)__builtin_thread_pointer());
}

static void a_closed_slot_turns_calls_back(void **state)
{
	need_fsgsbase();
	gate_window();
	*(uint64_t *)(WINDOW + XO_GATE_CONST + XO_VISIT_ENTRY) =
		XO_GATE_BASE + XO_GATE_RT + xo_rt_labels[variant].closed;
	assert_true(call(XO_GATE_ENTRY) == (answer)XO_GATE_REVOKED << 64);
	assert_int_equal(service_in.ran, 0);
	assert_int_equal(SSA(XO_SSA_BUSY), 0);
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
	*(uint64_t *)(WINDOW + XO_GATE_SAVE + XO_SAVE_FS) = (uintptr_t)__builtin_thread_pointer();
	assert_true(call(XO_GATE_RESUME) == 42);
	assert_int_equal(SSA(XO_SSA_BUSY), 0);
	assert_int_equal(SSA(XO_SSA_VALID), 0);
	assert_int_equal(saved(XO_SAVE_FS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_call_returns_the_result_and_the_callers_state),
		BOTH(a_taken_slot_is_left_alone),
		BOTH(a_refused_call_keeps_the_slot_for_the_library),
		BOTH(a_service_cannot_say_that_the_slot_is_anothers),
		BOTH(a_closed_slot_turns_calls_back),
		BOTH(a_resumed_call_returns_like_any),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
