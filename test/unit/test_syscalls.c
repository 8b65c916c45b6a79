// SPDX-License-Identifier: GPL-2.0
// The table must never let a pointer of a caller pass as a value, or give a length that is not the
// kernel's: the stub trusts it alone.
// link: guest/marshal_table.c
#include <crossover/syscalls.h>

#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/vfs.h>
#include <cmocka.h>
#include "xo/stub_impl.h"

static const char *const names[XO_SYSCALLS] = {
#include "syscall_names.h"
};

#define each_call(sc)                                                                             \
	for (const struct xo_syscall *sc = xo_syscall_table; sc < xo_syscall_table + XO_SYSCALLS; \
	     sc++)                                                                                \
		if (sc->name)

static void numbers_are_the_kernels(void **state)
{
	each_call(sc)
	{
		unsigned int nr = sc - xo_syscall_table;

		assert_int_equal(sc->nr, nr);
		assert_non_null(names[nr]);
		assert_string_equal(sc->name, names[nr]);
	}
}

static void every_line_is_whole(void **state)
{
	unsigned int lines = 0;

	each_call(sc)
	{
		lines++;
		assert_in_range(sc->where, XO_WHERE_LOCAL, XO_WHERE_SPECIAL);
		assert_true(sc->group < XO_CLASS_COUNT);
		assert_int_equal(!!sc->err,
				 sc->where == XO_WHERE_REFUSED || sc->where == XO_WHERE_NO_REMOTE);
		/* what can be remote has a class, and what has none cannot */
		if (sc->where != XO_WHERE_SPECIAL)
			assert_int_equal(xo_syscall_goes(sc),
					 sc->where == XO_WHERE_REMOTE ||
						 sc->where == XO_WHERE_BY_FD ||
						 sc->where == XO_WHERE_BY_PATH ||
						 sc->where == XO_WHERE_BY_PID);
	}
	assert_true(lines >= 150);
}

static void lengths_are_values_and_structures_have_sizes(void **state)
{
	each_call(sc)
	{
		unsigned int strings = 0;

		for (unsigned int i = 0; i < XO_SYSCALL_ARGS; i++) {
			const struct xo_arg *a = &sc->args[i];

			strings += xo_arg_is_string(a);
			if (a->kind == XO_ARG_IN || a->kind == XO_ARG_OUT) {
				assert_int_equal(sc->args[a->len].kind, XO_ARG_VALUE);
				assert_true(a->size >= 1);
			}
			if (a->kind >= XO_ARG_STRUCT_IN && a->kind <= XO_ARG_STRUCT_INOUT)
				assert_in_range(a->size, 1, 512);
			if (a->kind == XO_ARG_STRUCT_IN || a->kind == XO_ARG_STRUCT_INOUT)
				assert_in_range(a->size, 1, XO_STUB_STRUCT);
			if (a->kind == XO_ARG_DIRFD)
				assert_true(i + 1 < XO_SYSCALL_ARGS && xo_arg_is_path(a + 1));
		}
		assert_true(strings <= XO_STUB_STRINGS);
	}
}

/* A call that may go and of which an argument is a pointer in the kernel's eyes. */
static void pointers_of_calls_that_go_are_declared(void **state)
{
	static const struct {
		unsigned int nr, arg;
	} pointers[] = {
		{ SYS_read, 1 },
		{ SYS_write, 1 },
		{ SYS_pread64, 1 },
		{ SYS_pwrite64, 1 },
		{ SYS_open, 0 },
		{ SYS_openat, 1 },
		{ SYS_stat, 0 },
		{ SYS_stat, 1 },
		{ SYS_fstat, 1 },
		{ SYS_lstat, 1 },
		{ SYS_newfstatat, 1 },
		{ SYS_newfstatat, 2 },
		{ SYS_statx, 1 },
		{ SYS_statx, 4 },
		{ SYS_statfs, 0 },
		{ SYS_statfs, 1 },
		{ SYS_fstatfs, 1 },
		{ SYS_access, 0 },
		{ SYS_faccessat2, 1 },
		{ SYS_readlink, 0 },
		{ SYS_readlink, 1 },
		{ SYS_readlinkat, 2 },
		{ SYS_getdents64, 1 },
		{ SYS_getxattr, 1 },
		{ SYS_getxattr, 2 },
		{ SYS_setxattr, 2 },
		{ SYS_chmod, 0 },
		{ SYS_fchmodat, 1 },
		{ SYS_chown, 0 },
		{ SYS_utimensat, 1 },
		{ SYS_utimensat, 2 },
		{ SYS_truncate, 0 },
		{ SYS_rename, 0 },
		{ SYS_rename, 1 },
		{ SYS_renameat2, 1 },
		{ SYS_renameat2, 3 },
		{ SYS_link, 0 },
		{ SYS_linkat, 3 },
		{ SYS_symlink, 0 },
		{ SYS_symlinkat, 2 },
		{ SYS_mkdir, 0 },
		{ SYS_rmdir, 0 },
		{ SYS_unlink, 0 },
		{ SYS_unlinkat, 1 },
		{ SYS_mknod, 0 },
		{ SYS_getcwd, 0 },
		{ SYS_chdir, 0 },
		{ SYS_uname, 0 },
		{ SYS_sysinfo, 0 },
		{ SYS_syslog, 1 },
		{ SYS_sethostname, 0 },
		{ SYS_getresuid, 2 },
		{ SYS_getgroups, 1 },
		{ SYS_capget, 0 },
		{ SYS_capget, 1 },
		{ SYS_prlimit64, 2 },
		{ SYS_prlimit64, 3 },
		{ SYS_sched_getaffinity, 2 },
		{ SYS_sched_getparam, 1 },
		{ SYS_rt_sigqueueinfo, 2 },
		{ SYS_rt_tgsigqueueinfo, 3 },
		{ SYS_poll, 0 },
	};

	for (size_t i = 0; i < sizeof(pointers) / sizeof(*pointers); i++) {
		const struct xo_syscall *sc = xo_syscall_find(pointers[i].nr);

		assert_non_null(sc);
		assert_true(xo_arg_is_pointer(&sc->args[pointers[i].arg]));
	}
	/* Those whose memory the kernel reaches in ways that the table has no words for stay home.
	 */
	for (size_t i = 0; i < XO_SYSCALLS; i++)
		if (i == SYS_readv || i == SYS_writev || i == SYS_clone || i == SYS_futex ||
		    i == SYS_mmap || i == SYS_rt_sigaction || i == SYS_execve || i == SYS_ppoll)
			assert_true(!xo_syscall_find(i) || !xo_syscall_goes(xo_syscall_find(i)));
}

static void sizes_are_those_of_the_kernels_structures(void **state)
{
	assert_int_equal(xo_syscall_find(SYS_stat)->args[1].size, sizeof(struct stat));
	assert_int_equal(xo_syscall_find(SYS_newfstatat)->args[2].size, sizeof(struct stat));
	assert_int_equal(xo_syscall_find(SYS_statx)->args[4].size, sizeof(struct statx));
	assert_int_equal(xo_syscall_find(SYS_statfs)->args[1].size, sizeof(struct statfs));
	assert_int_equal(xo_syscall_find(SYS_uname)->args[0].size, sizeof(struct utsname));
	assert_int_equal(xo_syscall_find(SYS_sysinfo)->args[0].size, sizeof(struct sysinfo));
	assert_int_equal(xo_syscall_find(SYS_prlimit64)->args[3].size, sizeof(struct rlimit));
	assert_int_equal(xo_syscall_find(SYS_utimensat)->args[2].size, 2 * sizeof(struct timespec));
	assert_int_equal(xo_command_find(SYS_fcntl, F_SETLK)->arg.size, sizeof(struct flock));
	assert_int_equal(xo_command_find(SYS_ioctl, TIOCGWINSZ)->arg.size, sizeof(struct winsize));
	assert_int_equal(xo_command_find(SYS_ioctl, FIONREAD)->arg.size, sizeof(int));
}

static void commands_have_the_systems_values(void **state)
{
#define XO_COMMAND(nr, name, cmd, class, arg) \
	assert_true((unsigned int)(cmd) == (unsigned int)(name));
#define XO_COMMAND_LOCAL(nr, name, cmd) assert_true((unsigned int)(cmd) == (unsigned int)(name));
#include <crossover/syscalls.def>
	assert_null(xo_command_find(SYS_ioctl, TIOCSTI));
	assert_null(xo_command_find(SYS_fcntl, F_SETOWN));
}

static void local_paths_are_whole_names_and_data_only_what_is_read(void **state)
{
	assert_true(xo_path_is_local("/dev/tty", 0));
	assert_false(xo_path_is_local("/dev/tty1", 0));
	assert_false(xo_path_is_local("/dev/tt", 0));
	assert_true(xo_path_is_local("/usr/lib/locale/locale-archive", 1));
	assert_false(xo_path_is_local("/usr/lib/locale/locale-archive", 0));
	assert_false(xo_path_is_local("/usr/lib/locale", 1));
	assert_false(xo_path_is_local("/etc/passwd", 1));
	assert_false(xo_path_is_local("", 1));
#define XO_LOCAL_PATH(path)   assert_true(sizeof(path) < XO_LOCAL_PATH_MAX);
#define XO_LOCAL_DATA(prefix) assert_true(sizeof(prefix) < XO_LOCAL_PATH_MAX);
#include <crossover/syscalls.def>
}

static void no_call_beyond_the_table(void **state)
{
	assert_null(xo_syscall_find(XO_SYSCALLS));
	assert_null(xo_syscall_find(~0ULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_are_the_kernels),
		cmocka_unit_test(every_line_is_whole),
		cmocka_unit_test(lengths_are_values_and_structures_have_sizes),
		cmocka_unit_test(pointers_of_calls_that_go_are_declared),
		cmocka_unit_test(sizes_are_those_of_the_kernels_structures),
		cmocka_unit_test(commands_have_the_systems_values),
		cmocka_unit_test(local_paths_are_whole_names_and_data_only_what_is_read),
		cmocka_unit_test(no_call_beyond_the_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
