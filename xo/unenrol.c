// SPDX-License-Identifier: GPL-2.0
/* xo unenrol: let a VM go. */
#include <string.h>
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
	    !xo_words(argc, argv, 1, "the VM's name", &status) ||
	    !xo_names(argv[0], argv + optind, 1, &status))
		return status;
	if (!strcmp(argv[optind], XO_HOST_NAME))
		return xo_fail(argv[0],
			       "'%s' is the host itself, which is not enrolled; to end a link to "
			       "it, run: xo unlink CALLER %s",
			       XO_HOST_NAME, XO_HOST_NAME);
	x = xo_cli_open(argv[0], XO_SIDE_HOST);
	if (!x)
		return XO_REFUSED;
	if (xo_unenrol(x, argv[optind]) < 0)
		return xo_cli_fail(argv[0], x);
	xo_free(x);
	return XO_OK;
}
