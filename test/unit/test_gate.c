// SPDX-License-Identifier: GPL-2.0
// A gate that lets anybody out of the gate context by an EPTP that the host did not write must
// never pass the checker. Each planted gate is gate/gate.S with one edit; the checker must refuse
// it for the reason planted, and pass the genuine.
// link: gate/check.c gate/state.c gate/access.c gate/map.c gate/count.c
// libs: -lZydis
#include "gate/check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "gate_blob.h"
#include "gate_context.h"

struct planted {
	const char *name;
	const char *edit; /* sed script */
	const char *says; /* among what the checker prints */
};

/* The edits keep the length where they can, so that all else stays where it was. */
#define FROM_IN	   "/^gate_in:/,/^gate_svc:/"
#define FROM_OUT   "/^gate_out:/,/^gate_home:/"
#define UNVERIFIED "VMFUNC is reached with an unverified EPTP list"
#define ANY_ENTRY  "any entry of the EPTP list may have been written"

static const struct planted gates[] = {
	{ "no verification on the way in", FROM_IN "s/REX jnz\tgate_bad.*/.fill 7, 1, 0x90/",
	  UNVERIFIED },
	{ "no verification on the way out", FROM_OUT "s/REX jnz\tgate_bad/.fill 3, 1, 0x90/",
	  UNVERIFIED },
	{ "home left armed", FROM_IN "s/or\trax, \\[rip + list_home\\]/.fill 7, 1, 0x90/",
	  "entry 0 was not found to be zero" },
	{ "service left armed", FROM_OUT "s/or\trax, \\[rip + list_svc\\]/.fill 7, 1, 0x90/",
	  "entry 2 was not found to be zero" },
	{ "service's EPTP not compared",
	  FROM_IN "s/xor\trax, \\[rip + list_svc\\]/xor rax, [rip + list_home]/", UNVERIFIED },
	{ "home's EPTP compared with the slot's constant",
	  FROM_OUT "s/mov\trax, \\[rip + vcpu_home\\]/mov rax, [rip + const_svc]/", UNVERIFIED },
	{ "half of the EPTP compared", FROM_IN "s/xor\trax, \\[/REX xor eax, [/", UNVERIFIED },
	{ "constant not read anew",
	  FROM_IN "s/mov\trax, \\[rip + const_svc\\]\t.*verify.*/.fill 7, 1, 0x90/", UNVERIFIED },
	{ "ring not tested", FROM_IN "s/jne\tgate_bad/.fill 6, 1, 0x90/", "ring was not tested" },
	{ "ring tested for what it is not", FROM_IN "s/XO_USER_CS/0x10/", "ring was not tested" },
	{ "verified, then armed",
	  FROM_IN
	  "{/mov\t\\[rip + list_svc\\], rax/d;s/\tlea\tecx/\tmov [rip + list_svc], rdx\\n&/}",
	  UNVERIFIED },
	{ "a store after the verification",
	  FROM_OUT "s/REX jnz\tgate_bad/&\\n\tmov [rip + list_home], rdx/", UNVERIFIED },
	{ "a jump over the verification",
	  FROM_IN "{s/mov\tecx, cs.*/jrcxz 9f\\n&/;s/\tlea\tecx/9:&/}", UNVERIFIED },
	{ "a verification that goes on when it fails", FROM_IN "s/REX jnz\tgate_bad.*/jnz 9f\\n9:/",
	  UNVERIFIED },
	{ "a constant read through a register",
	  FROM_IN "s/\\[rip + const_svc\\]\t.*verify.*/[rdx + 0x1000]/", "address by register" },
	{ "the list read through a register",
	  FROM_IN "s/xor\trax, \\[rip + list_svc\\]/xor rax, [rdi]/", "address by register" },
	{ "armed through a register",
	  FROM_IN "s/mov\t\\[rip + list_svc\\], rax/mov [rsi + 16], rax/", "address by register" },
	{ "a store through a register, all else verified", "s/^gate_restart:/\tmov [rdi], rsi\\n&/",
	  ANY_ENTRY },
	{ "a push before the list is verified", "s/^gate_restart:/\tpush rdi\\n&/", ANY_ENTRY },
	{ "another entry of the list written",
	  FROM_IN "s/mov\t\\[rip + list_home\\], rax.*/&\\n\tmov [rip + list_home + 24], rax/",
	  ANY_ENTRY },
	{ "a jump to a register", "s/^\tjmp\tgate_text + .*/\tjmp r11/",
	  "goes where a register or memory says" },
	{ "a call through memory", "s/^\tjmp\tgate_text + .*/\tcall [rip + const_svc]/",
	  "goes where a register or memory says" },
	{ "a return while the list is open", FROM_IN "s/mov\tecx, cs.*/ret\\n&/",
	  "a return leads to" },
	{ "a system call", "s/^gate_bad:.*/&\\n\tsyscall/", "changes the ring" },
	{ "a load of CR3", "s/^gate_bad:.*/&\\n\tmov cr3, rdi/", "loads a control register" },
	{ "a load of a segment", "s/^gate_bad:.*/&\\n\tmov fs, edi/", "accessed bit" },
	{ "a load of IDTR", "s/^gate_bad:.*/&\\n\tlidt [rdi]/", "changes the processor's tables" },
	{ "a division while the list is open", FROM_IN "s/mov\tecx, cs.*/div ecx\\n&/",
	  "may fault" },
	/* CR0.TS, alignment and ring are the caller's choice: #NM, #GP */
	{ "a vector register while the list is open",
	  FROM_IN "s/mov\tecx, cs.*/movaps xmm0, "
		  "[rip + const_svc + 8]\\n&/",
	  "movaps may fault" },
	{ "a vector register saved behind the pushes",
	  "s/mov\t\\[rip + save_rsp\\], rsp.*/movups [rip + save_rsp], xmm0\\n&/",
	  "movups may fault" },
	{ "a control register read while the list is open",
	  FROM_IN "s/mov\tecx, cs.*/mov rdx, cr0\\n&/", "mov may fault" },
	{ "an interrupt flag cleared while the list is open", FROM_IN "s/mov\tecx, cs.*/cli\\n&/",
	  "cli may fault" },
	/* ror byte [rbp + 0x10f0148], 0xd4: what the first draft had there */
	{ "an immediate that decodes as a store",
	  "s/^\trex mov\tecx, XO_INDEX_GATE/\txor eax, eax/;s/^\txor\trax, rax/\tlea ecx, [rax + "
	  "1]/",
	  ANY_ENTRY },
};

static size_t assemble(const char *edit, unsigned char *text)
{
	const char *dir = getenv("XO_TEST_DIR");
	char command[2048];
	size_t size;
	FILE *f;

	snprintf(command, sizeof(command),
		 "sed '%s' gate/gate.S | "
		 "gcc -Iinclude -Igate -x assembler-with-cpp -c -o %s/planted.o - && "
		 "objcopy -O binary -j .gate %s/planted.o %s/planted.bin",
		 edit, dir, dir, dir);
	if (system(command))
		fail_msg("cannot build: %s", command);
	snprintf(command, sizeof(command), "%s/planted.bin", dir);
	f = fopen(command, "rb");
	assert_non_null(f);
	size = fread(text, 1, XO_PAGE, f);
	fclose(f);
	return size;
}

/* What the checker says of a text; empty if it passes. */
static char *verdict(const unsigned char *text)
{
	struct xo_gate_check c = { 0 };
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
	static unsigned char text[XO_PAGE];
	char *said = verdict(xo_gate_text);

	assert_string_equal(said, "");
	free(said);
	/* and is what the planted ones are made of */
	assert_int_equal(assemble("", text), XO_PAGE);
	assert_memory_equal(text, xo_gate_text, XO_PAGE);
}

static void every_offset_and_vmfunc_is_looked_at(void **state)
{
	struct xo_gate_check c = { 0 };

	assert_true(xo_gate_check_text(&c, xo_gate_text));
	assert_int_equal(c.offsets, XO_PAGE);
	assert_true(c.states > XO_PAGE);
	assert_true(c.vmfuncs >= 4);
	assert_true(c.stores >= 4);
	assert_true(c.to_service && c.home);
}

static void each_planted_gate_is_refused(void **state)
{
	for (size_t i = 0; i < sizeof(gates) / sizeof(gates[0]); i++) {
		static unsigned char text[XO_PAGE];
		char *said;

		assert_int_equal(assemble(gates[i].edit, text), XO_PAGE);
		if (!memcmp(text, xo_gate_text, XO_PAGE))
			fail_msg("%s: the edit changes nothing", gates[i].name);
		said = verdict(text);
		if (!strstr(said, gates[i].says))
			fail_msg("%s: no \"%s\" in what the checker says:\n%s", gates[i].name,
				 gates[i].says, said);
		if (strncmp(said, "gate text + 0x", 14))
			fail_msg("%s: no offset: %s", gates[i].name, said);
		printf("%s: %.*s\n", gates[i].name, (int)strcspn(said, "\n"), said);
		free(said);
	}
}

/* A VMFUNC hidden in an immediate, behind a store. */
static void hidden_vmfunc_is_found(void **state)
{
	static unsigned char text[XO_PAGE];
	char *said;

	/* mov ecx, 0xd4010f90 between arming and verifying */
	assemble(FROM_IN "s/mov\tecx, cs.*/REX mov ecx, 0xd4010f90\\n\tREX nop\\n&/", text);
	said = verdict(text);
	assert_string_equal(said,
			    ""); /* nobody gets there with the list open: the path is aligned */
	free(said);
	/* the same, with a branch into it */
	assemble(FROM_IN "s/mov\tecx, cs.*/jc 9f + 2\\n9:\tmov ecx, 0xd4010f90\\n&/", text);
	said = verdict(text);
	assert_non_null(strstr(said, UNVERIFIED));
	free(said);
}

static void a_text_that_verifies_nothing_is_refused(void **state)
{
	static unsigned char text[XO_PAGE];
	char *said;

	memset(text, 0xcc, sizeof(text));
	said = verdict(text);
	assert_non_null(strstr(said, "no path verifies"));
	free(said);
}

/* ------------------------------------------------------------------ the table of pages */

static const struct xo_gate_page map[] = { XO_GATE_MAP };
#define PAGES (sizeof(map) / sizeof(map[0]))

static bool map_passes(const struct xo_gate_page *page)
{
	struct xo_gate_check c = { 0 };

	return xo_gate_check_map(&c, page, PAGES);
}

static size_t named(const char *name)
{
	for (size_t i = 0; i < PAGES; i++)
		if (!strcmp(map[i].name, name))
			return i;
	fail_msg("no page %s", name);
	return 0;
}

static void map_with(const char *name, int home, int gate, int service)
{
	struct xo_gate_page bad[PAGES];
	size_t i = named(name);

	memcpy(bad, map, sizeof(map));
	bad[i].home = home;
	bad[i].gate = gate;
	bad[i].service = service;
	if (map_passes(bad))
		fail_msg("%s with %d %d %d passes", name, home, gate, service);
}

static void guest_writable_page_in_gate_context_is_refused(void **state)
{
	assert_true(map_passes(map));
	map_with("caller's save page", XO_MAP_RW, XO_MAP_R, 0);
	map_with("SSA", 0, XO_MAP_R, XO_MAP_RW);
	map_with("constants", XO_MAP_RW, XO_MAP_R, 0);
	map_with("gate text", XO_MAP_RW, XO_MAP_X, XO_MAP_X);
}

static void other_rights_than_needed_are_refused(void **state)
{
	map_with("gate text", XO_MAP_RX, XO_MAP_RX, XO_MAP_X);
	map_with("gate text", XO_MAP_RX, XO_MAP_X | XO_MAP_W, XO_MAP_X);
	map_with("constants", 0, XO_MAP_RW, 0);
	map_with("constants", 0, XO_MAP_RX, 0);
	map_with("vCPU's constants", 0, XO_MAP_RW, 0);
	map_with("EPTP list", XO_MAP_R, XO_MAP_RW, 0);
	map_with("EPTP list", 0, XO_MAP_RW, XO_MAP_R);
	map_with("visit", 0, XO_MAP_R, XO_MAP_R);
	map_with("stack", 0, 0, XO_MAP_RW | XO_MAP_X);
}

/* ------------------------------------------------------------------ what a call costs */

static unsigned int total(const struct xo_gate_count *n)
{
	return n->home_in + n->gate_in + n->runtime_in + n->service + n->runtime_out + n->gate_out +
	       n->home_out;
}

/* The library's own: load the connection, call, test, branch, return. */
#define LIBRARY 5

static void a_call_takes_at_most_120_instructions(void **state)
{
	struct xo_gate_count n;

	assert_true(xo_gate_count_call(&n, xo_gate_text, xo_rt_gpr, stderr));
	assert_in_range(total(&n) + LIBRARY, 80, 120);
	assert_true(xo_gate_count_call(&n, xo_gate_text, xo_rt_vector, stderr));
	assert_in_range(total(&n) + LIBRARY, 80, 180);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(genuine_passes),
		cmocka_unit_test(every_offset_and_vmfunc_is_looked_at),
		cmocka_unit_test(each_planted_gate_is_refused),
		cmocka_unit_test(hidden_vmfunc_is_found),
		cmocka_unit_test(a_text_that_verifies_nothing_is_refused),
		cmocka_unit_test(guest_writable_page_in_gate_context_is_refused),
		cmocka_unit_test(other_rights_than_needed_are_refused),
		cmocka_unit_test(a_call_takes_at_most_120_instructions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
