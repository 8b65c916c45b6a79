// SPDX-License-Identifier: GPL-2.0
/* xo ping: null calls, the smallest thing that can be counted and timed. */
#include <stdlib.h>
#include <time.h>
#include "common.h"

static const char help[] =
	"usage: xo ping [--count N] VM\n\n"
	"Opens a session with VM, makes N null calls (1) that its stub answers, and tells how\n"
	"long one took by this VM's clock. In the emulated lab that clock is not time; count\n"
	"exits with `xo stat` on the host instead.\n";

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int xo_cmd_ping(int argc, char **argv)
{
	static const struct option options[] = { { "count", required_argument, NULL, 'c' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	struct xo_g_connect s;
	unsigned long count = 1;
	double began;
	int status, c;
	struct xo *x;
	char *end;

	while ((c = xo_option(argc, argv, ":c:h", options, help, &status)) >= 0) {
		count = strtoul(optarg, &end, 10);
		if (optarg[0] < '0' || optarg[0] > '9' || *end || !count)
			return xo_bad_usage(argv[0], "'%s' is not a number of calls", optarg);
	}
	if (c == -2 || !xo_words(argc, argv, 1, "the VM to call", &status) ||
	    !xo_names(argv[0], argv + optind, 1, &status))
		return status;
	x = xo_cli_open(argv[0], XO_SIDE_GUEST);
	if (!x)
		return XO_REFUSED;
	if (xo_session_open(x, argv[optind], NULL, &s) < 0)
		return xo_cli_fail(argv[0], x);
	began = seconds();
	for (unsigned long i = 0; i < count; i++)
		if (xo_ping(x) < 0)
			return xo_cli_fail(argv[0], x);
	printf("%s: %lu calls answered by stub %u (user %u, world %llu), %.1f us each\n",
	       argv[optind], count, s.pid, s.uid, (unsigned long long)s.wid,
	       1e6 * (seconds() - began) / (double)count);
	xo_free(x);
	return XO_OK;
}
