// SPDX-License-Identifier: GPL-2.0
/* EPT and page tables of our own making, and how everybody is made to forget them. */
#include "away.h"
#include <asm/msr.h>
#include <asm/vmx.h>
#include "crossover/mark.h"

/* SDM vol. 3, A.10: IA32_VMX_EPT_VPID_CAP */
#define CAP_EXECUTE_ONLY  BIT_ULL(0)
#define CAP_INVEPT_GLOBAL (BIT_ULL(20) | BIT_ULL(26))

#define EPT_WRITE_BACK	  (6ULL << 3)
#define EPT_IGNORE_PAT	  BIT_ULL(6)
#define EPT_BIG		  BIT_ULL(7)
#define EPT_SUPPRESS_VE	  BIT_ULL(63)
#define EPT_ADDRESS	  GENMASK_ULL(51, 12)
#define EPTP_4_LEVELS	  (3ULL << 3) /* and no accessed/dirty bits: so no page-modification log */

u64 xo_away_base;
enum xo_reason xo_processor_lacks;

u64 *xo_page_new(struct list_head *pages)
{
	struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

	if (!page)
		return NULL;
	list_add(&page->lru, pages);
	return page_address(page);
}

void xo_pages_free(struct list_head *pages)
{
	struct page *page, *next;

	list_for_each_entry_safe(page, next, pages, lru) {
		list_del(&page->lru);
		__free_page(page);
	}
}

u64 xo_pages_count(const struct list_head *pages)
{
	const struct list_head *page;
	u64 n = 0;

	list_for_each(page, pages) n++;
	return n;
}

u64 xo_ept_leaf(u64 hpa, u64 rights)
{
	return hpa | rights | EPT_WRITE_BACK | EPT_IGNORE_PAT | EPT_SUPPRESS_VE;
}

u64 xo_ept_table(const u64 *table)
{
	return virt_to_phys((void *)table) | XO_EPT_R | XO_EPT_W | XO_EPT_X;
}

u64 xo_eptp(const u64 *root)
{
	return virt_to_phys((void *)root) | EPTP_4_LEVELS | 6;
}

/* As a gate (docs/gates.md) relies on it: bit 45 and up of an EPTP, read as part of an IDT entry,
 * are the type and present bits. */
bool xo_eptp_ok(u64 eptp)
{
	return !(eptp >> 45);
}

int xo_ept_map(struct list_head *pages, u64 *table, u32 level, u64 gpa, u64 leaf)
{
	for (; level; level--) {
		u64 *entry = &table[xo_level_index(gpa, level)];

		if (!*entry) {
			u64 *below = xo_page_new(pages);

			if (!below)
				return -ENOMEM;
			WRITE_ONCE(*entry, xo_ept_table(below));
		} else if (*entry & EPT_BIG) {
			return -EEXIST; /* a guest's own memory is no table of ours */
		}
		table = phys_to_virt(*entry & EPT_ADDRESS);
	}
	WRITE_ONCE(table[xo_level_index(gpa, 0)], leaf);
	return 0;
}

u64 *xo_ept_entry(u64 *table, u32 level, u64 gpa)
{
	for (; level; level--) {
		u64 entry = table[xo_level_index(gpa, level)];

		if (!entry)
			return NULL;
		table = phys_to_virt(entry & EPT_ADDRESS);
	}
	return &table[xo_level_index(gpa, 0)];
}

/* INVEPT is undefined where KVM has not switched VMX on, or is just about to; nothing is cached
 * there either. */
static void forget_all(void *unused)
{
	static const struct {
		u64 eptp, zero;
	} none;

	if (__read_cr4() & X86_CR4_VMXE)
		asm volatile("1: invept %0, %1\n2:\n" _ASM_EXTABLE(1b, 2b)
			     :
			     : "m"(none), "r"(2UL)
			     : "cc", "memory");
}

/*
 * The interrupt that carries forget_all() to another processor makes its vCPU exit; the exit's
 * callback, which comes home, has run before interrupts are on again and forget_all() with it. The
 * marks are NOPs but for the TLB model of the lab (docs/tlb-model.md), which sees that it is true.
 */
void xo_away_flush(void)
{
	u64 token;

	xo_mark_revoke_begin(&token);
	on_each_cpu(forget_all, NULL, 1);
	xo_mark_revoke_end(&token, 0);
}

static enum xo_reason look_at_processor(void)
{
	u64 ctls2 = 0, functions = 0, cap = 0;

	/* High half: controls that may be 1. An MSR that is not there reads as nothing. */
	rdmsrl_safe(MSR_IA32_VMX_PROCBASED_CTLS2, &ctls2);
	rdmsrl_safe(MSR_IA32_VMX_VMFUNC, &functions);
	rdmsrl_safe(MSR_IA32_VMX_EPT_VPID_CAP, &cap);
	if (!(ctls2 >> 32 & SECONDARY_EXEC_ENABLE_VMFUNC) ||
	    !(functions & VMX_VMFUNC_EPTP_SWITCHING))
		return XO_REASON_NO_VMFUNC;
	if (!(cap & CAP_EXECUTE_ONLY) || (cap & CAP_INVEPT_GLOBAL) != CAP_INVEPT_GLOBAL)
		return XO_REASON_NO_EXECUTE_ONLY;
	return XO_REASON_NONE;
}

void xo_ept_init(void)
{
	u32 bits = min_t(u32, boot_cpu_data.x86_phys_bits, 39);

	xo_away_base = 3ULL << (bits - 2);
	xo_processor_lacks = look_at_processor();
}
