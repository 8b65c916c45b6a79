// SPDX-License-Identifier: GPL-2.0
/* All that ring 0 has on this CPU and a visitor could have changed. */
#include <linux/irqflags.h>
#include <linux/string.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/special_insns.h>
#include "inside.h"

static const u32 msrs[] = {
	MSR_FS_BASE,
	MSR_GS_BASE,
	MSR_KERNEL_GS_BASE,
	MSR_IA32_SYSENTER_CS,
	MSR_IA32_SYSENTER_ESP,
	MSR_IA32_SYSENTER_EIP,
	MSR_EFER,
	MSR_LSTAR,
	MSR_STAR,
	MSR_CSTAR,
	MSR_SYSCALL_MASK,
	MSR_IA32_CR_PAT,
	MSR_IA32_SPEC_CTRL,
};
static_assert(XA_KERNEL_MSRS + ARRAY_SIZE(msrs) == XA_KERNEL_WORDS);

#define SELECTOR(name)                                  \
	({                                              \
		u64 _s = 0;                             \
		asm("mov %%" #name ", %w0" : "+r"(_s)); \
		_s;                                     \
	})

static u64 xcr0(void)
{
	u32 low, high;

	asm("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return (u64)high << 32 | low;
}

/* In the order of XA_KERNEL_NAMES. */
void xa_read_state(struct xa_kernel *state)
{
	struct desc_ptr gdt, idt;
	unsigned long flags, cr8, dr0, dr6, dr7;
	u16 tr, ldtr;
	u32 i;

	local_irq_save(flags);
	native_store_gdt(&gdt);
	store_idt(&idt);
	asm("str %0" : "=r"(tr));
	asm("sldt %0" : "=r"(ldtr));
	asm("mov %%cr8, %0" : "=r"(cr8));
	asm("mov %%db0, %0" : "=r"(dr0));
	asm("mov %%db6, %0" : "=r"(dr6));
	asm("mov %%db7, %0" : "=r"(dr7));
	*state = (struct xa_kernel){ {
		native_read_cr0(),
		native_read_cr4(),
		__native_read_cr3(),
		cr8,
		gdt.address,
		gdt.size,
		idt.address,
		idt.size,
		tr,
		ldtr,
		SELECTOR(cs),
		SELECTOR(ss),
		SELECTOR(ds),
		SELECTOR(es),
		SELECTOR(fs),
		SELECTOR(gs),
		xcr0(),
		flags,
		dr0,
		dr6,
		dr7,
	} };
	/* 0: there is none */
	for (i = 0; i < ARRAY_SIZE(msrs); i++)
		rdmsrl_safe(msrs[i], &state->v[XA_KERNEL_MSRS + i]);
	local_irq_restore(flags);
}
