// SPDX-License-Identifier: GPL-2.0
// A stub must never start with rights, descriptors or a directory that the policy's user does not
// have, whatever the caller claims. Device and window are played by the wrapped calls below.
// link: xo/session.c xo/account.c xo/policy.c xo/policy_parse.c xo/calls.c xo/log.c
// link: lib/handle.c lib/host.c lib/guest.c lib/names.c lib/reasons.c
// libs: -Wl,--wrap=ioctl -Wl,--wrap=mmap -Wl,--wrap=mmap64 -Wl,--wrap=open -Wl,--wrap=open64
#include "xo/serve.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>
#include "xo/log.h"
#include "xo/stub_exec.h"

#define DEVICE_FD_MAGIC ((size_t)XO_SLOT_SIZE)
#define RAN		42 /* exit code: xo_stub_run() was reached and found all as it should be */
#define WRONG		43

static const char policy_text[] = "caller mgr {\n user root\n allow calls chdir\n"
				  " allow read / /tmp/**\n}\n";

/* What the caller wrote, what ADOPT answers, where the stub should find itself. */
static struct {
	struct xo_open claim;
	uint32_t op, in_len;
	int adopt_error;
	const char *cwd;
} play;

/* Shared with the child: the status that it refused the OPEN call with. */
static int *refused_with;

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
void *__real_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == XO_G_VERSION)
		return 0;
	if (request == XO_G_SERVE)
		*refused_with = ((struct xo_g_serve *)arg)->status;
	errno = request == XO_G_ADOPT ? play.adopt_error : ENOTTY;
	return request == XO_G_ADOPT && !play.adopt_error ? 0 : -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	return __real_open(!strcmp(path, XO_DEVICE) ? "/dev/null" : path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

void *__wrap_mmap(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	struct xo_msg msg = { .op = play.op, .in_len = play.in_len };
	char *slot;

	if (len != DEVICE_FD_MAGIC || fd < 0)
		return __real_mmap(at, len, prot, flags, fd, off);
	slot = __real_mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memcpy(slot, &msg, sizeof(msg));
	memcpy(slot + XO_SLOT_HEADER, &play.claim, sizeof(play.claim));
	return slot;
}

void *__wrap_mmap64(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap(at, len, prot, flags, fd, off);
}

static int open_descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 4096; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

/* Stands for the router's: looks whether all is as it was promised. */
int xo_stub_run(struct xo_stub *s)
{
	char cwd[256];
	mode_t mask = umask(0);

	if (geteuid() != 1000 || getuid() != 1000 || getegid() != 100 || !setuid(0))
		_exit(WRONG);
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || prctl(PR_GET_DUMPABLE) != 0)
		_exit(WRONG + 1);
	/* 0 to 2, device, log; the sanitizers may hold none of their own. */
	if (open_descriptors() != 5 || strcmp(s->caller, "mgr"))
		_exit(WRONG + 2);
	if (mask != 027 || !getcwd(cwd, sizeof(cwd)) || strcmp(cwd, play.cwd))
		_exit(WRONG + 3);
	if (getsid(0) != getpid() || signal(SIGTERM, SIG_DFL) != SIG_DFL)
		_exit(WRONG + 4);
	_exit(RAN);
}

/* Run a session in a process of its own: its exit code. */
static int session(const char *home)
{
	struct xo_account a = { .uid = 1000, .gid = 100, .groups = { 100 }, .group_count = 1 };
	struct xo_g_serve req = { .peer = "mgr", .slot = 1, .link = 2, .seq = 3 };
	char why[256];
	int status;
	pid_t pid;

	strcpy(a.home, home);
	*refused_with = 0;
	pid = fork();
	if (pid == 0) {
		struct xo_policy *p = xo_policy_parse("policy", policy_text,
						      sizeof(policy_text) - 1, why, sizeof(why));
		int log = fcntl(__real_open("/dev/null", O_WRONLY), F_DUPFD, XO_STUB_FD_BASE);

		signal(SIGTERM, SIG_IGN);
		xo_log_set_fd(log);
		_exit(xo_session(&req, xo_policy_find(p, "mgr"), &a, log));
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int fresh(void **state)
{
	memset(&play, 0, sizeof(play));
	play.op = XO_OP_OPEN;
	play.in_len = sizeof(struct xo_open);
	play.claim.revision = XO_ABI_REVISION;
	play.claim.umask = 027;
	play.cwd = "/tmp";
	strcpy(play.claim.cwd, "/tmp");
	if (!refused_with)
		refused_with = __real_mmap(NULL, 4096, PROT_READ | PROT_WRITE,
					   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	return refused_with == MAP_FAILED ? -1 : 0;
}

static void need_root(void)
{
	if (geteuid() != 0)
		skip();
}

static void a_stub_starts_as_the_policys_user_and_no_more(void **state)
{
	need_root();
	assert_int_equal(session("/"), RAN);
}

static void without_a_wish_it_starts_at_home(void **state)
{
	need_root();
	play.claim.cwd[0] = '\0';
	play.cwd = "/usr";
	assert_int_equal(session("/usr"), RAN);
	play.cwd = "/";
	assert_int_equal(session("/nonexistent"), RAN);
	assert_int_equal(session("/root"), RAN);
}

static void refused(int status)
{
	assert_int_equal(session("/"), XO_SESSION_FAILED);
	assert_int_equal(*refused_with, status);
}

static void a_wished_directory_is_entered_or_refused(void **state)
{
	need_root();
	strcpy(play.claim.cwd, "/nonexistent");
	refused(-ENOTDIR);
	strcpy(play.claim.cwd, "/dev/null");
	refused(-ENOTDIR);
	strcpy(play.claim.cwd, "/root");
	refused(-EACCES);
	strcpy(play.claim.cwd, "/usr");
	refused(-EACCES);
	strcpy(play.claim.cwd, "/tmp/../usr");
	refused(-EACCES);
	strcpy(play.claim.cwd, "/proc/self/root/usr");
	refused(-EACCES);
}

static void claims_that_make_no_sense_are_refused(void **state)
{
	need_root();
	play.claim.revision++;
	refused(-EPROTO);
	fresh(state);
	play.claim.umask = 01000;
	refused(-EINVAL);
	fresh(state);
	memset(play.claim.cwd, '/', sizeof(play.claim.cwd));
	refused(-EINVAL);
	fresh(state);
	strcpy(play.claim.cwd, "tmp");
	refused(-EINVAL);
	fresh(state);
	play.op = XO_OP_SYSCALL;
	refused(-EINVAL);
	fresh(state);
	play.in_len--;
	refused(-EINVAL);
}

static void a_call_that_was_not_adopted_is_left_to_the_master(void **state)
{
	need_root();
	play.adopt_error = ESTALE;
	assert_int_equal(session("/"), XO_SESSION_UNADOPTED);
	assert_int_equal(*refused_with, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_stub_starts_as_the_policys_user_and_no_more, fresh),
		cmocka_unit_test_setup(without_a_wish_it_starts_at_home, fresh),
		cmocka_unit_test_setup(a_wished_directory_is_entered_or_refused, fresh),
		cmocka_unit_test_setup(claims_that_make_no_sense_are_refused, fresh),
		cmocka_unit_test_setup(a_call_that_was_not_adopted_is_left_to_the_master, fresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
