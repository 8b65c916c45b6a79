// SPDX-License-Identifier: GPL-2.0
/*
 * A cross-world call on one screen: asks the kernel of another VM for its name.
 *
 *	cc hello.c $(pkg-config --cflags --libs crossover) -o hello && ./hello web
 *
 * Run it as root in a VM that is linked to `web`, while `xo serve` runs there.
 */
#include <crossover/crossover.h>

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

int main(int argc, char **argv)
{
	struct utsname here, there;
	/* uname(buf): its one pointer becomes an offset into the call's data area. */
	struct xo_g_call call = { .op = XO_OP_SYSCALL,
				  .nr = SYS_uname,
				  .args = { 0 },
				  .out = (uintptr_t)&there,
				  .out_len = sizeof(there) };
	struct xo *x = xo_new();

	if (argc != 2 || !x) {
		fputs("usage: hello VM\n", stderr);
		return 2;
	}
	if (xo_open(x, XO_SIDE_GUEST, NULL) || xo_connect(x, argv[1], NULL, NULL) ||
	    xo_call(x, &call)) {
		fprintf(stderr, "hello: %s\n", xo_error(x));
		return 1;
	}
	if (call.result < 0 || uname(&here)) {
		fprintf(stderr, "hello: uname() there: error %lld\n", (long long)-call.result);
		return 1;
	}
	printf("I run on %s, and the kernel of %s says hello: Linux %s\n", here.nodename,
	       there.nodename, there.release);
	xo_free(x);
	return 0;
}
