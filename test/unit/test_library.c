// SPDX-License-Identifier: GPL-2.0
// A failure of the library must never come without a sentence that names the VM or link, nor leave
// a handle half open. The device is played by the wrapped ioctl() below.
// link: lib/handle.c lib/host.c lib/guest.c lib/names.c lib/reasons.c
// libs: -Wl,--wrap=ioctl -Wl,--wrap=open -Wl,--wrap=open64
#include <crossover/crossover.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* What the device answers to one request: errno (0: fine), reason for the host's structures. */
static struct {
	enum xo_side side;
	unsigned int revision;
	unsigned long request;
	int error;
	unsigned int reason;
	int links, vms;
	const char *name; /* of this VM, once enrolled */
} device;

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static int fails(int error)
{
	errno = error;
	return -1;
}

static int version(unsigned int *head)
{
	unsigned int theirs = device.revision, ours = head[0];

	head[0] = theirs;
	return ours == theirs ? 0 : fails(EPROTO);
}

static int list_vm(struct xo_h_vm_info *vm)
{
	static const char *const names[] = { "mgr", "web" };

	if (vm->after >= (__u64)device.vms)
		return fails(ENOENT);
	vm->wid = vm->after + 1;
	strcpy(vm->name, names[vm->after]);
	return 0;
}

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	unsigned int *head = arg;

	if (request == XO_H_VERSION && device.side == XO_SIDE_HOST)
		return version(head);
	if (request == XO_G_VERSION && device.side == XO_SIDE_GUEST) {
		struct xo_g_version *v = arg;

		v->wid = device.name ? 1 : 0;
		strcpy(v->name, device.name ? device.name : "");
		return version(head);
	}
	if (request == XO_H_VERSION || request == XO_G_VERSION)
		return fails(ENOTTY);
	if (request == XO_H_VM_INFO)
		return list_vm(arg);
	if (request != device.request)
		return fails(ENOTTY);
	if (!device.error)
		return 0;
	if (device.side == XO_SIDE_HOST)
		head[1] = device.reason;
	return fails(device.error);
}

int __wrap_open(const char *path, int flags, ...)
{
	return __real_open(!strcmp(path, XO_DEVICE) ? "/dev/null" : path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

static struct xo *opened(enum xo_side side)
{
	struct xo *x = xo_new();

	memset(&device, 0, sizeof(device));
	device.side = side;
	device.revision = XO_ABI_REVISION;
	assert_non_null(x);
	assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), 0);
	assert_int_equal(xo_side(x), side);
	assert_string_equal(xo_error(x), "");
	return x;
}

static void answers(unsigned long request, int error, unsigned int reason)
{
	device.request = request;
	device.error = error;
	device.reason = reason;
}

static void says(const struct xo *x, const char *words)
{
	if (!strstr(xo_error(x), words))
		fail_msg("<%s> does not say <%s>", xo_error(x), words);
}

static void an_unopened_handle_does_nothing(void **state)
{
	struct xo_g_call call = { 0 };
	struct xo *x = xo_new();

	assert_int_equal(xo_fd(x), -1);
	assert_int_equal(xo_enrol_pid(x, "web", 1, NULL), -EBADF);
	says(x, "xo_open()");
	assert_int_equal(xo_session_call(x, &call), -EBADF);
	assert_int_equal(xo_open(x, XO_SIDE_ANY, "/nonexistent"), -ENOENT);
	says(x, "modprobe crossover");
	assert_int_equal(xo_side(x), XO_SIDE_ANY);
	xo_free(x);
	xo_free(NULL);
}

static void other_revisions_are_refused_with_both_numbers(void **state)
{
	struct xo *x = xo_new();

	for (enum xo_side side = XO_SIDE_HOST; side <= XO_SIDE_GUEST; side++) {
		device.side = side;
		device.revision = 999; /* never ours */
		assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), -EPROTO);
		assert_int_equal(xo_error_reason(x), XO_REASON_VERSION);
		says(x, side == XO_SIDE_HOST ? "crossover.ko revision 999"
					     : "crossover_guest.ko revision 999");
		assert_int_equal(xo_fd(x), -1);
	}
	/* As new: the next try may succeed. */
	device.revision = XO_ABI_REVISION;
	assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), 0);
	assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), -EALREADY);
	xo_free(x);
}

static void sides_are_not_mixed_up(void **state)
{
	struct xo_h_vm_info vm = { 0 };
	struct xo *x = opened(XO_SIDE_GUEST);

	assert_int_equal(xo_link(x, "a", "b", XO_ENGINE_EXIT, 0, NULL), -EBADF);
	says(x, "on the host only");
	assert_int_equal(xo_next_vm(x, &vm), -EBADF);
	xo_free(x);
	x = xo_new();
	assert_int_equal(xo_open(x, XO_SIDE_HOST, NULL), -ENOTTY);
	says(x, "here is a VM");
	device.side = XO_SIDE_ANY;
	assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), -ENOTTY);
	says(x, "no CrossOver device");
	xo_free(x);
	x = opened(XO_SIDE_HOST);
	assert_int_equal(xo_ping(x), -EBADF);
	says(x, "in a VM only");
	xo_free(x);
}

static void bad_names_never_reach_the_module(void **state)
{
	static const char *const bad[] = { "", "Web", "a b", "..", NULL };
	struct xo *x = opened(XO_SIDE_HOST);

	/* Were it asked, the device would say ENOTTY. */
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(xo_unenrol(x, bad[i]), -EINVAL);
		assert_int_equal(xo_error_reason(x), XO_REASON_NAME_BAD);
		assert_int_equal(xo_link(x, "web", bad[i], 1, 0, NULL), -EINVAL);
		assert_int_equal(xo_enrol_fd(x, bad[i], 0, 0, NULL), -EINVAL);
	}
	assert_int_equal(xo_unenrol(x, "Web"), -EINVAL);
	says(x, "'Web' is not a VM name: use a lower-case letter");
	xo_free(x);
}

static void every_reason_becomes_its_sentence(void **state)
{
	struct xo *x = opened(XO_SIDE_HOST);
	const struct xo_reason *r;

	for (size_t i = 0; (r = xo_reason_at(i)); i++) {
		answers(XO_H_ENROL, r->error, (unsigned int)r->code);
		assert_int_equal(xo_enrol_fd(x, "web", 0, 0, NULL), -r->error);
		assert_int_equal(xo_error_reason(x), r->code);
		says(x, r->remedy);
		if (strstr(r->sentence, "%s"))
			says(x, r->code == XO_REASON_VERSION ? "crossover.ko" : "web");
	}
	answers(XO_H_ENROL, ENOMEM, 0);
	assert_int_equal(xo_enrol_fd(x, "web", 0, 0, NULL), -ENOMEM);
	assert_int_equal(xo_error_reason(x), 0);
	says(x, "cannot enrol VM web");
	answers(XO_H_UNLINK, ENOENT, XO_REASON_LINK_NONE);
	assert_int_equal(xo_unlink(x, "mgr", "web"), -ENOENT);
	says(x, "mgr -> web");
	xo_free(x);
}

static void the_vm_that_is_not_enrolled_is_named(void **state)
{
	struct xo *x = opened(XO_SIDE_HOST);

	answers(XO_H_LINK, ENOENT, XO_REASON_NOT_ENROLLED);
	device.vms = 1; /* mgr */
	assert_int_equal(xo_link(x, "mgr", "web", 1, 0, NULL), -ENOENT);
	says(x, "no VM named 'web'");
	assert_int_equal(xo_link(x, "db", "mgr", 1, 0, NULL), -ENOENT);
	says(x, "no VM named 'db'");
	xo_free(x);
}

static void lists_end(void **state)
{
	struct xo *x = opened(XO_SIDE_HOST);
	struct xo_h_vm_info vm = { 0 };

	device.vms = 2;
	assert_int_equal(xo_next_vm(x, &vm), 1);
	assert_string_equal(vm.name, "mgr");
	assert_int_equal(xo_next_vm(x, &vm), 1);
	assert_string_equal(vm.name, "web");
	assert_int_equal(xo_next_vm(x, &vm), 0);
	xo_free(x);
}

static void a_process_without_a_vm_is_refused(void **state)
{
	struct xo *x = opened(XO_SIDE_HOST);

	assert_int_equal(xo_enrol_pid(x, "web", getpid(), NULL), -EBADF);
	says(x, "runs no KVM virtual machine");
	assert_int_equal(xo_enrol_pid(x, "web", 0x3fffffff, NULL), -ESRCH);
	says(x, "there is no process");
	assert_true(xo_enrol_pid(x, "web", -1, NULL) < 0);
	xo_free(x);
}

static void a_session_fails_with_the_callee_named(void **state)
{
	static const int errors[] = { ENOENT, EACCES,  EHOSTDOWN, EBUSY,	EISCONN, EPROTO,
				      EINTR,  ENOTDIR, EIO,	  ECONNREFUSED, ENODEV,	 EDQUOT };
	struct xo *x = opened(XO_SIDE_GUEST);
	char longer[300];

	for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
		answers(XO_G_CONNECT, errors[i], 0);
		assert_int_equal(xo_session_open(x, "web", "/", NULL), -errors[i]);
		says(x, "web'");
	}
	answers(XO_G_CONNECT, 0, 0);
	memset(longer, 'x', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(xo_session_open(x, "web", longer, NULL), -ENAMETOOLONG);
	assert_int_equal(xo_session_open(x, "WEB", "/", NULL), -EINVAL);
	assert_int_equal(xo_session_open(x, "web", NULL, NULL), 0);
	xo_free(x);
}

static void a_remedy_has_this_vms_own_name(void **state)
{
	struct xo *x = opened(XO_SIDE_GUEST);

	answers(XO_G_CONNECT, ENOENT, 0);
	assert_int_equal(xo_session_open(x, "web", "/", NULL), -ENOENT);
	says(x, "xo link NAME web (NAME: of this VM");
	device.name = "mgr";
	assert_int_equal(xo_session_open(x, "web", "/", NULL), -ENOENT);
	says(x, "on the host run: xo link mgr web");
	assert_null(strstr(xo_error(x), "NAME"));
	answers(XO_G_CONNECT, EACCES, 0);
	assert_int_equal(xo_session_open(x, "web", "/", NULL), -EACCES);
	says(x, "caller mgr");
	/* Whatever the module says, it is a name or it is not shown. */
	device.name = "x; rm -rf /";
	assert_int_equal(xo_session_open(x, "web", "/", NULL), -EACCES);
	assert_null(strstr(xo_error(x), "rm -rf"));
	answers(XO_G_CONNECT, ENODEV, 0);
	assert_int_equal(xo_session_open(x, "web", "/", NULL), -ENODEV);
	says(x, "xo enrol NAME");
	xo_free(x);
}

static void the_host_makes_no_system_calls_for_vms(void **state)
{
	struct xo *x = opened(XO_SIDE_GUEST);

	/* The device would take it. */
	answers(XO_G_CONNECT, 0, 0);
	assert_int_equal(xo_session_open(x, XO_HOST_NAME, "/", NULL), -EOPNOTSUPP);
	says(x, "offers services");
	xo_free(x);
}

static void without_a_device_the_module_to_load_is_named(void **state)
{
	struct xo *x = xo_new();

	assert_int_equal(xo_open(x, XO_SIDE_HOST, "/nonexistent"), -ENOENT);
	says(x, "insmod /opt/crossover/ko/crossover.ko");
	says(x, "modprobe crossover`");
	assert_null(strstr(xo_error(x), "guest"));
	assert_int_equal(xo_open(x, XO_SIDE_GUEST, "/nonexistent"), -ENOENT);
	says(x, "insmod /opt/crossover/ko/crossover_guest.ko");
	says(x, "modprobe crossover_guest`");
	xo_free(x);
}

static void calls_over_a_mebibyte_are_refused_here(void **state)
{
	struct xo *x = opened(XO_SIDE_GUEST);
	struct xo_g_call c = { .in_len = 1 << 20 };

	answers(XO_G_CALL, 0, 0);
	assert_int_equal(xo_session_call(x, &c), -EINVAL);
	says(x, "at most 65536 bytes");
	c.in_len = 0;
	c.out_len = XO_SLOT_DATA + 1;
	assert_int_equal(xo_session_call(x, &c), -EINVAL);
	c.out_len = XO_SLOT_DATA;
	assert_int_equal(xo_session_call(x, &c), 0);
	answers(XO_G_CALL, EHOSTDOWN, 0);
	assert_int_equal(xo_ping(x), -EHOSTDOWN);
	says(x, "callee is gone");
	xo_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_unopened_handle_does_nothing),
		cmocka_unit_test(other_revisions_are_refused_with_both_numbers),
		cmocka_unit_test(sides_are_not_mixed_up),
		cmocka_unit_test(bad_names_never_reach_the_module),
		cmocka_unit_test(every_reason_becomes_its_sentence),
		cmocka_unit_test(the_vm_that_is_not_enrolled_is_named),
		cmocka_unit_test(lists_end),
		cmocka_unit_test(a_process_without_a_vm_is_refused),
		cmocka_unit_test(a_session_fails_with_the_callee_named),
		cmocka_unit_test(a_remedy_has_this_vms_own_name),
		cmocka_unit_test(the_host_makes_no_system_calls_for_vms),
		cmocka_unit_test(without_a_device_the_module_to_load_is_named),
		cmocka_unit_test(calls_over_a_mebibyte_are_refused_here),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
