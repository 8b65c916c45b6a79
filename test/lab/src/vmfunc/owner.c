// SPDX-License-Identifier: GPL-2.0
/*
 * xo_owner: offers the services of services.h in this VM until SIGTERM. Says "ready" and the secret
 * that it keeps in a page; SIGUSR1 makes it say what came of that page and of its services.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "services.h"

static int refuse(const struct xo_caller *caller, void *arg)
{
	printf("refused %s\n", caller->vm);
	return -EACCES;
}

static void told(const struct xo_fault *fault, const char *caller, void *arg)
{
	printf("fault %s %u %#lx %s\n", (const char *)arg, fault->kind, fault->rip, caller);
}

static const char *const anybody[] = { "*", NULL };

static const struct xo_region null_pages[] = {
	{ (uintptr_t)null_text, 4096, XO_PAGE_EXEC },
	{ (uintptr_t)null_count, 4096, XO_PAGE_WRITE },
};

static const struct xo_service_spec specs[] = {
	{ .name = "null",
	  .entry = svc_null,
	  .flags = XO_SERVICE_GPR,
	  .regions = null_pages,
	  .region_count = 2,
	  .allow = anybody,
	  .fault = told,
	  .arg = "null" },
	{ .name = "plain",
	  .entry = svc_plain,
	  .flags = XO_SERVICE_GPR,
	  .allow = anybody,
	  .fault = told,
	  .arg = "plain" },
	{ .name = "vector", .entry = svc_vector, .allow = anybody, .fault = told, .arg = "vector" },
	{ .name = "private", .entry = svc_plain, .accept = refuse, .arg = "private" },
};
#define SERVICES (sizeof(specs) / sizeof(specs[0]))

static struct xo_service *service[SERVICES];

static void tell(void)
{
	printf("secret %lu\nnull %lu\n", secret[0], null_count[0]);
	for (size_t i = 0; i < SERVICES; i++) {
		struct xo_service_stat s;
		const struct xo_reason *why;

		xo_service_stat(service[i], &s);
		why = xo_reason_by_code(s.reason);
		printf("service %s connections %lu calls %lu faults %lu vmfunc-faults %llu "
		       "interrupts %llu revocations %llu%s%s\n",
		       specs[i].name, s.connections, s.calls, s.faults, s.vmfunc.faults,
		       s.vmfunc.interrupts, s.vmfunc.revocations, s.reason ? " not vmfunc: " : "",
		       s.reason && why ? why->name : "");
	}
	printf("told\n");
}

int main(void)
{
	struct xo *x = xo_new();
	sigset_t set;
	int sig;

	setvbuf(stdout, NULL, _IOLBF, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	if (getrandom(secret, 8, 0) != 8 || !x || xo_open(x, XO_SIDE_GUEST, NULL)) {
		printf("xo_owner: %s\n", x ? xo_error(x) : "no memory");
		return 1;
	}
	for (size_t i = 0; i < SERVICES; i++) {
		if (xo_service_create(x, &specs[i], &service[i])) {
			printf("xo_owner: %s: %s\n", specs[i].name, xo_error(x));
			return 1;
		}
	}
	printf("secret %lu\nready\n", secret[0]);
	while (!sigwait(&set, &sig) && sig == SIGUSR1)
		tell();
	for (size_t i = 0; i < SERVICES; i++)
		xo_service_destroy(service[i]);
	xo_free(x);
	printf("ended\n");
	return 0;
}
