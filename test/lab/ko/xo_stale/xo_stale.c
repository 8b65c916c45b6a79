// SPDX-License-Identifier: GPL-2.0
/*
 * Plants the faults that the TLB model is for: while this is loaded crossover.ko leaves out a
 * flush. Or makes the kernel believe that the processor has IBPB, which the lab's has not, and
 * leaves out where the runtime would execute it: all the rest can be tried there. Tests only.
 *
 *   insmod xo_stale.ko plant=WHAT
 *     invept  wherever a processor should forget the translations of EPT contexts
 *     server  of a server CPU that wakes, to which visits were made
 *     visit   by which each visit begins
 *     ibpb    none, but the barrier of links with --ibpb
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/ptrace.h>
#include <linux/string.h>
#include <asm/cpufeature.h>

static char *plant = "invept";
module_param(plant, charp, 0444);
MODULE_PARM_DESC(plant, "invept, server, visit or ibpb");

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
static const u8 write_msr[] = { 0x0f, 0x30 };
static struct {
	u8 *at; /* in one of the runtimes */
	const u8 *was;
	u32 size;
} out;

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

static int leave_out_of(const char *symbol, const u8 *bytes, u32 size)
{
	u8 **page = address_of(symbol);
	u32 at;

	for (at = 0; page && at + size <= PAGE_SIZE; at++)
		if (!memcmp(*page + at, bytes, size))
			out.at = *page + at;
	if (!out.at) {
		pr_err("xo_stale: that is not in the runtime of crossover.ko\n");
		return -ENOENT;
	}
	out.was = bytes;
	out.size = size;
	memset(out.at, 0x90, size);
	return 0;
}

static int pretend_ibpb(void)
{
	if (boot_cpu_has(X86_FEATURE_IBPB))
		return -EEXIST;
	set_cpu_cap(&boot_cpu_data, X86_FEATURE_IBPB);
	return leave_out_of("crossover:xo_krt_ibpb_page", write_msr, sizeof(write_msr));
}

/* ------------------------------------------------------------------ the module */

static int __init xo_stale_init(void)
{
	if (!strcmp(plant, "invept"))
		return leave_out("crossover:forget_all");
	if (!strcmp(plant, "server"))
		return leave_out("crossover:flush_server");
	if (!strcmp(plant, "visit"))
		return leave_out_of("crossover:xo_krt_page", toggle, sizeof(toggle));
	if (!strcmp(plant, "ibpb"))
		return pretend_ibpb();
	pr_err("xo_stale: plant=%s: invept, server, visit or ibpb\n", plant);
	return -EINVAL;
}

static void __exit xo_stale_exit(void)
{
	if (out.was == write_msr)
		clear_bit(X86_FEATURE_IBPB, (unsigned long *)boot_cpu_data.x86_capability);
	if (out.at)
		memcpy(out.at, out.was, out.size);
	else
		unregister_kprobe(&probe);
	pr_info("xo_stale: a function was left out %d times\n", atomic_read(&skipped));
}

module_init(xo_stale_init);
module_exit(xo_stale_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: leaves out flushes");
