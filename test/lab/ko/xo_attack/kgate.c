// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel worlds' gate, attacked from the caller's kernel: where crossover_guest would enter it
 * for a visit, bound and with all tables in place, a try is made instead. A VMFUNC is put right
 * before any byte of our own copy of gate text, and so that byte of the genuine one is executed
 * next. Each try ends in an exception of ours: at home, behind home text, or where VMFUNC was.
 */
#include <linux/kprobes.h>
#include <linux/module.h>
#include <asm/desc.h>
#include <asm/special_insns.h>
#include <crossover/kgate.h>
#include "inside.h"
#include "kgate_blob.h"

#define STACK_WORDS 64
#define HERE	    (STACK_WORDS / 2)

void xa_landing(void);

static struct xa_visit try;
static bool armed;
static u8 *save;
static u64 gate_cr3;
static u64 stack[STACK_WORDS];

static u8 *page(u32 n)
{
	return save + ((long)n - XO_KREGION_CPU(0) - XO_KREGION_CPU_SAVE) * (long)PAGE_SIZE;
}

/* VMFUNC ends where the try begins; at home it stands in our copy. */
static void put_vmfunc(void)
{
	static const u8 code[] = { 0x9d, 0x0f, 0x01, 0xd4 }; /* POPFQ; VMFUNC */
	u32 size = try.how & XA_VISIT_STEP ? 4 : 3;

	memcpy(page(XO_KREGION_TEXT) + try.at - size, code + 4 - size, size);
	try.run.rip = XO_KGATE_BASE + try.at - size;
}

/* What home text restores: all of it ours, but that it comes to xa_landing. A visitor that has not
 * this call's arguments cannot end it: if it is evicted, nothing is posted. */
static void fill_save(u64 slot, u64 seq)
{
	bool forged = !(try.how & XA_VISIT_ARGUMENTS) || try.how & XA_VISIT_FORGED;

	memcpy(save + XO_KSAVE_IDT, &xa_idtr, sizeof(xa_idtr));
	*(u64 *)(save + XO_KSAVE_RIP) = (u64)xa_landing;
	*(u64 *)(save + XO_KSAVE_RSP) = (u64)&stack[HERE];
	*(u64 *)(save + XO_KSAVE_SLOT) = forged ? try.slot : slot;
	*(u64 *)(save + XO_KSAVE_SEQ) = forged ? try.seq : seq;
}

/* At home a root like the gate's; away it is what the gate context has at that address. */
static u64 root_in(u32 n)
{
	memcpy(page(n), page(XO_KREGION_CPU(0)), PAGE_SIZE);
	return gate_cr3 + ((s64)n - XO_KREGION_CPU(0)) * (s64)PAGE_SIZE;
}

/* Between two bytes of gate text may be an x87 instruction; the registers are the program's. */
static u8 fpu[PAGE_SIZE] __aligned(64);

static void save_fpu(void)
{
	asm volatile("xsave64 %0" : "+m"(fpu) : "a"(~0), "d"(~0) : "memory");
}

static void restore_fpu(void)
{
	asm volatile("xrstor64 %0" : : "m"(fpu), "a"(~0), "d"(~0) : "memory");
}

static void write_cr0_raw(u64 value)
{
	asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static void write_cr4_raw(u64 value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

/* Interrupts are off. */
static void run(u64 slot, u64 seq)
{
	const struct desc_ptr idtr = xa_idtr,
			      in_list = { .size = 0xfff, .address = XO_KGATE_BASE + XO_KGATE_LIST };
	u64 cr0 = native_read_cr0(), cr4 = native_read_cr4();
	u64 cr3 = (try.how & XA_VISIT_ROOT ? root_in(try.page) : gate_cr3) | try.cr3_bits;
	struct desc_ptr gdtr;

	native_store_gdt(&gdtr);
	put_vmfunc();
	fill_save(slot, seq);
	save_fpu();
	stack[HERE] = try.run.flags;
	if (try.how & XA_VISIT_STEP) {
		try.run.flags = X86_EFLAGS_FIXED;
		try.run.r[4] = (u64)&stack[HERE];
	}
	if (try.how & XA_VISIT_IDT)
		xa_idtr = in_list;
	if (try.how & XA_VISIT_GDT)
		native_load_gdt(&in_list);
	if (try.cr4)
		write_cr4_raw(cr4 ^ try.cr4);
	if (try.cr0)
		write_cr0_raw(cr0 ^ try.cr0);
	xa_go(&try.run, cr3);
	write_cr0_raw(cr0);
	write_cr4_raw(cr4);
	restore_fpu();
	native_load_gdt(&gdtr);
	xa_idtr = idtr;
	store_idt((void *)(save + XO_KSAVE_IDT));
	memcpy(page(XO_KREGION_TEXT), xo_kgate_text, PAGE_SIZE);
}

/* An evicted call is posted, and has to be waited for; all others are made by exit. */
static u64 outcome(void)
{
	memcpy(&try.run, &xa_out, offsetof(struct xa_run, cr3));
	try.run.vector = xa_vector;
	try.landed = try.run.rip == (u64)xa_landing;
	try.done++;
	if (try.landed && (u32)try.run.r[6] == XO_KGATE_EVICTED && try.run.r[7] == XO_KGATE_HOST &&
	    !(try.how & XA_VISIT_FORGED))
		return XO_KGATE_HOST | XO_KGATE_EVICTED;
	return XO_KGATE_ABSENT;
}

static u64 instead(u64 slot, u64 seq, u8 *at, u64 cr3, u64 *value)
{
	save = at;
	gate_cr3 = cr3;
	armed = false;
	if (try.how & XA_VISIT_ARGUMENTS) {
		try.run.r[7] = slot;
		try.run.r[6] = seq;
	}
	run(slot, seq);
	return outcome();
}

static int at_enter(struct kprobe *probe, struct pt_regs *regs)
{
	if (!armed)
		return 0;
	regs->ip = (unsigned long)instead;
	return 1;
}

static void nothing(struct kprobe *probe, struct pt_regs *regs, unsigned long flags)
{
}

static struct kprobe probe = {
	.symbol_name = "xo_visit_enter",
	.pre_handler = at_enter,
	.post_handler = nothing,
};
static bool hooked;

static bool is_possible(const struct xa_visit *v)
{
	return v->at >= 4 && v->at <= PAGE_SIZE && (v->run.flags & X86_EFLAGS_IF) == 0 &&
	       v->page >= XO_KREGION_TABLE && v->page <= XO_KREGION_RECORD;
}

/* The next visit of anybody here will be this. */
long xa_visit_arm(struct xa_visit *arg)
{
	int error;

	if (!is_possible(arg))
		return -EINVAL;
	if (!hooked) {
		error = register_kprobe(&probe);
		if (error)
			return error;
		hooked = true;
	}
	try = *arg;
	try.done = 0;
	armed = true;
	return 0;
}

long xa_visit_result(struct xa_visit *arg)
{
	armed = false;
	*arg = try;
	return 0;
}

/* At once, with no call and no binding: as after the link's end. */
long xa_visit_now(struct xa_visit *arg)
{
	if (!is_possible(arg) || !save)
		return -EINVAL;
	try = *arg;
	try.done = 0;
	local_irq_disable();
	run(0, 0);
	outcome();
	local_irq_enable();
	*arg = try;
	return 0;
}

long xa_vmcall(struct xa_vmcall *arg)
{
	u64 rax = arg->rax, rcx = 0, rdx = 0;

	asm volatile("vmcall"
		     : "+a"(rax), "+c"(rcx), "+d"(rdx)
		     : "b"(arg->rbx), "S"(0UL)
		     : "memory");
	arg->rax = rax;
	return 0;
}

void xa_visit_exit(void)
{
	if (hooked)
		unregister_kprobe(&probe);
}
