// SPDX-License-Identifier: MIT OR GPL-2.0
/*
 * A cross-world call on one screen.
 *
 *	cc -fno-stack-protector hello.c $(pkg-config --cflags --libs crossover) -o hello
 *	web# ./hello                    # offers the service to every VM that is linked to this one
 *	mgr# ./hello web 20 22          # calls it, as root, in a VM that is linked to `web`
 *
 * -fno-stack-protector: where compilers put a stack protector in by default, a service would read
 * its canary from thread-local storage, which it does not have on `vmfunc`. Callers need it not.
 */
#include <crossover/crossover.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Runs for callers in other VMs: on `vmfunc` on their processor, with no exit and no kernel
 * between. So it touches this program's data and the shared buffer, and makes no system call. */
static uint64_t hello(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
		      const struct xo_visit *visit)
{
	static uint64_t calls;
	char *text = (char *)visit->buffer;
	const char *from = "Hello, ";

	while (*from)
		*text++ = *from++;
	for (size_t i = 0; i < sizeof(visit->caller) && visit->caller[i]; i++)
		*text++ = visit->caller[i];
	*text = '\0';
	__atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
	return a + b;
}

static int failed(struct xo *x)
{
	fprintf(stderr, "hello: %s\n", xo_error(x));
	return 1;
}

/* Why a call did not return. What a service did to end it badly, the connection remembers. */
static void tell(const struct xo_conn *conn, int err)
{
	struct xo_fault fault;

	if (err == -EFAULT && xo_conn_fault(conn, &fault))
		fprintf(stderr, "hello: the service ended the call badly: %s, at %#llx there\n",
			xo_fault_name(fault.kind), (unsigned long long)fault.rip);
	else
		fprintf(stderr, "hello: the call did not return: %s\n", strerror(-err));
}

int main(int argc, char **argv)
{
	static const char *const everybody[] = { "*", NULL };
	const struct xo_service_spec spec = { .name = "hello", .entry = hello, .allow = everybody };
	struct xo_service *service;
	struct xo *x = xo_new();
	struct xo_conn *conn;
	uint64_t sum;
	int err;

	if (!x || xo_open(x, XO_SIDE_GUEST, NULL))
		return x ? failed(x) : 1;
	if (argc != 1 && argc != 4) {
		fputs("usage: hello (offers the service), or hello VM A B (calls it)\n", stderr);
		return 2;
	}
	if (argc == 1) {
		if (xo_service_create(x, &spec, &service))
			return failed(x);
		for (;;)
			pause();
	}
	if (xo_connect(x, argv[1], "hello", NULL, &conn))
		return failed(x);
	err = xo_call(conn, strtoull(argv[2], NULL, 0), strtoull(argv[3], NULL, 0), 0, 0, 0, 0,
		      &sum);
	if (err)
		tell(conn, err);
	else
		printf("%s: %llu\n", (char *)xo_buffer(conn, NULL), (unsigned long long)sum);
	xo_disconnect(conn);
	xo_free(x);
	return err != 0;
}
