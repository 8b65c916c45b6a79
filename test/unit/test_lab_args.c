// SPDX-License-Identifier: GPL-2.0
// A mistake in the words of `xo lab` must be refused with a sentence before anything is made.
// link: xo/lab_args.c xo/vm_args.c
#include "xo/lab.h"
#include "xo/vm.h"

#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static struct lab_options o;
static struct lab_error err;

static int parse(int count, char **words)
{
	err.text[0] = 0;
	return lab_parse(count, words, &o, &err);
}

#define PARSE(...) \
	parse(sizeof((char *[]){ __VA_ARGS__ }) / sizeof(char *), (char *[]){ __VA_ARGS__, NULL })

static void vms_have_names_memory_and_cpus(void **state)
{
	struct lab_vm vm;

	assert_int_equal(lab_parse_vm("web", &vm, &err), 0);
	assert_string_equal(vm.name, "web");
	assert_int_equal(vm.memory, LAB_VM_MEMORY);
	assert_int_equal(vm.cpus, 1);
	assert_int_equal(lab_parse_vm("web-2:256:2", &vm, &err), 0);
	assert_int_equal(vm.memory, 256);
	assert_int_equal(vm.cpus, 2);
	assert_string_equal(vm.args, "");
	assert_int_equal(lab_parse_vm("web:256:2:pti=off a=b:c", &vm, &err), 0);
	assert_string_equal(vm.args, "pti=off a=b:c");
}

static void kernels_are_versions(void **state)
{
	char kernel[LAB_KERNEL + 1];

	assert_int_equal(lab_parse_kernel("6.12", kernel, &err), 0);
	assert_string_equal(kernel, "6.12");
	assert_int_equal(lab_parse_kernel("", kernel, &err), -1);
	assert_int_equal(lab_parse_kernel("..", kernel, &err), -1);
	assert_int_equal(lab_parse_kernel("6.12/..", kernel, &err), -1);
	assert_int_equal(lab_parse_kernel("6.1234567890123456", kernel, &err), -1);
	assert_int_equal(PARSE("run", "--host-kernel", "6.12", "s"), 0);
	assert_string_equal(o.kernel, "6.12");
}

static void bad_vms_are_refused(void **state)
{
	static const char *const bad[] = { "",
					   ":",
					   "Web",
					   "1a",
					   "a b",
					   "a:",
					   "a:x",
					   "a:-1",
					   "a:1",
					   "a:192:",
					   "a:192:0",
					   "a:192:99",
					   "a:192:1:",
					   "a:192:1:\n",
					   "a:99999999999",
					   "a/b",
					   "host",
					   "host:256",
					   "abcdefghijklmnopqrstuvwxyz012345" };
	struct lab_vm vm;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err.text[0] = 0;
		assert_int_equal(lab_parse_vm(bad[i], &vm, &err), -1);
		assert_true(err.text[0]);
	}
}

static void no_vm_has_the_hosts_name(void **state)
{
	struct vm_conf conf;
	struct vm_spec spec;
	struct vm_err why;

	vm_conf_defaults(&conf);
	assert_int_equal(vm_parse_name("hosts", &why), 0);
	assert_int_equal(vm_parse_name("host", &why), -1);
	assert_non_null(strstr(why.text, "the host's own name"));
	assert_int_equal(vm_parse_spec("host:256", &conf, &spec, &why), -1);
	assert_int_equal(vm_parse_spec("hos:256", &conf, &spec, &why), 0);
}

static void puts_have_a_source_and_an_absolute_target(void **state)
{
	struct lab_put put;

	assert_int_equal(lab_parse_put("a.ko:/lib/b.ko", false, &put, &err), 0);
	assert_string_equal(put.vm, "");
	assert_string_equal(put.local, "a.ko");
	assert_string_equal(put.path, "/lib/b.ko");
	assert_int_equal(lab_parse_put("dir/a.ko:/lib/", false, &put, &err), 0);
	assert_string_equal(put.path, "/lib/a.ko");
	assert_int_equal(lab_parse_put("dir/sub/:/lib/", false, &put, &err), 0);
	assert_string_equal(put.path, "/lib/sub");
	assert_int_equal(lab_parse_put("web:x:y:/z", true, &put, &err), 0);
	assert_string_equal(put.vm, "web");
	assert_string_equal(put.local, "x:y");
	assert_int_equal(lab_parse_put("a:b", false, &put, &err), -1);
	assert_int_equal(lab_parse_put("a", false, &put, &err), -1);
	assert_int_equal(lab_parse_put(":/b", false, &put, &err), -1);
	assert_int_equal(lab_parse_put("web:/b", true, &put, &err), -1);
	assert_int_equal(lab_parse_put("WEB:a:/b", true, &put, &err), -1);
}

static void words_after_the_script_are_its_own(void **state)
{
	assert_int_equal(PARSE("run", "--vm", "web", "--vm=mgr:128", "s.sh", "--vm", "x"), 0);
	assert_string_equal(o.script, "s.sh");
	assert_string_equal(o.args[0], "--vm");
	assert_string_equal(o.args[1], "x");
	assert_null(o.args[2]);
	assert_int_equal(o.vm_count, 2);
	assert_string_equal(o.vms[0].name, "mgr"); /* one order, so one snapshot */
	assert_int_equal(o.timeout, LAB_TIMEOUT);
	assert_int_equal(o.start_limit, 0);
	assert_int_equal(o.mips, LAB_MIPS);
	assert_int_equal(o.cpus, 1);
	assert_false(o.cold);
	assert_false(o.tlb_model);
}

static void the_tlb_model_is_an_option(void **state)
{
	assert_int_equal(PARSE("run", "--tlb-model", "s"), 0);
	assert_true(o.tlb_model);
	assert_int_equal(PARSE("up", "--tlb-model"), 0);
	assert_true(o.tlb_model);
}

static void wrong_words_are_refused(void **state)
{
	assert_int_equal(PARSE("run"), -1);
	assert_int_equal(PARSE("run", "--vm"), -1);
	assert_int_equal(PARSE("run", "--frobnicate", "s"), -1);
	assert_non_null(strstr(err.text, "--frobnicate"));
	assert_int_equal(PARSE("run", "--vm", "a", "--vm", "a", "s"), -1);
	assert_int_equal(PARSE("run", "--vm-put", "b:x:/y", "--vm", "a", "s"), -1);
	assert_non_null(strstr(err.text, "no VM b"));
	assert_int_equal(PARSE("run", "--vm", "hosts", "s"), 0);
	assert_int_equal(PARSE("run", "--vm", "host", "s"), -1);
	assert_non_null(strstr(err.text, "the host's own name"));
	assert_int_equal(PARSE("run", "--cpus", "0", "s"), -1);
	assert_int_equal(PARSE("run", "--timeout", "1h", "s"), -1);
	assert_int_equal(PARSE("run", "--start-limit", "0", "s"), -1);
	assert_int_equal(PARSE("run", "--mips", "1", "s"), -1);
	assert_int_equal(PARSE("run", "--host-memory", "64", "s"), -1);
	assert_int_equal(PARSE("run", "--vm", "a:3000", "s"), -1);
	assert_int_equal(PARSE("up", "script"), -1);
	assert_int_equal(PARSE("up", "--timeout", "3"), -1);
	assert_int_equal(PARSE("up", "--vm", "a"), 0);
	assert_null(o.script);
}

static void memory_grows_with_the_vms(void **state)
{
	assert_int_equal(PARSE("run", "s"), 0);
	assert_int_equal(lab_memory(&o), LAB_HOST_MEMORY);
	assert_int_equal(PARSE("run", "--vm", "a", "--vm", "b:256", "s"), 0);
	assert_true(lab_memory(&o) >= LAB_HOST_MEMORY + 192 + 256);
	assert_int_equal(PARSE("run", "--host-memory", "1024", "s"), 0);
	assert_int_equal(lab_memory(&o), 1024);
}

static void help_may_stand_anywhere_before_the_script(void **state)
{
	assert_int_equal(PARSE("run", "--help"), 0);
	assert_true(o.help);
	assert_int_equal(PARSE("up", "--vm", "web", "-h"), 0);
	assert_true(o.help);
	assert_int_equal(PARSE("run", "s", "--help"), 0);
	assert_false(o.help);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vms_have_names_memory_and_cpus),
		cmocka_unit_test(bad_vms_are_refused),
		cmocka_unit_test(no_vm_has_the_hosts_name),
		cmocka_unit_test(kernels_are_versions),
		cmocka_unit_test(help_may_stand_anywhere_before_the_script),
		cmocka_unit_test(puts_have_a_source_and_an_absolute_target),
		cmocka_unit_test(words_after_the_script_are_its_own),
		cmocka_unit_test(the_tlb_model_is_an_option),
		cmocka_unit_test(wrong_words_are_refused),
		cmocka_unit_test(memory_grows_with_the_vms),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
