// SPDX-License-Identifier: GPL-2.0
/* Provokes a kernel warning or a panic, for the tests of the lab itself. */
#include <linux/module.h>

static bool die;
module_param(die, bool, 0);
MODULE_PARM_DESC(die, "panic instead of warning");

static int __init warn_init(void)
{
	if (die)
		panic("xo_warn: asked to");
	WARN(1, "xo_warn: asked to\n");
	return 0;
}

static void __exit warn_exit(void)
{
}

module_init(warn_init);
module_exit(warn_exit);
MODULE_DESCRIPTION("CrossOver test: a kernel that warns");
MODULE_LICENSE("GPL");
