// SPDX-License-Identifier: GPL-2.0
/*
 * Plants the faults that the TLB model is for: while this is loaded crossover.ko leaves out a
 * flush. Tests only.
 *
 *   insmod xo_stale.ko plant=WHAT
 *     invept  wherever a processor should forget the translations of EPT contexts
 *     server  of a server CPU that wakes, to which visits were made
 *     visit   by which each visit begins
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/string.h>

static char *plant = "invept";
module_param(plant, charp, 0444);
MODULE_PARM_DESC(plant, "invept, server or visit");

static atomic_t skipped;

/* ------------------------------------------------------------------ functions of the host's */

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

static struct kprobe probe = { .pre_handler = skip, .post_handler = unused };

static int leave_out(const char *function)
{
	int error;

	probe.symbol_name = function;
	error = register_kprobe(&probe);
	if (error)
		pr_err("xo_stale: no probe at %s: error %d; load crossover.ko first\n", function,
		       error);
	return error;
}

/* ------------------------------------------------------------------ the runtime */

/* btc rax, 7; mov cr4, rax; twice: CR4.PGE is toggled. */
static const u8 toggle[] = { 0x48, 0x0f, 0xba, 0xf8, 0x07, 0x0f, 0x22, 0xe0,
			     0x48, 0x0f, 0xba, 0xf8, 0x07, 0x0f, 0x22, 0xe0 };
static u8 *runtime; /* where that was */

static void *address_of(const char *symbol)
{
	struct kprobe lookup = { .symbol_name = "kallsyms_lookup_name",
				 .flags = KPROBE_FLAG_DISABLED };
	unsigned long (*find)(const char *name);

	if (register_kprobe(&lookup))
		return NULL;
	find = (void *)lookup.addr;
	unregister_kprobe(&lookup);
	return (void *)find(symbol);
}

static int leave_out_toggle(void)
{
	u8 **page = address_of("crossover:xo_krt_page");
	u32 at;

	for (at = 0; page && at + sizeof(toggle) <= PAGE_SIZE; at++)
		if (!memcmp(*page + at, toggle, sizeof(toggle)))
			runtime = *page + at;
	if (!runtime) {
		pr_err("xo_stale: no such flush in the runtime of crossover.ko\n");
		return -ENOENT;
	}
	memset(runtime, 0x90, sizeof(toggle));
	return 0;
}

/* ------------------------------------------------------------------ the module */

static int __init xo_stale_init(void)
{
	if (!strcmp(plant, "invept"))
		return leave_out("crossover:forget_all");
	if (!strcmp(plant, "server"))
		return leave_out("crossover:flush_server");
	if (!strcmp(plant, "visit"))
		return leave_out_toggle();
	pr_err("xo_stale: plant=%s: invept, server or visit\n", plant);
	return -EINVAL;
}

static void __exit xo_stale_exit(void)
{
	if (runtime)
		memcpy(runtime, toggle, sizeof(toggle));
	else
		unregister_kprobe(&probe);
	pr_info("xo_stale: a function was left out %d times\n", atomic_read(&skipped));
}

module_init(xo_stale_init);
module_exit(xo_stale_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: leaves out flushes");
