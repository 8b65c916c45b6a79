// SPDX-License-Identifier: GPL-2.0
/* xo unenrol: let a VM go. */
#include "common.h"

static const char help[] =
	"usage: xo unenrol NAME\n\n"
	"Takes the VM NAME out of cross-world calls (on the host, as root): its\n"
	"links go down, calls under way end with EHOSTDOWN, the VM runs on.\n";

int xo_cmd_unenrol(int argc, char **argv)
{
	int status;
	struct xo *x;

	if (xo_option(argc, argv, ":h", NULL, help, &status) == -2 ||
	    !xo_words(argc, argv, 1, "the VM's name", &status))
		return status;
	x = xo_cli_open(argv[0], XO_SIDE_HOST);
	if (!x)
		return XO_REFUSED;
	if (xo_unenrol(x, argv[optind]) < 0)
		return xo_cli_fail(argv[0], x);
	xo_free(x);
	return XO_OK;
}
