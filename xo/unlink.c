// SPDX-License-Identifier: GPL-2.0
/* xo unlink: end a permission. */
#include "common.h"

static const char help[] =
	"usage: xo unlink CALLER CALLEE\n\n"
	"Ends the permission of `xo link CALLER CALLEE` (on the host, as root).\n"
	"Calls under way end with EHOSTDOWN.\n";

int xo_cmd_unlink(int argc, char **argv)
{
	int status;
	struct xo *x;

	if (xo_option(argc, argv, ":h", NULL, help, &status) == -2 ||
	    !xo_words(argc, argv, 2, "two VMs: CALLER CALLEE", &status) ||
	    !xo_names(argv[0], argv + optind, 2, &status))
		return status;
	x = xo_cli_open(argv[0], XO_SIDE_HOST);
	if (!x)
		return XO_REFUSED;
	if (xo_unlink(x, argv[optind], argv[optind + 1]) < 0)
		return xo_cli_fail(argv[0], x);
	xo_free(x);
	return XO_OK;
}
