// SPDX-License-Identifier: GPL-2.0
// A gate of kernel worlds that lets anybody out of the gate context by an EPTP that the host did
// not write must never pass the checker. Each planted gate is gate/kgate.S with one edit; the
// checker must refuse it for the reason planted, and pass the genuine.
// link: gate/check.c gate/state.c gate/access.c gate/map.c gate/count.c
// libs: -lZydis
#include "gate/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "kgate_blob.h"

struct planted {
	const char *name;
	const char *edit; /* sed script */
	const char *says; /* among what the checker prints */
};

#define FROM_IN	   "/^kgate_in:/,/^kgate_callee:/"
#define FROM_OUT   "/^kgate_out:/,/^kgate_home:/"
#define UNVERIFIED "VMFUNC is reached with an unverified EPTP list"

static const struct planted gates[] = {
	{ "no verification on the way in", FROM_IN "s/REX jnz\tkgate_bad/.fill 7, 1, 0x90/",
	  UNVERIFIED },
	{ "no verification on the way out", FROM_OUT "s/REX jnz\tkgate_bad/.fill 3, 1, 0x90/",
	  UNVERIFIED },
	{ "home left armed", FROM_IN "s/or\trax, \\[rip + list_home\\]/.fill 7, 1, 0x90/",
	  "entry 0 was not found to be zero" },
	{ "the user worlds' gate left armed",
	  FROM_IN "s/or\trax, \\[rip + list_gate\\]/.fill 7, 1, 0x90/",
	  "entry 1 was not found to be zero" },
	{ "callee left armed", FROM_OUT "s/or\trax, \\[rip + list_callee\\]/.fill 7, 1, 0x90/",
	  "entry 2 was not found to be zero" },
	{ "the user worlds' gate armed unverified", FROM_OUT "s/or\trax, rdi/.fill 3, 1, 0x90/",
	  "entry 1 was not compared" },
	{ "the user worlds' gate compared with home",
	  FROM_OUT "s/mov\trdi, \\[rip + vcpu_gate\\]/mov rdi, [rip + vcpu_home]/", UNVERIFIED },
	{ "callee's EPTP not compared",
	  FROM_IN "s/xor\trax, \\[rip + list_callee\\]/xor rax, [rip + list_home]/", UNVERIFIED },
	{ "home's EPTP compared with the callee's constant",
	  FROM_OUT "s/mov\trax, \\[rip + vcpu_home\\]/mov rax, [rip + vcpu_callee]/", UNVERIFIED },
	{ "a store after the verification",
	  FROM_OUT "s/mov\tecx, eax.*/&\\n\tmov [rip + list_home], rdx/", UNVERIFIED },
	{ "a constant read through a register",
	  FROM_IN "s/\\[rip + vcpu_callee\\] .*verify.*/[rdx + 0x1000]/", "address by register" },
	{ "CR3 loaded with the list written",
	  FROM_IN "s/mov\trax, \\[rip + vcpu_callee\\] .*verify.*/mov cr3, rdx\\n&/",
	  "loads a control register" },
	{ "an IDT loaded with the list written",
	  FROM_IN "s/mov\trax, \\[rip + vcpu_callee\\] .*verify.*/lidt [rip + vcpu_home]\\n&/",
	  "changes the processor's tables" },
	{ "a jump through a register", FROM_IN "s/lea\tecx, .*/&\\n\tjmp rdx/",
	  "goes where a register or memory says" },
};

/* gate/kgate.S with that edit, as linked. */
static void assemble(const char *edit, unsigned char *text)
{
	char command[2048], dir[] = "/tmp/kgate-XXXXXX";
	FILE *f;

	assert_non_null(mkdtemp(dir));
	snprintf(command, sizeof(command),
		 "sed -e '%s' gate/kgate.S >%s/kgate.S && gcc -Iinclude -Igate -c -o %s/a.o "
		 "%s/kgate.S && "
		 "ld -T build/gate/kgate.lds -o %s/elf %s/a.o build/gate/kruntime.o && "
		 "objcopy -O binary -j .kgate %s/elf %s/bin",
		 edit, dir, dir, dir, dir, dir, dir, dir);
	if (system(command))
		fail_msg("cannot build: %s", command);
	snprintf(command, sizeof(command), "%s/bin", dir);
	f = fopen(command, "rb");
	assert_non_null(f);
	assert_int_equal(fread(text, 1, XO_PAGE, f), XO_PAGE);
	fclose(f);
	snprintf(command, sizeof(command), "rm -r %s", dir);
	assert_int_equal(system(command), 0);
}

/* What the checker says of a text; empty if it passes. */
static char *verdict(const unsigned char *text)
{
	struct xo_gate_check c = { .kernel = true };
	size_t size = 0;
	char *said = NULL;
	bool passes;

	c.out = open_memstream(&said, &size);
	assert_non_null(c.out);
	passes = xo_gate_check_text(&c, text);
	fclose(c.out);
	assert_int_equal(passes, size == 0);
	return said;
}

static void genuine_passes(void **state)
{
	struct xo_gate_check c = { .kernel = true };
	static unsigned char text[XO_PAGE];
	char *said = verdict(xo_kgate_text);

	assert_string_equal(said, "");
	free(said);
	assemble("", text);
	assert_memory_equal(text, xo_kgate_text, XO_PAGE);
	assert_true(xo_gate_check_text(&c, xo_kgate_text));
	assert_int_equal(c.offsets, XO_PAGE);
	assert_true(c.vmfuncs >= 4 && c.stores >= 6 && c.to_service && c.home);
}

static void each_planted_gate_is_refused(void **state)
{
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		static unsigned char text[XO_PAGE];
		char *said;

		assemble(gates[i].edit, text);
		if (!memcmp(text, xo_kgate_text, XO_PAGE))
			fail_msg("%s: the edit changes nothing", gates[i].name);
		said = verdict(text);
		if (!strstr(said, gates[i].says))
			fail_msg("%s: no \"%s\" in what the checker says:\n%s", gates[i].name,
				 gates[i].says, said);
		free(said);
	}
}

/* The user worlds' gate has no business in ring 0's context, nor the other way round. */
static void the_other_gates_rules_refuse_it(void **state)
{
	struct xo_gate_check c = { 0 };

	assert_false(xo_gate_check_text(&c, xo_kgate_text));
}

/* Places of WRMSR in those bytes, at most one instruction's. */
static unsigned int wrmsrs(const unsigned char *code, unsigned int from, unsigned int to)
{
	unsigned int n = 0;

	for (unsigned int i = from; i + 2 <= to; i++)
		n += code[i] == 0x0f && code[i + 1] == 0x30;
	return n;
}

#define BRANCH 5 /* bytes of BTC, and of the JMP in its place */

/* By the stub's page tables there is but one of the two: behind the barrier all must be the same.
 */
static void the_runtimes_differ_by_the_barrier_alone(void **state)
{
	unsigned int at = XO_L_krt_enter;

	assert_int_equal(wrmsrs(xo_kgate_rt, 0, XO_PAGE), 0);
	assert_int_equal(wrmsrs(xo_kgate_rt_ibpb, 0, XO_L_krt_enter), 1);
	assert_int_equal(wrmsrs(xo_kgate_rt_ibpb, XO_L_krt_enter, XO_PAGE), 0);
	while (at < XO_L_krt_ret && xo_kgate_rt[at] == xo_kgate_rt_ibpb[at])
		at++;
	assert_int_equal(xo_kgate_rt_ibpb[at], 0xe9);
	at += BRANCH;
	assert_true(at < XO_L_krt_ret);
	assert_memory_equal(xo_kgate_rt + at, xo_kgate_rt_ibpb + at, XO_PAGE - at);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(genuine_passes),
		cmocka_unit_test(each_planted_gate_is_refused),
		cmocka_unit_test(the_other_gates_rules_refuse_it),
		cmocka_unit_test(the_runtimes_differ_by_the_barrier_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
