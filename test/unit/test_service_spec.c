// SPDX-License-Identifier: GPL-2.0
// A service that cannot be offered must be refused with the one sentence that says why, before
// anything is asked of the module. The device is played by the wrapped ioctl() below.
// link: lib/spec.c lib/service.c lib/serve.c lib/guard.c lib/regions.c lib/conn.c lib/call.c
// link: lib/handle.c lib/guest.c lib/host.c lib/names.c lib/reasons.c
// cflags: -Wno-clobbered
// libs: -pthread -Wl,--wrap=ioctl -Wl,--wrap=open -Wl,--wrap=open64
#include <crossover/crossover.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define PAGE 4096ULL

int __wrap_ioctl(int fd, unsigned long request, void *arg);
int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);

static unsigned int asked; /* how often for a service */
static int answer;	   /* errno to it; never 0, so that no thread is begun */

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	if (request == XO_G_VERSION)
		return 0;
	asked += request == XO_G_SERVICE;
	errno = request == XO_G_SERVICE ? answer : ENOTTY;
	return -1;
}

int __wrap_open(const char *path, int flags, ...)
{
	return __real_open(!strcmp(path, XO_DEVICE) ? "/dev/null" : path, flags);
}

int __wrap_open64(const char *path, int flags, ...)
{
	return __wrap_open(path, flags);
}

static uint64_t add(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
		    const struct xo_visit *visit)
{
	return a + b;
}

static const char *const anybody[] = { "*", NULL };

static struct xo *opened(void)
{
	struct xo *x = xo_new();

	assert_non_null(x);
	assert_int_equal(xo_open(x, XO_SIDE_ANY, NULL), 0);
	return x;
}

static struct xo_service_spec good(void)
{
	return (struct xo_service_spec){ .name = "adder", .entry = add, .allow = anybody };
}

/* Refused here, and the module was not asked. */
static void refused(struct xo *x, const struct xo_service_spec *s, int err, const char *words)
{
	struct xo_service *service = NULL;

	asked = 0;
	assert_int_equal(xo_service_create(x, s, &service), err);
	assert_null(service);
	assert_int_equal(asked, 0);
	if (!strstr(xo_error(x), words))
		fail_msg("<%s> does not say <%s>", xo_error(x), words);
}

static void each_cause_has_its_sentence(void **state)
{
	struct xo *x = opened();
	struct xo_service_spec s = good();
	struct xo_service *service;

	assert_int_equal(xo_service_create(NULL, &s, &service), -EBADF);
	refused(x, NULL, -EINVAL, "not NULL");
	s.name = "Adder";
	refused(x, &s, -EINVAL, "'Adder' is not a service's name: use a lower-case letter");
	s.name = NULL;
	refused(x, &s, -EINVAL, "'(null)' is not a service's name");
	s = good();
	s.entry = NULL;
	refused(x, &s, -EINVAL, "has no entry");
	s = good();
	s.flags = XO_SERVICE_GPR | 0x40;
	refused(x, &s, -EINVAL, "flags 0x40 are not known");
	s = good();
	s.allow = NULL;
	refused(x, &s, -EINVAL, "neither allow nor accept");
	s = good();
	s.region_count = 2;
	refused(x, &s, -EINVAL, "2 regions are announced");
	s = good();
	s.entry = (xo_service_entry)(uintptr_t)&answer;
	refused(x, &s, -ENXIO, "in the code of no program");
	xo_free(x);
	x = xo_new();
	s = good();
	refused(x, &s, -EBADF, "xo_open()");
	xo_free(x);
}

static void each_region_is_looked_at(void **state)
{
	const uint64_t code = (uintptr_t)add & ~(PAGE - 1);
	const struct xo_region text = { code, PAGE, XO_PAGE_EXEC };
	struct xo_service_spec s = good();
	struct xo_region r[2];
	struct xo *x = opened();

	s.regions = r;
	refused(x, &s, -EINVAL, "their number is 0");
	s.region_count = 1;
	s.flags = XO_SERVICE_LIBS;
	refused(x, &s, -EINVAL, "leave one of them out");
	s.flags = 0;
	r[0] = (struct xo_region){ code + 1, PAGE, XO_PAGE_EXEC };
	refused(x, &s, -EINVAL, "region 0 (from 0 on) is not of whole pages");
	r[0] = (struct xo_region){ code, 0, XO_PAGE_EXEC };
	refused(x, &s, -EINVAL, "is not of whole pages");
	r[0] = (struct xo_region){ -PAGE, PAGE, XO_PAGE_EXEC };
	refused(x, &s, -EINVAL, "the memory of programs");
	r[0] = (struct xo_region){ code, PAGE, 4 };
	refused(x, &s, -EINVAL, "has rights other than");
	r[0] = (struct xo_region){ code, PAGE, XO_PAGE_EXEC | XO_PAGE_WRITE };
	refused(x, &s, -EINVAL, "both writable and executable");
	r[0] = (struct xo_region){ XO_GATE_BASE + PAGE, PAGE, 0 };
	refused(x, &s, -EINVAL, "where the gates are");
	r[0] = (struct xo_region){ code, PAGE, 0 };
	refused(x, &s, -EINVAL, "no region with XO_PAGE_EXEC");
	r[0] = text;
	r[1] = (struct xo_region){ code, PAGE, 0 };
	s.region_count = 2;
	refused(x, &s, -EINVAL, "region 1 (from 0 on) begins before the end of the one before");
	s.region_count = XO_SERVICE_PAGES + 1;
	refused(x, &s, -E2BIG, "more than 1024 pages");
	xo_free(x);
}

/* What is in order here is the module's to judge. */
static void the_module_is_asked_of_the_rest(void **state)
{
	static const struct {
		int error;
		const char *words;
	} cases[] = {
		{ EINVAL, "not mapped as they say" },
		{ EEXIST, "offered in this VM already" },
		{ EDQUOT, "end one" },
		{ E2BIG, "more than 1024 pages" },
		{ EIO, "cannot offer service 'adder': Input/output error" },
	};
	struct xo_service_spec s = good();
	struct xo_service *service;
	struct xo *x = opened();

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		answer = cases[i].error;
		asked = 0;
		assert_int_equal(xo_service_create(x, &s, &service), -cases[i].error);
		assert_int_equal(asked, 1);
		if (!strstr(xo_error(x), cases[i].words))
			fail_msg("<%s> does not say <%s>", xo_error(x), cases[i].words);
	}
	xo_free(x);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_cause_has_its_sentence),
		cmocka_unit_test(each_region_is_looked_at),
		cmocka_unit_test(the_module_is_asked_of_the_rest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
