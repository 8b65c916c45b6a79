// SPDX-License-Identifier: GPL-2.0
// No answer of a gate, a hostile one's neither, may hang a call, leave its slot taken, touch
// somebody else's slot, or end it otherwise than crossover.h says. Gates are played by code at the
// place of theirs, the module by the wrapped ioctl() below; both write down what they are asked.
// link: lib/call.c lib/conn.c lib/handle.c lib/guest.c lib/host.c lib/names.c lib/reasons.c
// libs: -Wl,--wrap=ioctl -pthread
#include "lib/conn.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#define BASE  XO_GATE_BASE
#define SLOTS 3
#define HALF  0x7777 /* a status that the script ends with: the last one goes on for ever */

static struct xo_conn conn;
static uint64_t script[32];
static unsigned int next, made;
static volatile uint32_t slot_called;
static char told[256]; /* E0: entered slot 0, R: resumed, X: reset, A: attach, I: over exit */
static unsigned int attach_engine;
static int attach_error;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

static void tell(char what, unsigned int slot)
{
	size_t n = strlen(told);

	made++;
	if (n + 3 < sizeof(told))
		snprintf(told + n, sizeof(told) - n, what == 'A' || what == 'I' ? "%c" : "%c%u",
			 what, slot);
}

/* Whose it is: a thread's FS base; 0: free. */
static uint64_t *claim(unsigned int slot)
{
	return (uint64_t *)(uintptr_t)(BASE + slot * XO_GATE_SLOT_SIZE + XO_GATE_SAVE + XO_SAVE_FS);
}

/* As a gate leaves it: OK frees the slot, TAKEN is somebody else's, the rest is the caller's. */
static struct xo_answer answer(char what)
{
	unsigned int slot = slot_called;
	uint64_t status = script[next];

	if (script[next + 1] != HALF)
		next++;
	tell(what, slot);
	if (status != XO_GATE_TAKEN)
		*claim(slot) = status != XO_GATE_OK ? xo_this_thread() : 0;
	return (struct xo_answer){ .value = 1000 + slot, .status = status };
}

static struct xo_answer enter(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			      uint64_t a5, struct xo_conn *c)
{
	assert_true(a0 == 1 && a1 == 2 && a2 == 3 && a3 == 4 && a4 == 5 && a5 == 6);
	return answer('E');
}

static struct xo_answer resume(void)
{
	return answer('R');
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	struct xo_g_attach *attach = arg;
	struct xo_g_invoke *invoke = arg;

	switch (request) {
	case XO_G_ATTACH:
		tell('A', 0);
		if (attach_error) {
			errno = attach_error;
			return -1;
		}
		attach->engine = attach_engine;
		attach->base = BASE;
		attach->slots = SLOTS;
		return 0;
	case XO_G_SLOT_RESET:
		tell('X', *(uint32_t *)arg);
		return 0;
	case XO_G_INVOKE:
		tell('I', 0);
		assert_int_equal(invoke->op, XO_INVOKE_CALL);
		invoke->status = XO_GATE_OK;
		invoke->engine = XO_ENGINE_EXIT;
		invoke->value = 77;
		return 0;
	}
	errno = ENOTTY;
	return -1;
}

/* mov rax, &slot_called; mov dword [rax], slot; mov rax, function; jmp rax */
static void write_code(uint8_t *at, uint32_t slot, uintptr_t function)
{
	uintptr_t where = (uintptr_t)&slot_called;

	memcpy(at, "\x48\xb8", 2);
	memcpy(at + 2, &where, 8);
	memcpy(at + 10, "\xc7\x00", 2);
	memcpy(at + 12, &slot, 4);
	memcpy(at + 16, "\x48\xb8", 2);
	memcpy(at + 18, &function, 8);
	memcpy(at + 26, "\xff\xe0", 2);
}

static void write_jump(uint8_t *at, int32_t to)
{
	to -= 5;
	at[0] = 0xe9;
	memcpy(at + 1, &to, 4);
}

static int make_gates(void **state)
{
	for (uint32_t i = 0; i < SLOTS; i++) {
		uint8_t *w = (uint8_t *)(uintptr_t)(BASE + i * XO_GATE_SLOT_SIZE);

		if (mmap(w, XO_GATE_SLOT_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != w)
			return -1;
		write_jump(w + XO_GATE_RESUME, 0x100 - XO_GATE_RESUME);
		write_jump(w + XO_GATE_ENTRY, 0x200 - XO_GATE_ENTRY);
		write_code(w + 0x100, i, (uintptr_t)resume);
		write_code(w + 0x200, i, (uintptr_t)enter);
	}
	return 0;
}

static void begin(void)
{
	memset(&conn, 0, sizeof(conn));
	conn.entry = (xo_entry)(uintptr_t)(BASE + XO_GATE_ENTRY);
	conn.fd = -1;
	conn.base = BASE;
	conn.slots = conn.gate_slots = SLOTS;
	conn.mapping = XO_MAPPED;
	for (unsigned int i = 0; i < SLOTS; i++)
		*claim(i) = 0;
	next = made = 0;
	told[0] = '\0';
	attach_engine = XO_ENGINE_VMFUNC;
	attach_error = 0;
}

static int call(const struct timespec *deadline, uint64_t *v)
{
	return xo_call_deadline(&conn, 1, 2, 3, 4, 5, 6, v, deadline);
}

/* The gate answers so in turn: the call ends with `err`, having asked for `what`. */
#define ENDS(err, what, ...)                                           \
	do {                                                           \
		const uint64_t s[] = { __VA_ARGS__, HALF };            \
		uint64_t v_ = 5;                                       \
		memcpy(script, s, sizeof(s));                          \
		next = made = 0;                                       \
		told[0] = '\0';                                        \
		assert_int_equal(call(NULL, &v_), err);                \
		assert_string_equal(told, what);                       \
		assert_true((err) ? v_ == 5 : v_ == 77 || v_ >= 1000); \
		for (unsigned int i_ = 0; i_ < SLOTS; i_++)            \
			assert_int_equal(*claim(i_), 0);               \
	} while (0)

static void answers_lead_to_their_ends(void **state)
{
	begin();
	ENDS(0, "E0", XO_GATE_OK);
	ENDS(0, "E0R0R0R0", XO_GATE_INTR, XO_GATE_INTR, XO_GATE_INTR, XO_GATE_OK);
	ENDS(0, "E0E1E2", XO_GATE_TAKEN, XO_GATE_TAKEN, XO_GATE_OK);
	ENDS(-EBUSY, "E0E1E2", XO_GATE_TAKEN);
	ENDS(0, "E0E1R1", XO_GATE_TAKEN, XO_GATE_INTR, XO_GATE_OK);
	ENDS(0, "E0E0", XO_GATE_AGAIN, XO_GATE_OK);
	ENDS(0, "E0X0E0", XO_GATE_BUSY, XO_GATE_OK);
	ENDS(-EINTR, "E0R0", XO_GATE_INTR, XO_GATE_NORES);
	ENDS(0, "E0AE0", XO_GATE_REVOKED, XO_GATE_OK);
	ENDS(0, "E0R0AR0", XO_GATE_INTR, XO_GATE_REVOKED, XO_GATE_OK);
	ENDS(-EFAULT, "E0", XO_GATE_FAULT);
	ENDS(-EFAULT, "E0R0", XO_GATE_INTR, XO_GATE_FAULT);
}

static void a_fault_is_remembered(void **state)
{
	struct xo_conn_stat stat;
	struct xo_fault fault;

	begin();
	assert_int_equal(xo_conn_fault(&conn, &fault), 0);
	ENDS(-EFAULT, "E0", XO_GATE_FAULT);
	assert_int_equal(xo_conn_fault(&conn, &fault), 1);
	assert_int_equal(fault.rip, 1000);
	xo_fault_of(0x02ffff8000000001ULL, &fault);
	assert_int_equal(fault.kind, XO_GATE_FAULT_EXCEPTION);
	assert_true(fault.rip == 0xffffff8000000001ULL);
	ENDS(0, "E0R0", XO_GATE_INTR, XO_GATE_OK);
	xo_conn_stat(&conn, &stat);
	assert_int_equal(stat.faults, 1);
	assert_int_equal(stat.interrupted, 1);
	assert_int_equal(stat.engine, XO_ENGINE_VMFUNC);
}

static void another_engine_is_followed(void **state)
{
	begin();
	attach_engine = XO_ENGINE_EXIT;
	ENDS(0, "E0AI", XO_GATE_REVOKED);
	assert_true(conn.entry == xo_entry_exit);
	ENDS(0, "I", XO_GATE_OK);
	/* Half a call cannot be made anew over exit. */
	begin();
	attach_engine = XO_ENGINE_EXIT;
	ENDS(-EHOSTDOWN, "E0R0AX0", XO_GATE_INTR, XO_GATE_REVOKED);
	begin();
	attach_error = EHOSTDOWN;
	ENDS(-EHOSTDOWN, "E0A", XO_GATE_REVOKED);
}

static void nothing_goes_on_for_ever(void **state)
{
	static const uint64_t endless[] = { XO_GATE_REVOKED, XO_GATE_AGAIN, XO_GATE_BUSY };
	/* A slot that stays closed: over exit. */
	static const int ends[] = { 0, -EINTR, -EBUSY };
	struct timespec t;
	uint64_t v;

	for (size_t i = 0; i < 3; i++) {
		begin();
		script[0] = endless[i];
		script[1] = HALF;
		assert_int_equal(call(NULL, &v), ends[i]);
		assert_in_range(made, 2, 64);
		assert_true(ends[i] || v == 77);
		assert_int_equal(*claim(0), 0);
	}
	begin();
	script[0] = XO_GATE_INTR;
	script[1] = HALF;
	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += 20 * 1000 * 1000;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	assert_int_equal(call(&t, &v), -ETIMEDOUT);
	assert_int_equal(*claim(0), 0);
	begin();
	conn.timeout_ns = 1000 * 1000;
	script[0] = XO_GATE_INTR;
	script[1] = HALF;
	assert_int_equal(call(NULL, &v), -ETIMEDOUT);
}

static void strange_answers_are_errors(void **state)
{
	begin();
	for (uint64_t status = XO_GATE_AGAIN + 1; status < 0x200; status++)
		ENDS(-EPROTO, "E0X0", status);
	ENDS(-EPROTO, "E0X0", 1ULL << 32);
	/* the away side's nearest to TAKEN */
	ENDS(-EPROTO, "E0X0", (uint32_t)XO_GATE_TAKEN);
	ENDS(-EPROTO, "E0R0X0", XO_GATE_INTR, XO_GATE_BUSY);
	ENDS(-EPROTO, "E0R0X0", XO_GATE_INTR, XO_GATE_TAKEN);
}

static void only_ones_own_slots_are_given_up(void **state)
{
	begin();
	*claim(0) = xo_this_thread() + 64;
	*claim(1) = xo_this_thread();
	errno = 42;
	xo_abandon(&conn);
	assert_int_equal(errno, 42);
	assert_string_equal(told, "X1");
	assert_int_equal(*claim(0), xo_this_thread() + 64);
	assert_int_equal(*claim(1), 0);
}

static void a_place_over_exit_is_its_claimants_at_once(void **state)
{
	const uint64_t args[6] = { 1, 2, 3, 4, 5, 6 };
	const struct xo_answer slowly = { .status = XO_CALL_SLOWLY };
	uint64_t v;

	begin();
	for (unsigned int i = 0; i < conn.slots; i++)
		conn.exit[i].owner = xo_this_thread() + 64;
	assert_int_equal(xo_call_slow(&conn, args, xo_entry_exit, slowly, &v, NULL), -EBUSY);
	conn.exit[1].owner = xo_this_thread(); /* a handler comes right behind the claim */
	xo_abandon(&conn);
	assert_string_equal(told, "");
	assert_int_equal(conn.exit[0].owner, xo_this_thread() + 64);
	assert_int_equal(conn.exit[1].owner, 0);
	assert_int_equal(xo_call_slow(&conn, args, xo_entry_exit, slowly, &v, NULL), 0);
	assert_int_equal(v, 77);
	assert_int_equal(conn.exit[1].owner, 0);
	memset(conn.exit, 0, sizeof(conn.exit));
}

static void errno_is_kept(void **state)
{
	uint64_t v;

	begin();
	attach_error = EHOSTDOWN;
	script[0] = XO_GATE_REVOKED;
	script[1] = HALF;
	errno = 42;
	assert_int_equal(call(NULL, &v), -EHOSTDOWN);
	assert_int_equal(errno, 42);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_lead_to_their_ends),
		cmocka_unit_test(a_fault_is_remembered),
		cmocka_unit_test(another_engine_is_followed),
		cmocka_unit_test(nothing_goes_on_for_ever),
		cmocka_unit_test(strange_answers_are_errors),
		cmocka_unit_test(only_ones_own_slots_are_given_up),
		cmocka_unit_test(a_place_over_exit_is_its_claimants_at_once),
		cmocka_unit_test(errno_is_kept),
	};

	return cmocka_run_group_tests(tests, make_gates, NULL);
}
