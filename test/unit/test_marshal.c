// SPDX-License-Identifier: GPL-2.0
// A callee's answer must never make the router write past the program's buffer; a caller's request
// must never make the stub touch memory outside of the slot, or a descriptor of its own.
// link: guest/marshal.c guest/marshal_table.c guest/decode.c xo/stub_call.c
// link: xo/stub_fd.c xo/stub_path.c xo/stub_syscall.c xo/policy.c xo/policy_parse.c
// link: xo/calls.c xo/log.c lib/names.c
#include "guest/marshal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <cmocka.h>
#include "xo/log.h"
#include "xo/stub_exec.h"
#include "xo/stub_impl.h"

/* The program's memory, as the kernel's user copies see it; addresses below 4096 fault. */
long xo_copy_in(void *to, __u64 from, __u32 bytes)
{
	if (from < 4096)
		return -EFAULT;
	memcpy(to, (void *)(uintptr_t)from, bytes);
	return 0;
}

long xo_copy_string_in(char *to, __u64 from, __u32 room)
{
	size_t len;

	if (from < 4096)
		return -EFAULT;
	len = strnlen((char *)(uintptr_t)from, room);
	memcpy(to, (void *)(uintptr_t)from, len < room ? len + 1 : room);
	return len;
}

long xo_copy_out(__u64 to, const void *from, __u32 bytes)
{
	if (to < 4096)
		return -EFAULT;
	memcpy((void *)(uintptr_t)to, from, bytes);
	return 0;
}

#define P(pointer) ((uintptr_t)(pointer))

static char *slot; /* of exact size, so that ASan sees what is beyond */
static struct xo_policy *policy;
static struct xo_stub_call stub;

static void init(struct xo_frame *f, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	__u64 args[XO_SYSCALL_ARGS] = { a, b, c, d };

	assert_int_equal(xo_frame_init(f, xo_syscall_find(nr), args), 0);
}

/* The whole way there and back, but for the hypercalls. */
static long remotely(long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	__u64 args[XO_SYSCALL_ARGS] = { a, b, c, d, e };
	struct xo_msg msg = { .op = XO_OP_SYSCALL, .nr = nr };
	struct xo_frame f;
	int64_t ret;

	ret = xo_frame_init(&f, xo_syscall_find(nr), args);
	if (ret)
		return ret;
	ret = xo_frame_request(&f, slot);
	if (ret < 0)
		return ret;
	memcpy(msg.args, f.wire, sizeof(msg.args));
	xo_stub_call(&stub, &msg, slot);
	ret = xo_frame_result(&f, stub.result, stub.out_len);
	if (ret >= 0 && xo_frame_reply(&f, slot, ret))
		return -EFAULT;
	return ret;
}

static void use_policy(const char *rules)
{
	char text[1024], why[256];

	snprintf(text, sizeof(text), "caller mgr {\n user root\n %s\n}\n", rules);
	xo_policy_free(policy);
	policy = xo_policy_parse("test", text, strlen(text), why, sizeof(why));
	if (!policy)
		fail_msg("%s", why);
	stub.policy = xo_policy_find(policy, "mgr");
	assert_non_null(stub.policy);
}

static int setup(void **state)
{
	slot = malloc(XO_SLOT_DATA);
	xo_log_set_fd(open("/dev/null", O_WRONLY));
	use_policy("allow calls all\n allow all /**");
	return slot && !xo_stub_catch_cancel() ? 0 : -1;
}

static int teardown(void **state)
{
	xo_policy_free(policy);
	free(slot);
	return 0;
}

/* ------------------------------------------------------------------ the request */

static void request_lays_out_strings_and_buffers(void **state)
{
	char value[] = "abc";
	struct xo_frame f;

	init(&f, SYS_setxattr, P("/tmp/a"), P("user.k"), P(value), 3);
	assert_int_equal(xo_frame_request(&f, slot), 24);
	assert_int_equal(f.wire[0], 0);
	assert_int_equal(f.wire[1], 8);
	assert_int_equal(f.wire[2], 16);
	assert_int_equal(f.wire[3], 3);
	assert_string_equal(slot, "/tmp/a");
	assert_string_equal(slot + 8, "user.k");
	assert_memory_equal(slot + 16, value, 3);
}

static void request_refuses_what_does_not_fit(void **state)
{
	char *longest = malloc(XO_SLOT_DATA + 1);
	struct xo_frame f;

	memset(longest, 'x', XO_SLOT_DATA + 1);
	init(&f, SYS_sethostname, P(longest), XO_SLOT_DATA + 1, 0, 0);
	assert_int_equal(xo_frame_request(&f, slot), -E2BIG);
	init(&f, SYS_write, 0, P(longest), ~0ULL, 0);
	assert_int_equal(xo_frame_request(&f, slot), -E2BIG);
	init(&f, SYS_open, P(longest), O_RDONLY, 0, 0);
	assert_int_equal(xo_frame_request(&f, slot), -ENAMETOOLONG);
	init(&f, SYS_write, 0, P(longest), XO_SLOT_DATA, 0);
	assert_int_equal(xo_frame_request(&f, slot), XO_SLOT_DATA);
	free(longest);
}

static void request_of_a_bad_pointer_is_efault(void **state)
{
	struct xo_frame f;

	init(&f, SYS_write, 0, 8, 1, 0);
	assert_int_equal(xo_frame_request(&f, slot), -EFAULT);
	init(&f, SYS_chdir, 8, 0, 0, 0);
	assert_int_equal(xo_frame_request(&f, slot), -EFAULT);
	init(&f, SYS_chdir, 0, 0, 0, 0); /* NULL goes as NULL: the callee's kernel says EFAULT */
	assert_int_equal(xo_frame_request(&f, slot), 0);
	assert_true(f.wire[0] == XO_NO_POINTER);
}

static void room_is_made_to_fit_the_slot(void **state)
{
	struct xo_frame f;

	init(&f, SYS_read, 0, 4096, ~0ULL, 0);
	assert_int_equal(xo_frame_request(&f, slot), 0);
	assert_int_equal(f.wire[2], XO_SLOT_DATA);
	init(&f, SYS_readlink, P("/a"), 4096, 1 << 30, 0);
	assert_int_equal(xo_frame_request(&f, slot), 8);
	assert_int_equal(f.wire[2], XO_SLOT_DATA - 8);
	assert_int_equal(f.wire[1], 8);
}

static void unknown_commands_are_refused(void **state)
{
	__u64 args[XO_SYSCALL_ARGS] = { 5, 0x5412 /* TIOCSTI */, 4096 };
	struct xo_frame f;

	assert_int_equal(xo_frame_init(&f, xo_syscall_find(SYS_ioctl), args), -ENOTTY);
	args[1] = F_SETOWN;
	assert_int_equal(xo_frame_init(&f, xo_syscall_find(SYS_fcntl), args), -EINVAL);
	args[1] = F_DUPFD;
	assert_int_equal(xo_frame_init(&f, xo_syscall_find(SYS_fcntl), args), -EINVAL);
}

/* ------------------------------------------------------------------ the reply of a hostile callee
 */

static void results_that_cannot_be_are_eio(void **state)
{
	static const int64_t never[] = { -512, -516, -4095, -4096, INT64_MIN };
	char buf[16];
	struct xo_frame f;

	init(&f, SYS_read, 0, P(buf), sizeof(buf), 0);
	xo_frame_request(&f, slot);
	for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
		assert_int_equal(xo_frame_result(&f, never[i], XO_SLOT_DATA), -EIO);
	assert_int_equal(xo_frame_result(&f, 17, XO_SLOT_DATA), -EIO);
	assert_int_equal(xo_frame_result(&f, INT64_MAX, XO_SLOT_DATA), -EIO);
	assert_int_equal(xo_frame_result(&f, 16, 15), -EIO);
	assert_int_equal(xo_frame_result(&f, 16, 16), 16);
	assert_int_equal(xo_frame_result(&f, 0, 0), 0);
	assert_int_equal(xo_frame_result(&f, -ENOENT, 0), -ENOENT);

	init(&f, SYS_write, 0, P(buf), sizeof(buf), 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 17, 0), -EIO);
	assert_int_equal(xo_frame_result(&f, 16, 0), 16);

	init(&f, SYS_chmod, P("/a"), 0, 0, 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 1, 0), -EIO);

	init(&f, SYS_open, P("/a"), 0, 0, 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 1LL << 31, 0), -EIO);

	init(&f, SYS_getgroups, 4, P(buf), 0, 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 5, XO_SLOT_DATA), -EIO);
	assert_int_equal(xo_frame_result(&f, 4, XO_SLOT_DATA), 4);
	init(&f, SYS_getgroups, 0, 0, 0, 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 5, 0), 5);

	init(&f, SYS_uname, P(buf), 0, 0, 0);
	xo_frame_request(&f, slot);
	assert_int_equal(xo_frame_result(&f, 0, 389), -EIO);
}

static void a_short_read_leaves_the_rest_of_the_buffer(void **state)
{
	char buf[8] = "AAAAAAA";
	struct xo_frame f;

	init(&f, SYS_read, 0, P(buf), sizeof(buf), 0);
	xo_frame_request(&f, slot);
	memcpy(slot, "bbbbbbbb", 8);
	assert_int_equal(xo_frame_reply(&f, slot, 3), 0);
	assert_memory_equal(buf, "bbbAAAA", 8);
}

/* ------------------------------------------------------------------ there and back */

static void calls_do_what_native_ones_do(void **state)
{
	struct utsname here, there;
	struct stat a, b;
	char buf[64], cwd[4096], native[4096];
	long fd;

	assert_int_equal(remotely(SYS_uname, P(&there), 0, 0, 0, 0), 0);
	uname(&here);
	assert_memory_equal(&here, &there, sizeof(here));
	assert_int_equal(remotely(SYS_getpid, 0, 0, 0, 0, 0), getpid());
	assert_true(remotely(SYS_getcwd, P(cwd), sizeof(cwd), 0, 0, 0) > 1);
	assert_string_equal(cwd, getcwd(native, sizeof(native)));
	assert_int_equal(remotely(SYS_newfstatat, AT_FDCWD, P("/etc/passwd"), P(&a), 0, 0), 0);
	stat("/etc/passwd", &b);
	assert_int_equal(a.st_ino, b.st_ino);
	fd = remotely(SYS_openat, AT_FDCWD, P("/etc/passwd"), O_RDONLY, 0, 0);
	assert_true(fd > 2);
	assert_true(S_ISREG(stub.file_mode));
	assert_int_equal(remotely(SYS_pread64, fd, P(buf), 4, 0, 0), 4);
	assert_memory_equal(buf, "root", 4);
	assert_int_equal(remotely(SYS_newfstatat, fd, P(""), P(&a), AT_EMPTY_PATH, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(remotely(SYS_fcntl, fd, F_GETFL, 0, 0, 0) & O_ACCMODE, O_RDONLY);
	assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), -EBADF);
	assert_int_equal(remotely(SYS_open, P("/no/such"), 0, 0, 0, 0), -ENOENT);
	assert_int_equal(remotely(SYS_chdir, 0, 0, 0, 0, 0), -EFAULT);
}

static void the_stubs_own_descriptors_are_out_of_reach(void **state)
{
	int own = open("/dev/null", O_RDWR), high = fcntl(own, F_DUPFD, XO_STUB_FD_BASE);
	char c = 0;

	for (int fd = -1; fd < 4; fd++)
		assert_int_equal(remotely(SYS_write, fd, P(&c), 1, 0, 0), -EBADF);
	assert_int_equal(remotely(SYS_write, own, P(&c), 1, 0, 0), -EBADF);
	assert_int_equal(remotely(SYS_close, own, 0, 0, 0, 0), -EBADF);
	assert_int_equal(remotely(SYS_openat, own, P("x"), 0, 0, 0), -EBADF);
	assert_int_equal(remotely(SYS_fstat, high, P(slot), 0, 0, 0), -EBADF);
	assert_int_equal(fcntl(own, F_GETFD), 0);
	close(own);
	close(high);
}

static void local_and_undeclared_calls_are_enosys_for_the_stub(void **state)
{
	static const int calls[] = {
		SYS_mmap,   SYS_futex,	      SYS_execve,     SYS_clone,  SYS_fork, SYS_readv,
		SYS_writev, SYS_rt_sigreturn, SYS_exit_group, SYS_ptrace, 511,	    512,
		-1
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
		struct xo_msg msg = { .op = XO_OP_SYSCALL, .nr = calls[i] };

		xo_stub_call(&stub, &msg, slot);
		assert_int_equal(stub.result, -ENOSYS);
	}
}

static void offsets_outside_of_the_slot_are_refused(void **state)
{
	static const uint64_t offsets[] = { XO_SLOT_DATA, XO_SLOT_DATA - 8, XO_SLOT_DATA + 8, 4,
					    1ULL << 63,	  ~0ULL - 7 };

	memset(slot, 'x', XO_SLOT_DATA);
	for (size_t i = 0; i < sizeof(offsets) / sizeof(*offsets); i++) {
		struct xo_msg msg = { .nr = SYS_uname, .args = { offsets[i] } };

		xo_stub_call(&stub, &msg, slot);
		assert_int_equal(stub.result, -EINVAL);
		msg.nr = SYS_chdir; /* a string without an end */
		xo_stub_call(&stub, &msg, slot);
		assert_true(stub.result == -EINVAL || stub.result == -ENAMETOOLONG);
		msg.nr = SYS_sethostname;
		msg.args[0] = 8;
		msg.args[1] = offsets[i] + 1;
		xo_stub_call(&stub, &msg, slot);
		assert_int_equal(stub.result,
				 msg.args[1] > XO_SLOT_DATA - 8 ? -EINVAL : stub.result);
	}
}

static void a_placeholders_poll_is_one_descriptor_and_does_not_wait(void **state)
{
	struct pollfd p = { .fd = 0, .events = POLLIN };
	struct xo_msg msg = { .nr = SYS_poll, .args = { 0, 1000, (uint64_t)-1 } };
	long fd = remotely(SYS_open, P("/dev/null"), O_RDONLY, 0, 0, 0);

	memcpy(slot, &p, sizeof(p));
	xo_stub_call(&stub, &msg, slot);
	assert_int_equal(stub.result, -EBADF);
	p.fd = fd;
	memcpy(slot, &p, sizeof(p));
	xo_stub_call(&stub, &msg, slot);
	assert_int_equal(stub.result, 1);
	assert_int_equal(((struct pollfd *)slot)->revents, POLLIN);
	remotely(SYS_close, fd, 0, 0, 0, 0);
}

static void signals_to_the_stubs_group_are_refused(void **state)
{
	assert_int_equal(remotely(SYS_kill, 0, 0, 0, 0, 0), -EPERM);
	assert_int_equal(remotely(SYS_kill, 1, 0, 0, 0, 0), kill(1, 0) ? -errno : 0);
}

/* ------------------------------------------------------------------ paths under a policy */

static char top[256]; /* $XO_TEST_DIR, resolved */

static char *in_top(const char *name)
{
	static char text[8][512];
	static unsigned int next;
	char *to = text[next++ % 8];

	snprintf(to, sizeof(text[0]), "%s%s", top, name);
	return to;
}

static void make_tree(void)
{
	char rules[800];

	assert_non_null(realpath(getenv("XO_TEST_DIR"), top));
	mkdir(in_top("/open"), 0755);
	mkdir(in_top("/shut"), 0755);
	close(open(in_top("/shut/secret"), O_CREAT | O_WRONLY, 0644));
	close(open(in_top("/open/file"), O_CREAT | O_WRONLY, 0644));
	close(open(in_top("/open/fixed"), O_CREAT | O_WRONLY, 0644));
	(void)!symlink("../shut/secret", in_top("/open/link"));
	(void)!symlink("../shut", in_top("/open/dir"));
	(void)!symlink("nowhere", in_top("/open/dangling"));
	snprintf(rules, sizeof(rules),
		 "allow calls all\n allow all %s/open/**\n deny write %s/open/fixed", top, top);
	use_policy(rules);
}

static long open_path(const char *path, int flags)
{
	long fd = remotely(SYS_openat, AT_FDCWD, P(path), flags, 0644, 0);

	if (fd >= 0)
		assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), 0);
	return fd < 0 ? fd : 0;
}

static void links_do_not_lead_out_of_what_is_allowed(void **state)
{
	struct stat st;

	make_tree();
	assert_int_equal(open_path(in_top("/open/file"), O_RDWR), 0);
	assert_int_equal(open_path(in_top("/shut/secret"), O_RDONLY), -EACCES);
	assert_int_equal(open_path(in_top("/open/link"), O_RDONLY), -EACCES);
	assert_int_equal(open_path(in_top("/open/link"), O_RDONLY | O_NOFOLLOW), -ELOOP);
	assert_int_equal(open_path(in_top("/open/dir/secret"), O_RDONLY), -EACCES);
	assert_int_equal(open_path(in_top("/open/../shut/secret"), O_RDONLY), -EACCES);
	assert_int_equal(open_path(in_top("/open/dir/new"), O_CREAT | O_WRONLY), -EACCES);
	assert_int_equal(open_path(in_top("/open/dangling"), O_CREAT | O_WRONLY), -ELOOP);
	assert_int_equal(remotely(SYS_stat, P(in_top("/open/link")), P(&st), 0, 0, 0), -EACCES);
	assert_int_equal(remotely(SYS_lstat, P(in_top("/open/link")), P(&st), 0, 0, 0), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(remotely(SYS_mkdir, P(in_top("/open/dir/d")), 0755, 0, 0, 0), -EACCES);
	assert_int_equal(
		remotely(SYS_rename, P(in_top("/open/file")), P(in_top("/shut/file")), 0, 0, 0),
		-EACCES);
	assert_int_equal(
		remotely(SYS_link, P(in_top("/shut/secret")), P(in_top("/open/mine")), 0, 0, 0),
		-EACCES);
	assert_int_equal(remotely(SYS_chmod, P(in_top("/open/link")), 0777, 0, 0, 0), -EACCES);
	assert_int_equal(remotely(SYS_truncate, P(in_top("/open/fixed")), 0, 0, 0, 0), -EACCES);
}

static void a_file_that_may_be_read_is_not_changed_by_its_descriptor(void **state)
{
	struct timespec now[2] = { 0 };
	long fd;

	make_tree();
	fd = remotely(SYS_open, P(in_top("/open/fixed")), O_RDONLY, 0, 0, 0);
	assert_true(fd >= 0);
	assert_int_equal(remotely(SYS_fchmod, fd, 0777, 0, 0, 0), -EACCES);
	assert_int_equal(remotely(SYS_fchownat, fd, P(""), 0, 0, AT_EMPTY_PATH), -EACCES);
	assert_int_equal(remotely(SYS_utimensat, fd, 0, P(now), 0, 0), -EACCES);
	assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), 0);
}

static void what_is_allowed_works_through_held_objects(void **state)
{
	char buf[256], name[512];
	struct statx stx;
	struct stat st;
	long fd, dir;

	make_tree();
	fd = remotely(SYS_open, P(in_top("/open/new")), O_CREAT | O_EXCL | O_RDWR, 0600, 0, 0);
	assert_true(fd >= 0);
	assert_int_equal(remotely(SYS_write, fd, P("hello"), 5, 0, 0), 5);
	assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), 0);
	assert_int_equal(open_path(in_top("/open/new"), O_CREAT | O_EXCL | O_RDWR), -EEXIST);
	assert_int_equal(remotely(SYS_stat, P(in_top("/open/new")), P(&st), 0, 0, 0), 0);
	assert_int_equal(st.st_size, 5);
	assert_int_equal(remotely(SYS_creat, P(in_top("/open/new")), 0600, 0, 0, 0) < 0, 0);
	assert_int_equal(stat(in_top("/open/new"), &st), 0);
	assert_int_equal(st.st_size, 0);
	dir = remotely(SYS_open, P(in_top("/open")), O_RDONLY | O_DIRECTORY, 0, 0, 0);
	assert_true(dir >= 0);
	assert_int_equal(remotely(SYS_mkdirat, dir, P("sub/"), 0755, 0, 0), 0);
	assert_int_equal(remotely(SYS_renameat2, dir, P("sub"), dir, P("sub2"), 0), 0);
	assert_int_equal(remotely(SYS_unlinkat, dir, P("sub2"), AT_REMOVEDIR, 0, 0), 0);
	assert_int_equal(
		remotely(SYS_statx, dir, P("file"), AT_SYMLINK_NOFOLLOW, STATX_ALL, P(&stx)), 0);
	assert_int_equal(
		remotely(SYS_link, P(in_top("/open/file")), P(in_top("/open/hard")), 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_symlink, P("x"), P(in_top("/open/soft")), 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_readlink, P(in_top("/open/soft")), P(buf), sizeof(buf), 0, 0),
			 1);
	assert_int_equal(remotely(SYS_readlinkat, dir, P("soft"), P(buf), sizeof(buf), 0), 1);
	assert_int_equal(remotely(SYS_readlink, P(in_top("/open/file")), P(buf), 9, 0, 0), -EINVAL);
	assert_int_equal(remotely(SYS_readlinkat, dir, P("file"), P(buf), 9, 0), -EINVAL);
	assert_int_equal(remotely(SYS_lchown, P(in_top("/open/soft")), getuid(), getgid(), 0, 0),
			 0);
	assert_int_equal(remotely(SYS_unlink, P(in_top("/open/soft")), 0, 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_unlink, P(in_top("/open/hard")), 0, 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_access, P(in_top("/open/file")), R_OK, 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_chmod, P(in_top("/open/file")), 0604, 0, 0, 0), 0);
	stat(in_top("/open/file"), &st);
	assert_int_equal(st.st_mode & 07777, 0604);
	assert_int_equal(remotely(SYS_unlink, P(in_top("/open/new")), 0, 0, 0, 0), 0);
	assert_int_equal(remotely(SYS_close, dir, 0, 0, 0, 0), 0);
	assert_non_null(getcwd(name, sizeof(name)));
	assert_int_equal(remotely(SYS_chdir, P(in_top("/open")), 0, 0, 0, 0), 0);
	assert_int_equal(open_path("file", O_RDONLY), 0);
	assert_int_equal(open_path("../shut/secret", O_RDONLY), -EACCES);
	assert_int_equal(chdir(name), 0);
}

static void a_stubs_memory_is_not_written(void **state)
{
	use_policy("allow calls all\n allow all /**");
	assert_int_equal(open_path("/proc/self/mem", O_RDWR), -EACCES);
	assert_int_equal(open_path("/proc/thread-self/mem", O_WRONLY), -EACCES);
	assert_int_equal(open_path("/proc/self/comm", O_RDWR), 0);
}

static void calls_without_a_rule_are_refused(void **state)
{
	struct utsname u;

	use_policy("allow calls getpid");
	assert_int_equal(remotely(SYS_getpid, 0, 0, 0, 0, 0), getpid());
	assert_int_equal(remotely(SYS_uname, P(&u), 0, 0, 0, 0), -EACCES);
	assert_int_equal(open_path("/etc/passwd", O_RDONLY), -EACCES);
	use_policy("allow calls all");
	assert_int_equal(open_path("/etc/passwd", O_RDONLY), -EACCES);
}

/* ------------------------------------------------------------------ giving up */

static bool wanted_no_more;
static unsigned int asked;

static bool given_up(void *ctx)
{
	asked++;
	return wanted_no_more;
}

static void *signal_soon(void *thread)
{
	usleep(50000);
	pthread_kill(*(pthread_t *)thread, XO_CANCEL_SIGNAL);
	usleep(50000);
	wanted_no_more = true;
	pthread_kill(*(pthread_t *)thread, XO_CANCEL_SIGNAL);
	return NULL;
}

static void a_blocking_call_ends_when_it_is_given_up_and_not_before(void **state)
{
	pthread_t self = pthread_self(), other;
	char fifo[300], c;
	long fd;

	use_policy("allow calls all\n allow all /**");
	snprintf(fifo, sizeof(fifo), "%s/fifo", getenv("XO_TEST_DIR"));
	assert_int_equal(mkfifo(fifo, 0600), 0);
	fd = remotely(SYS_open, P(fifo), O_RDWR, 0, 0, 0);
	assert_true(fd >= 0);
	stub.given_up = given_up;
	wanted_no_more = false;
	asked = 0;
	xo_stub_uncancel();
	assert_int_equal(pthread_create(&other, NULL, signal_soon, &self), 0);
	assert_int_equal(remotely(SYS_read, fd, P(&c), 1, 0, 0), -EINTR);
	pthread_join(other, NULL);
	assert_int_equal(asked, 2);

	/* a signal that came before the call has begun */
	xo_stub_uncancel();
	pthread_kill(self, XO_CANCEL_SIGNAL);
	assert_int_equal(remotely(SYS_read, fd, P(&c), 1, 0, 0), -EINTR);
	assert_int_equal(remotely(SYS_close, fd, 0, 0, 0, 0), 0);
	stub.given_up = NULL;
}

static void a_visit_is_allowed_only_what_no_path_can_change(void **state)
{
	static const struct {
		const char *rules;
		long nr;
		bool allowed;
	} cases[] = {
		{ "allow calls all\n allow all /**", SYS_openat, true },
		{ "allow calls all\n allow all /**", SYS_ioctl, true },
		{ "allow calls all\n allow all /**", SYS_mmap, false },
		{ "allow calls all\n allow all /**", 511, false },
		{ "allow calls all\n deny calls kill\n allow all /**", SYS_kill, false },
		{ "allow calls all\n allow all /**\n deny all /etc/shadow", SYS_stat, false },
		{ "allow calls all\n allow all /**\n deny all /etc/shadow", SYS_pread64, true },
		{ "allow calls all\n allow all /**\n deny all /etc/shadow", SYS_write, true },
		{ "allow calls all\n allow all /**\n deny all /etc/shadow", SYS_ftruncate, false },
		{ "allow calls all\n allow read /**", SYS_stat, true },
		{ "allow calls all\n allow read /**", SYS_openat, false },
		{ "allow calls all\n allow read /**", SYS_unlink, false },
		{ "allow calls all\n allow read /**", SYS_ioctl, false },
		{ "allow calls all\n allow read /**", SYS_close, true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		use_policy(cases[i].rules);
		if (xo_stub_always_allowed(stub.policy, cases[i].nr) != cases[i].allowed)
			fail_msg("call %ld, policy: %s", cases[i].nr, cases[i].rules);
	}
	use_policy("allow calls all\n allow all /**");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(request_lays_out_strings_and_buffers),
		cmocka_unit_test(request_refuses_what_does_not_fit),
		cmocka_unit_test(request_of_a_bad_pointer_is_efault),
		cmocka_unit_test(room_is_made_to_fit_the_slot),
		cmocka_unit_test(unknown_commands_are_refused),
		cmocka_unit_test(results_that_cannot_be_are_eio),
		cmocka_unit_test(a_short_read_leaves_the_rest_of_the_buffer),
		cmocka_unit_test(calls_do_what_native_ones_do),
		cmocka_unit_test(the_stubs_own_descriptors_are_out_of_reach),
		cmocka_unit_test(local_and_undeclared_calls_are_enosys_for_the_stub),
		cmocka_unit_test(offsets_outside_of_the_slot_are_refused),
		cmocka_unit_test(a_placeholders_poll_is_one_descriptor_and_does_not_wait),
		cmocka_unit_test(signals_to_the_stubs_group_are_refused),
		cmocka_unit_test(links_do_not_lead_out_of_what_is_allowed),
		cmocka_unit_test(a_file_that_may_be_read_is_not_changed_by_its_descriptor),
		cmocka_unit_test(what_is_allowed_works_through_held_objects),
		cmocka_unit_test(a_stubs_memory_is_not_written),
		cmocka_unit_test(calls_without_a_rule_are_refused),
		cmocka_unit_test(a_blocking_call_ends_when_it_is_given_up_and_not_before),
		cmocka_unit_test(a_visit_is_allowed_only_what_no_path_can_change),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
