// SPDX-License-Identifier: GPL-2.0
// A snapshot must never be used when anything that it holds has changed, however the file changed.
// link: xo/lab_key.c xo/lab_config.c xo/lab_args.c xo/lab_dir.c xo/lab_spawn.c
#include "xo/lab.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#define PLUGINS "tools/usr/lib/x86_64-linux-gnu/bochs/plugins"

static const char *const inputs[] = {
	"lab/system.erofs",
	"tools/usr/bin/bochs-bin",
	"tools/usr/share/bochs/BIOS-bochs-latest",
	"tools/usr/share/bochs/VGABIOS-lgpl-latest",
	PLUGINS "/libbx_vga.so.0.0.0",
	PLUGINS "/libbx_pic.so.0.0.0",
};

static struct lab_folders f;
static struct lab_options o;
static struct lab_error err;

static void put(const char *name, const char *text)
{
	char path[PATH_MAX], *slash;

	lab_path(path, "%s/%s", f.build, name);
	slash = strrchr(path, '/');
	*slash = 0;
	assert_int_equal(lab_make_folders(path, &err), 0);
	*slash = '/';
	assert_int_equal(lab_write_file(path, text, strlen(text), 0644, &err), 0);
}

static void key(char name[LAB_HEX + 1])
{
	struct lab_key k = { .inputs = NULL };

	assert_int_equal(lab_key_make(&f, &o, &k, &err), 0);
	memcpy(name, k.name, LAB_HEX + 1);
	assert_int_equal(strlen(name), LAB_HEX);
	free(k.inputs);
}

static int set_up(void **state)
{
	char folder[] = "/tmp/xo-lab-key-XXXXXX";

	assert_non_null(mkdtemp(folder));
	lab_path(f.build, "%s", folder);
	lab_path(f.lab, "%s/lab", folder);
	lab_path(f.run, "%s/lab/run/1", folder);
	assert_int_equal(lab_make_folders(f.run, &err), 0);
	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++)
		put(inputs[i], inputs[i]);
	put("lib/crossover-ucode.so", "object\1 crossover-machine: one\0counters");
	o.cpus = 1;
	o.host_memory = LAB_HOST_MEMORY;
	o.mips = LAB_MIPS;
	o.vm_count = 1;
	assert_int_equal(lab_parse_vm("web", &o.vms[0], &err), 0);
	return 0;
}

static int tear_down(void **state)
{
	lab_remove_tree(f.build);
	return 0;
}

static void nothing_changed_is_the_same_key(void **state)
{
	char first[LAB_HEX + 1], second[LAB_HEX + 1];

	key(first);
	key(second);
	assert_string_equal(first, second);
}

static void every_file_counts(void **state)
{
	char first[LAB_HEX + 1], second[LAB_HEX + 1];

	for (size_t i = 0; i < sizeof(inputs) / sizeof(*inputs); i++) {
		key(first);
		put(inputs[i], "changed");
		key(second);
		assert_string_not_equal(first, second);
	}
}

/* Same name, size and modification time: only its change time and its bytes tell. */
static void a_file_replaced_in_disguise_counts(void **state)
{
	char path[PATH_MAX], first[LAB_HEX + 1], second[LAB_HEX + 1];
	struct timespec times[2];
	struct stat st;

	put(inputs[0], "before");
	key(first);
	lab_path(path, "%s/%s", f.build, inputs[0]);
	assert_int_equal(stat(path, &st), 0);
	usleep(20000); /* more than a clock tick of any file system */
	put(inputs[0], "behind");
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	key(second);
	assert_string_not_equal(first, second);
}

static void the_machine_counts(void **state)
{
	char first[LAB_HEX + 1], second[LAB_HEX + 1];

	key(first);
	o.cpus = 2;
	key(second);
	assert_string_not_equal(first, second);
	o.vms[0].memory++;
	key(first);
	assert_string_not_equal(first, second);
	strcpy(o.vms[0].name, "wex");
	key(second);
	assert_string_not_equal(first, second);
}

static void of_the_object_only_its_mark_counts(void **state)
{
	static const char counters[] = "object\2 crossover-machine: one\0more counters";
	static const char machine[] = "object\2 crossover-machine: two\0more counters";
	char path[PATH_MAX], first[LAB_HEX + 1], second[LAB_HEX + 1];
	struct lab_key k = { .inputs = NULL };

	lab_path(path, "%s/lib/crossover-ucode.so", f.build);
	lab_write_file(path, machine, sizeof(machine), 0644, &err);
	key(second);
	lab_write_file(path, counters, sizeof(counters), 0644, &err);
	key(first);
	assert_string_not_equal(first, second);
	put("lib/crossover-ucode.so", "no mark");
	assert_int_equal(lab_key_make(&f, &o, &k, &err), -1);
	free(k.inputs);
	lab_write_file(path, counters, sizeof(counters), 0644, &err);
}

static void a_missing_file_is_named(void **state)
{
	char path[PATH_MAX];
	struct lab_key k = { .inputs = NULL };

	lab_path(path, "%s/%s", f.build, inputs[2]);
	unlink(path);
	assert_int_equal(lab_key_make(&f, &o, &k, &err), -1);
	assert_non_null(strstr(err.text, inputs[2]));
	free(k.inputs);
	put(inputs[2], "again");
}

/* `xo lab ls` must name the machine that a snapshot is of: its options, made a key, tell it. */
static void the_key_tells_the_options(void **state)
{
	struct lab_options made = {
		.cpus = 2, .vm_count = 3, .kernel = "6.12", .host_memory = 1024, .mips = 400
	};
	struct lab_key k = { .inputs = NULL };
	char text[4096];

	put("6.12/system.erofs", "another");
	assert_int_equal(lab_parse_vm("mgr", &made.vms[0], &err), 0);
	assert_int_equal(lab_parse_vm("web:256", &made.vms[1], &err), 0);
	assert_int_equal(lab_parse_vm("wide:192:2:pti=off quiet", &made.vms[2], &err), 0);
	assert_int_equal(lab_key_make(&f, &made, &k, &err), 0);
	lab_shape_options(k.inputs, text, sizeof(text));
	assert_string_equal(text, " --host-kernel 6.12 --host-memory 1024 --vm mgr --vm web:256 "
				  "--vm 'wide:192:2:pti=off quiet' --cpus 2 --mips 400");
	free(k.inputs);
	lab_shape_options("no such text", text, sizeof(text));
	assert_string_equal(text, "");
}

static void another_bochs_is_refused(void **state)
{
	assert_int_equal(lab_check_bochs(&f, &err), -1);
	assert_non_null(strstr(err.text, "bochs 2.7+dfsg-4+deb12u1"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changed_is_the_same_key),
		cmocka_unit_test(every_file_counts),
		cmocka_unit_test(a_file_replaced_in_disguise_counts),
		cmocka_unit_test(the_machine_counts),
		cmocka_unit_test(of_the_object_only_its_mark_counts),
		cmocka_unit_test(a_missing_file_is_named),
		cmocka_unit_test(the_key_tells_the_options),
		cmocka_unit_test(another_bochs_is_refused),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
