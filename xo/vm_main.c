// SPDX-License-Identifier: GPL-2.0
/* xo-vm: `xo vm` as a static program of its own, for the system image of the lab. */
#include "vm.h"

#ifdef XO_VM_STANDALONE
int main(int argc, char **argv)
{
	return xo_cmd_vm(argc, argv);
}
#endif
