// SPDX-License-Identifier: GPL-2.0
/*
 * Plants the fault that the TLB model is for: while this is loaded crossover.ko's INVEPT is left
 * out wherever a processor should forget the translations of EPT contexts. Tests only.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>

static atomic_t skipped;

static noinline void nothing(void *unused)
{
	atomic_inc(&skipped);
}

/* Called in its place, and so returning where it would; a probe cannot change the stack. */
static int skip(struct kprobe *probe, struct pt_regs *regs)
{
	regs->ip = (unsigned long)nothing;
	return 1;
}

/* Only a probe that has one may change where it goes on. */
static void unused(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "crossover:forget_all",
	.pre_handler = skip,
	.post_handler = unused,
};

static int __init xo_stale_init(void)
{
	int error = register_kprobe(&probe);

	if (error)
		pr_err("xo_stale: no probe at %s: error %d; load crossover.ko first\n",
		       probe.symbol_name, error);
	return error;
}

static void __exit xo_stale_exit(void)
{
	unregister_kprobe(&probe);
	pr_info("xo_stale: INVEPT was left out %d times\n", atomic_read(&skipped));
}

module_init(xo_stale_init);
module_exit(xo_stale_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: leaves out the flush of EPT contexts");
