// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile callee's kernel, for the lab only: what it does to callers that visit it. Where umask
 * would be called for one of them, and its argument is a deed, that is done instead. Another hook
 * is at the first instruction of a visit, and looks at what the caller left there; and one behind
 * the call, for deeds on the way out.
 *
 * One CPU, and one call at a time. What a deed did natively after all is undone.
 */
#include <linux/kdebug.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <asm/fsgsbase.h>
#include <asm/special_insns.h>
#include <asm/traps.h>
#include "deeds.h"

u64 xd_seen[XD_SEENS] = { [XD_SEEN_CR0] = U32_MAX };
u64 xd_record, xd_slot, xd_seq;

bool xd_away(void)
{
	return native_read_cr0() & X86_CR0_TS || !rdfsbase();
}

/* ------------------------------------------------------------------ umask */

static long instead(const struct pt_regs *regs)
{
	u32 deed = regs->di >> 32 & 0xffff, arg = regs->di;
	u64 result = 0, value = 0;
	unsigned long flags;

	local_irq_save(flags);
	if (deed == XD_SEEN) {
		xd_seen[XD_SEEN_RECOVERED] = xd_recovered;
		value = arg < XD_SEENS ? xd_seen[arg] : 0;
	} else if (xd_away() || deed == XD_LINK_LOW || deed == XD_LINK_HIGH) {
		result = XD_BEFORE;
		value = xd_do(deed, arg);
	}
	if (xd_away())
		result |= XD_AFTER;
	else
		xd_undo();
	local_irq_restore(flags);
	return result | (value & XD_VALUE_MASK) << 8;
}

static int at_umask(struct kprobe *probe, struct pt_regs *regs)
{
	const struct pt_regs *call = (const struct pt_regs *)regs->di;

	if (call->di >> 48 != XD_MAGIC)
		return 0;
	regs->ip = (unsigned long)instead;
	return 1;
}

/* ------------------------------------------------------------------ a visit's first and last
 * instruction
 */
/* It may be evicted in the midst of this: then what was read is no caller's. */
static void note_registers(const struct pt_regs *regs)
{
	const u64 clear[] = { regs->cx,	 regs->bp,  regs->r8,  regs->r9,  regs->r10,
			      regs->r11, regs->r12, regs->r13, regs->r14, regs->r15 };
	u64 now[XD_SEENS] = {
		[XD_SEEN_CR0] = native_read_cr0(), [XD_SEEN_CR4] = native_read_cr4()
	};
	u32 i;

	for (i = 0; i < ARRAY_SIZE(clear); i++)
		now[XD_SEEN_LEAKS] |= clear[i] ? BIT_ULL(i) : 0;
	now[XD_SEEN_CR2] = native_read_cr2();
	now[XD_SEEN_FS] = rdfsbase();
	rdmsrl(MSR_KERNEL_GS_BASE, now[XD_SEEN_USER_GS]);
	if (!(native_read_cr0() & X86_CR0_TS))
		return;
	for (i = XD_SEEN_LEAKS; i <= XD_SEEN_USER_GS; i++)
		xd_seen[i] |= now[i];
	xd_seen[XD_SEEN_CR0] &= now[XD_SEEN_CR0];
	xd_seen[XD_SEEN_CR4] |= now[XD_SEEN_CR4] ^ xd_cr4;
	xd_seen[XD_SEEN_FLAGS] = regs->flags;
}

static int at_landing(struct kprobe *probe, struct pt_regs *regs)
{
	xd_slot = regs->di;
	xd_seq = regs->si;
	note_registers(regs);
	return 0;
}

static int at_return(struct kprobe *probe, struct pt_regs *regs)
{
	if (!xd_leave_planned() || !xd_away())
		return 0;
	xd_leave_prepare(regs);
	xd_seen[XD_SEEN_LEFT]++;
	regs->ip = (unsigned long)xd_leave;
	return 1;
}

static int at_park(struct kprobe *probe, struct pt_regs *regs)
{
	xd_seen[XD_SEEN_RECORD] = xd_record = regs->di;
	return 0;
}

/* With one a probe stays a breakpoint, and what it says of RIP counts. */
static void nothing(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

#define CALL_SIZE 5

static struct kprobe probes[] = {
	{ .symbol_name = "__x64_sys_umask", .pre_handler = at_umask },
	{ .symbol_name = "xo_visit_landing", .pre_handler = at_landing, .post_handler = nothing },
	{ .symbol_name = "xo_visit_landing",
	  .offset = CALL_SIZE,
	  .pre_handler = at_return,
	  .post_handler = nothing },
	{ .symbol_name = "xo_park_stub", .pre_handler = at_park, .post_handler = nothing },
};

/* ------------------------------------------------------------------ who got lost in the window */

static int lost(struct notifier_block *nb, unsigned long event, void *data)
{
	struct pt_regs *regs = ((struct die_args *)data)->regs;
	bool step = event == DIE_DEBUG && regs && regs->flags & X86_EFLAGS_TF;

	if (!regs || user_mode(regs) || !(step || xd_in_window(regs->ip)))
		return NOTIFY_DONE;
	regs->flags &= ~X86_EFLAGS_TF;
	if (xd_in_window(regs->ip))
		regs->ip = (unsigned long)xd_recover;
	return NOTIFY_STOP;
}

static struct notifier_block lost_block = { .notifier_call = lost, .priority = INT_MAX };

static bool fixed_up(void)
{
	return true;
}

/* Page faults have no notifier, but ask here. */
static int at_fixup(struct kprobe *probe, struct pt_regs *regs)
{
	struct pt_regs *fault = (struct pt_regs *)regs->di;

	if (!xd_in_window(fault->ip))
		return 0;
	fault->ip = (unsigned long)xd_recover;
	regs->ip = (unsigned long)fixed_up;
	return 1;
}

static struct kprobe fixup_probe = { .symbol_name = "fixup_exception", .pre_handler = at_fixup };

static int __init deeds_init(void)
{
	u32 i;
	int error;

	if (num_online_cpus() > 1) {
		pr_err("xo_deeds: for VMs with one CPU\n");
		return -ENODEV;
	}
	error = xd_deeds_init() ?: xd_window_init();
	if (error)
		return error;
	error = register_die_notifier(&lost_block) ?: register_kprobe(&fixup_probe);
	for (i = 0; i < ARRAY_SIZE(probes) && !error; i++)
		error = register_kprobe(&probes[i]);
	if (error)
		pr_err("xo_deeds: no hook %u (%d): load crossover_guest first\n", i, error);
	return error;
}

static void __exit deeds_exit(void)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(probes); i++)
		unregister_kprobe(&probes[i]);
	unregister_kprobe(&fixup_probe);
	unregister_die_notifier(&lost_block);
	xd_window_exit();
	xd_deeds_exit();
}

module_init(deeds_init);
module_exit(deeds_exit);
MODULE_DESCRIPTION("CrossOver test: what a hostile callee's kernel does to its callers");
MODULE_LICENSE("GPL");
