// SPDX-License-Identifier: GPL-2.0
/*
 * Deeds on the way out of a visit: registers, flags, bases and tables as the callee likes them; and
 * jumps to any byte of the gate's window. Of that the runtime is the genuine one, as in each visit;
 * in the place of gate text is memory of its own, with a copy; in those of list and constants too.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <asm/desc.h>
#include <asm/fsgsbase.h>
#include <asm/special_insns.h>
#include <crossover/kgate.h>
#include "deeds.h"
#include "kgate_blob.h"

#define TABLE	  0x63ULL
#define ADDRESSES GENMASK_ULL(51, 12)
#define FLAGS_BAD                                                                             \
	(X86_EFLAGS_FIXED | X86_EFLAGS_NT | X86_EFLAGS_AC | X86_EFLAGS_DF | X86_EFLAGS_IOPL | \
	 X86_EFLAGS_ID | X86_EFLAGS_CF | X86_EFLAGS_OF)
#define XO_RET (XO_KGATE_BASE + XO_KGATE_RT + XO_L_krt_ret)
#define JUNK   0x5a5a5a5a5a5a0000ULL

static u32 plan_deed, plan_arg;
static u8 *own_text, *own_list, *own_vcpu;
static u64 *shown; /* of all stubs */
static u64 stack[512] __aligned(PAGE_SIZE);

bool xd_in_window(u64 rip)
{
	return rip - XO_KGATE_BASE < 0x10000;
}

void xd_leave_plan(u32 deed, u32 arg)
{
	plan_deed = deed;
	plan_arg = arg;
}

bool xd_leave_planned(void)
{
	return plan_deed;
}

/* Of the stub's page tables the window's last one. */
static u64 *window_table(void)
{
	u64 *table = (u64 *)current->mm->pgd;
	u32 i;

	for (i = 0; i < 3; i++)
		table = phys_to_virt(table[i ? 0 : XO_KGATE_ROOT] & ADDRESSES);
	return table;
}

static void show_window(u64 gate_cr3)
{
	u64 *table = window_table();
	u64 record = (gate_cr3 & ADDRESSES) - ((u64)XO_KREGION_CPU(0) << PAGE_SHIFT) +
		     ((u64)XO_KREGION_RECORD << PAGE_SHIFT);

	table[XO_KGATE_TEXT >> PAGE_SHIFT] = __pa(own_text) | TABLE;
	table[XO_KGATE_LIST >> PAGE_SHIFT] = __pa(own_list) | TABLE;
	table[XO_KGATE_VCPU >> PAGE_SHIFT] = __pa(own_vcpu) | TABLE;
	table[XO_KGATE_RECORD >> PAGE_SHIFT] = record | TABLE;
	shown = table;
	native_write_cr3(__native_read_cr3());
}

/* What POPFQ and IRETQ take, again and again. */
static void fill_stack(void)
{
	u32 i;

	for (i = 0; i + 6 <= ARRAY_SIZE(stack); i += 6) {
		stack[i] = X86_EFLAGS_FIXED;
		stack[i + 1] = (u64)xd_recover;
		stack[i + 2] = __KERNEL_CS;
		stack[i + 3] = X86_EFLAGS_FIXED;
		stack[i + 4] = (u64)&stack[i];
		stack[i + 5] = __KERNEL_DS;
	}
}

static void to_window(u64 gate_cr3)
{
	u32 variation = plan_arg >> 16, i;
	const u64 fill[] = { 0, ~0ULL, gate_cr3, (u64)stack, JUNK };

	show_window(gate_cr3);
	fill_stack();
	for (i = 0; i < 16; i++)
		xd_regs[i] = fill[variation % ARRAY_SIZE(fill)];
	xd_regs[1] = (xd_regs[1] & ~0xffffffffULL) | 3; /* as VMFUNC 3 wants it */
	xd_regs[0] &= ~0xffffffffULL;
	xd_regs[4] = (u64)stack;
	if (variation < ARRAY_SIZE(fill)) {
		xd_regs[7] = xd_slot; /* should it visit again */
		xd_regs[6] = xd_seq;
		xd_regs[3] = variation & 1 ? gate_cr3 : __native_read_cr3();
	}
	xd_target = XO_KGATE_BASE + (plan_arg & 0xffff);
}

static void leave(const struct pt_regs *regs)
{
	static const struct desc_ptr none;
	u32 i;

	xd_target = XO_RET;
	for (i = 0; i < 16; i++)
		xd_regs[i] = 0;
	xd_regs[3] = regs->bx;
	xd_regs[4] = regs->sp;
	switch (plan_arg) {
	case XD_LEAVE_REGISTERS:
		for (i = 0; i < 16; i++)
			if (i != 2 && i != 3)
				xd_regs[i] = JUNK + i;
		xd_flags = FLAGS_BAD;
		break;
	case XD_LEAVE_TF:
		xd_target = (u64)xd_step;
		break;
	case XD_LEAVE_GS:
		xd_leave_gs = JUNK >> 16;
		break;
	case XD_LEAVE_CS:
		xd_target = (u64)xd_own_segments;
		break;
	case XD_LEAVE_IF:
		xd_flags |= X86_EFLAGS_IF;
		break;
	case XD_LEAVE_NO_TABLES:
		native_load_gdt(&none);
		native_load_idt(&none);
		break;
	}
}

void xd_leave_prepare(const struct pt_regs *regs)
{
	xd_gs = xd_leave_gs = rdgsbase();
	xd_flags = X86_EFLAGS_FIXED;
	if (plan_deed == XD_WINDOW)
		to_window(regs->bx);
	else
		leave(regs);
	plan_deed = 0;
}

int xd_window_init(void)
{
	own_text = (u8 *)get_zeroed_page(GFP_KERNEL);
	own_list = (u8 *)get_zeroed_page(GFP_KERNEL);
	own_vcpu = (u8 *)get_zeroed_page(GFP_KERNEL);
	if (!own_text || !own_list || !own_vcpu)
		return -ENOMEM;
	memcpy(own_text, xo_kgate_text, PAGE_SIZE);
	return 0;
}

void xd_window_exit(void)
{
	if (shown)
		memset(shown, 0, (XO_KGATE_RECORD >> PAGE_SHIFT) * sizeof(*shown) + sizeof(*shown));
	native_write_cr3(__native_read_cr3());
	free_page((unsigned long)own_text);
	free_page((unsigned long)own_list);
	free_page((unsigned long)own_vcpu);
}
