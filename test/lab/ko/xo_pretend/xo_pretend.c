// SPDX-License-Identifier: GPL-2.0
/*
 * While it is loaded the kernel believes that the processor has IBPB. The lab's has none, but takes
 * writes of an MSR that it does not know (ignore_bad_msrs), so that whatever executes IBPB can be
 * run there.
 */
#include <linux/module.h>
#include <asm/cpufeature.h>

static int __init pretend_init(void)
{
	if (boot_cpu_has(X86_FEATURE_IBPB))
		return -EEXIST;
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_IBPB);
	return 0;
}

static void __exit pretend_exit(void)
{
	clear_bit(X86_FEATURE_IBPB, (unsigned long *)boot_cpu_data.x86_capability);
}

module_init(pretend_init);
module_exit(pretend_exit);
MODULE_DESCRIPTION("CrossOver test: a processor with IBPB");
MODULE_LICENSE("GPL");
