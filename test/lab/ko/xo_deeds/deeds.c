// SPDX-License-Identifier: GPL-2.0
/* Deeds in the midst of a visit. Interrupts are off; it is away when one begins. */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>
#include <asm/desc.h>
#include <asm/extable.h>
#include <asm/fsgsbase.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include <crossover/abi.h>
#include "deeds.h"

#define DF_VECTOR 8
#define TSS_AT	  0x80 /* in its own GDT */
#define LDT_AT	  0x90
#define PATTERN	  0xca11ee0000000000UL
#define MXCSR_OWN 0x9fc0
#define XSAVE_ALL 0xe7 /* as the program in the caller has it */

struct desc_ptr xd_kernel_gdt, xd_kernel_idt, xd_own_gdt;
static u64 own_gdt[PAGE_SIZE / 8] __aligned(PAGE_SIZE);
static u8 own_tss[PAGE_SIZE] __aligned(PAGE_SIZE);
static u64 cr0, cr4, link_id;

/* Those that are written: as the kernel has them. */
static struct {
	u32 number;
	bool is;
	u64 value;
} msrs[] = {
	{ MSR_IA32_SYSENTER_CS },
	{ MSR_IA32_SYSENTER_ESP },
	{ MSR_IA32_SYSENTER_EIP },
	{ MSR_LSTAR },
	{ MSR_STAR },
	{ MSR_CSTAR },
	{ MSR_SYSCALL_MASK },
	{ MSR_EFER },
	{ MSR_IA32_CR_PAT },
	{ MSR_TSC_AUX },
	{ MSR_IA32_SPEC_CTRL },
	{ MSR_IA32_DEBUGCTLMSR },
	{ MSR_IA32_APICBASE },
	{ MSR_IA32_TSC_ADJUST },
	{ MSR_IA32_XSS },
};

/* ------------------------------------------------------------------ tables */

static void put_system(u32 at, u64 base, u32 limit, u32 type)
{
	own_gdt[at / 8] = (limit & 0xffff) | (base & 0xffffff) << 16 | (u64)type << 40 |
			  (base >> 24 & 0xff) << 56;
	own_gdt[at / 8 + 1] = base >> 32;
}

static void make_gdt(void)
{
	native_store_gdt(&xd_kernel_gdt);
	store_idt(&xd_kernel_idt);
	memcpy(own_gdt, (void *)xd_kernel_gdt.address, xd_kernel_gdt.size + 1);
	put_system(TSS_AT, (u64)own_tss, 0x67, 0x89);
	put_system(LDT_AT, (u64)own_tss, 0xff, 0x82);
	own_gdt[XD_CS / 8] = 0x00af9b000000ffffULL;
	own_gdt[XD_SS / 8] = 0x00cf93000000ffffULL;
	xd_own_gdt.size = XD_SS + 7;
	xd_own_gdt.address = (unsigned long)own_gdt;
}

static void load_tables(bool no_idt)
{
	static const struct desc_ptr none;

	native_load_gdt(&xd_own_gdt);
	if (no_idt)
		native_load_idt(&none);
	else
		native_load_idt(&xd_kernel_idt);
}

static void use_tr(void)
{
	own_gdt[TSS_AT / 8] &= ~(2ULL << 40); /* available */
	native_load_gdt(&xd_own_gdt);
	asm volatile("ltr %w0" : : "r"(TSS_AT));
}

static void use_ldt(void)
{
	native_load_gdt(&xd_own_gdt);
	asm volatile("lldt %w0" : : "r"(LDT_AT));
}

static void load_segments(void)
{
	native_load_gdt(&xd_own_gdt);
	asm volatile("mov %0, %%ds\n\tmov %0, %%es\n\tmov %0, %%fs" : : "r"(XD_SS));
}

/* ------------------------------------------------------------------ registers */

struct vectors {
	u8 area[1024];
} __aligned(64);

/* How much there is that XRSTOR's initial state has not; then its own. */
static u64 fpu(void)
{
	static struct vectors seen, own;
	const u64 *w = (const u64 *)seen.area;
	u64 found = 0, parts;
	u32 i;

	asm volatile("clts");
	memset(&seen, 0, sizeof(seen));
	asm volatile("xsave %0" : "+m"(seen) : "a"(XSAVE_ALL), "d"(0));
	parts = w[512 / 8];
	for (i = 32 / 8; i < 416 / 8; i++)
		found += w[i] != 0;
	for (i = 576 / 8; i < 832 / 8; i++)
		found += (parts & 4) && w[i];
	found += *(u32 *)(seen.area + 24) != 0x1f80;
	found += (parts & 1) && *(u16 *)seen.area != 0x37f;
	memset(own.area, 0x5a, 832);
	memset(own.area + 512, 0, 64);
	*(u16 *)own.area = 0x0c7f;
	own.area[4] = 0xff;
	*(u32 *)(own.area + 24) = MXCSR_OWN;
	own.area[512] = 7;
	asm volatile("xrstor %0" : : "m"(own), "a"(7), "d"(0));
	return found;
}

static void bases(void)
{
	wrfsbase(PATTERN >> 20);
	native_swapgs();
	wrgsbase(PATTERN >> 24);
	native_swapgs();
}

static void put_cr0(u64 value)
{
	asm volatile("mov %0, %%cr0" : : "r"(value) : "memory");
}

static void put_cr4(u64 value)
{
	asm volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}

static u64 read_dr(u32 n)
{
	u64 value = 0;

	switch (n) {
	case 0:
		asm volatile("mov %%db0, %0" : "=r"(value));
		break;
	case 6:
		asm volatile("mov %%db6, %0" : "=r"(value));
		break;
	default:
		asm volatile("mov %%db7, %0" : "=r"(value));
	}
	return value;
}

static void write_dr(u32 n)
{
	if (n == 0)
		asm volatile("mov %0, %%db0" : : "r"((u64)own_tss));
	else if (n == 6)
		asm volatile("mov %0, %%db6" : : "r"(0xffff0ff0UL));
	else
		asm volatile("mov %0, %%db7" : : "r"(0x400UL));
}

static u64 xcr0(void)
{
	u32 eax, edx;

	asm volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
	asm volatile("xsetbv" : : "a"(eax), "d"(edx), "c"(0));
	return 0;
}

static u64 msr_read(u32 number)
{
	u64 value = 0;

	rdmsrl_safe(number, &value);
	return value;
}

static u64 msr_write(u32 number)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].number == number)
			/* Another one where that harms nobody before it is undone. */
			return wrmsrl_safe(number, number == MSR_IA32_SYSENTER_ESP ||
								   number == MSR_IA32_SYSENTER_EIP
							   ? (u64)own_tss
							   : msrs[i].value) != 0;
	return 0;
}

/* ------------------------------------------------------------------ what exits */

/* 1: it faulted. */
#define TRY(code, ...)                                         \
	({                                                     \
		u64 _ud = 0;                                   \
		asm volatile("1: " code "\n\t"                 \
			     "jmp 3f\n"                        \
			     "2: mov $1, %0\n"                 \
			     "3:\n" _ASM_EXTABLE(1b, 2b)       \
			     : "+r"(_ud)                       \
			     : __VA_ARGS__                     \
			     : "rax", "rcx", "rdx", "memory"); \
		_ud;                                           \
	})

static u64 vmfunc(u32 leaf, u32 index)
{
	return TRY("mov %1, %%eax; mov %2, %%ecx; 1: .byte 0x0f, 0x01, 0xd4", "r"(leaf),
		   "r"(index));
}

static u64 vmcall(u32 op, u32 arg)
{
	u64 rax = XO_HC_BASE + op, rcx = xd_slot, rdx = xd_seq;
	u64 rbx = arg == XD_OF_LINK ? link_id : arg == XD_OF_RECORD ? xd_record : arg;

	asm volatile("vmcall" : "+a"(rax), "+c"(rcx), "+d"(rdx) : "b"(rbx), "S"(0UL) : "memory");
	return -rax & 0xffff;
}

static u64 exits(u32 which)
{
	u32 eax = 0, ebx, ecx = 0, edx;

	switch (which) {
	case XD_EXIT_CPUID:
		native_cpuid(&eax, &ebx, &ecx, &edx);
		break;
	case XD_EXIT_HLT:
		asm volatile("sti; hlt; cli");
		break;
	case XD_EXIT_IN:
		asm volatile("inb $0x80, %%al" : : : "rax");
		break;
	case XD_EXIT_OUT:
		asm volatile("outb %%al, $0x80" : : "a"(0));
		break;
	case XD_EXIT_RDPMC:
		return TRY("xor %%ecx, %%ecx; 1: rdpmc");
	case XD_EXIT_VMREAD:
		return TRY("vmread %%rax, %%rcx");
	case XD_EXIT_NM:
		asm volatile("fnop");
		break;
	}
	return 0;
}

/* #GP, which unlike #UD is no exit */
static u64 exception(bool no_idt)
{
	if (no_idt)
		load_tables(true);
	return TRY("mov %1, %%rax; 1: mov (%%rax), %%rax", "r"(1ULL << 63));
}

static void spin(u32 ms)
{
	u64 end = rdtsc() + (u64)ms * tsc_khz;

	while (rdtsc() < end)
		cpu_relax();
}

/* ------------------------------------------------------------------ ring 3 */

/* The kernel's half of the tables forbids to execute what is a process's. */
static void ring3(void)
{
	unsigned long at;
	pgd_t *pgd;

	local_irq_enable();
	at = vm_mmap(NULL, 0, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC,
		     MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, 0);
	local_irq_disable();
	if (IS_ERR_VALUE(at) || put_user(0xfeeb, (u16 __user *)at) || !xd_away())
		return;
	pgd = pgd_offset(current->mm, at);
	WRITE_ONCE(pgd->pgd, pgd->pgd & ~_PAGE_NX);
	native_write_cr3(__native_read_cr3());
	xd_ring3(at, at + PAGE_SIZE);
}

/* ------------------------------------------------------------------ */

static u64 return_twice(void)
{
	u64 first = vmcall(XO_HC_RETURN, XD_OF_LINK);

	return first << 16 | vmcall(XO_HC_RETURN, XD_OF_LINK);
}

u64 xd_do(u32 deed, u32 arg)
{
	switch (deed) {
	case XD_FPU:
		return fpu();
	case XD_TR:
		use_tr();
		break;
	case XD_LDT:
		use_ldt();
		break;
	case XD_TABLES:
		load_tables(arg);
		break;
	case XD_SEGMENTS:
		load_segments();
		break;
	case XD_BASES:
		bases();
		break;
	case XD_CR0:
		put_cr0(native_read_cr0() ^ arg);
		break;
	case XD_CR4:
		put_cr4(native_read_cr4() ^ arg);
		break;
	case XD_CR3:
		native_write_cr3(__native_read_cr3());
		break;
	case XD_CR8:
		asm volatile("mov %0, %%cr8" : : "r"((u64)arg));
		break;
	case XD_XCR0:
		return xcr0();
	case XD_DR_WRITE:
		write_dr(arg);
		break;
	case XD_DR_READ:
		return read_dr(arg);
	case XD_MSR_READ:
		return msr_read(arg);
	case XD_MSR_WRITE:
		return msr_write(arg);
	case XD_LINK_LOW:
		link_id = arg;
		break;
	case XD_LINK_HIGH:
		link_id |= (u64)arg << 32;
		break;
	case XD_VMCALL:
		return vmcall(arg & 0xff, arg >> 8);
	case XD_VMFUNC:
		return vmfunc(arg >> 16, arg & 0xffff);
	case XD_EXIT:
		return exits(arg);
	case XD_FAULT:
		return exception(false);
	case XD_FAULT_NO_IDT:
		return exception(true);
	case XD_NO_STACK:
		return xd_push_nowhere(0xffffc8fffffff000UL);
	case XD_SPIN:
		spin(arg);
		break;
	case XD_RING3:
		ring3();
		break;
	case XD_RETURN:
		return return_twice();
	case XD_LEAVE:
	case XD_WINDOW:
		xd_leave_plan(deed, arg);
		break;
	}
	return 0;
}

void xd_undo(void)
{
	u32 i;

	if (native_read_cr0() != cr0)
		put_cr0(cr0);
	if (native_read_cr4() != cr4)
		put_cr4(cr4);
	native_load_gdt(&xd_kernel_gdt);
	native_load_idt(&xd_kernel_idt);
	asm volatile("mov %0, %%cr8" : : "r"(0UL));
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		if (msrs[i].is && msr_read(msrs[i].number) != msrs[i].value)
			wrmsrl_safe(msrs[i].number, msrs[i].value);
}

/* Where the IDT can be written, with CR0.WP off. */
static gate_desc *double_fault_gate(void)
{
	u64 at = xd_kernel_idt.address + DF_VECTOR * sizeof(gate_desc);
	unsigned int level;
	pte_t *pte = lookup_address(at, &level);

	return phys_to_virt(PFN_PHYS(pte_pfn(*pte)) + (at & ~PAGE_MASK));
}

static void take_double_faults(u64 to)
{
	gate_desc *gate = double_fault_gate(), mine = *gate;
	unsigned long flags;

	xd_old_df = gate_offset(gate);
	mine.offset_low = to;
	mine.offset_middle = to >> 16;
	mine.offset_high = to >> 32;
	local_irq_save(flags);
	put_cr0(cr0 & ~X86_CR0_WP);
	*gate = mine;
	put_cr0(cr0);
	local_irq_restore(flags);
}

void xd_deeds_exit(void)
{
	take_double_faults(xd_old_df);
}

int xd_deeds_init(void)
{
	u32 i;

	cr0 = native_read_cr0();
	cr4 = xd_cr4 = native_read_cr4();
	make_gdt();
	take_double_faults((u64)xd_double_fault);
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		msrs[i].is = !rdmsrl_safe(msrs[i].number, &msrs[i].value);
	return 0;
}
