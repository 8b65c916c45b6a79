// SPDX-License-Identifier: GPL-2.0
/*
 * The self-test's VMCS, and what of the host's state an exit does not bring back. The VM is current
 * and interrupts are off for all of this.
 */
#include "compat.h"
#include <asm/debugreg.h>
#include <asm/msr.h>
#include "selftest_vm.h"

/* What is wanted, and what the processor insists on. `lacks`: what it does not have. */
static u32 controls(u32 msr, u32 true_msr, u32 wanted, u32 *lacks)
{
	u64 basic, allowed;

	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	rdmsrl(true_msr && basic & VMX_BASIC_TRUE_CTLS ? true_msr : msr, allowed);
	*lacks |= wanted & ~(allowed >> 32);
	return (wanted | (u32)allowed) & allowed >> 32;
}

u32 xo_selftest_write_controls(u64 eptp, u64 eptp_list)
{
	u32 lacks = 0;

	xo_vmwrite(PIN_BASED_VM_EXEC_CONTROL,
		   controls(MSR_IA32_VMX_PINBASED_CTLS, MSR_IA32_VMX_TRUE_PINBASED_CTLS,
			    PIN_BASED_EXT_INTR_MASK | PIN_BASED_NMI_EXITING, &lacks));
	xo_vmwrite(CPU_BASED_VM_EXEC_CONTROL,
		   controls(MSR_IA32_VMX_PROCBASED_CTLS, MSR_IA32_VMX_TRUE_PROCBASED_CTLS,
			    CPU_BASED_ACTIVATE_SECONDARY_CONTROLS, &lacks));
	xo_vmwrite(SECONDARY_VM_EXEC_CONTROL,
		   controls(MSR_IA32_VMX_PROCBASED_CTLS2, 0,
			    SECONDARY_EXEC_ENABLE_EPT | SECONDARY_EXEC_ENABLE_VMFUNC, &lacks));
	xo_vmwrite(VM_EXIT_CONTROLS, controls(MSR_IA32_VMX_EXIT_CTLS, MSR_IA32_VMX_TRUE_EXIT_CTLS,
					      VM_EXIT_HOST_ADDR_SPACE_SIZE, &lacks));
	xo_vmwrite(VM_ENTRY_CONTROLS,
		   controls(MSR_IA32_VMX_ENTRY_CTLS, MSR_IA32_VMX_TRUE_ENTRY_CTLS,
			    VM_ENTRY_IA32E_MODE | VM_ENTRY_LOAD_DEBUG_CONTROLS, &lacks));

	xo_vmwrite(EXCEPTION_BITMAP, ~0U); /* there is no IDT; for page faults mask and match: */
	xo_vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
	xo_vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
	xo_vmwrite(CR3_TARGET_COUNT, 0);
	xo_vmwrite(VM_EXIT_MSR_STORE_COUNT, 0);
	xo_vmwrite(VM_EXIT_MSR_LOAD_COUNT, 0);
	xo_vmwrite(VM_ENTRY_MSR_LOAD_COUNT, 0);
	xo_vmwrite(VM_ENTRY_INTR_INFO_FIELD, 0);
	xo_vmwrite(VMCS_LINK_POINTER, ~0ULL);
	xo_vmwrite(EPT_POINTER, eptp);
	xo_vmwrite(VM_FUNCTION_CONTROL, VMX_VMFUNC_EPTP_SWITCHING);
	xo_vmwrite(EPTP_LIST_ADDRESS, eptp_list);
	return lacks;
}

static void write_segment(u32 selector_field, u32 selector, u32 rights)
{
	/* The fields of one kind stand two apart, in the same order of segments. */
	u32 i = selector_field - GUEST_ES_SELECTOR;

	xo_vmwrite(GUEST_ES_SELECTOR + i, selector);
	xo_vmwrite(GUEST_ES_BASE + i, 0);
	xo_vmwrite(GUEST_ES_LIMIT + i, rights & VMX_AR_G_MASK ? ~0U : 0xffff);
	xo_vmwrite(GUEST_ES_AR_BYTES + i, rights);
}

/* The bits of a control register that VMX fixes, and the wanted ones. */
static u64 fixed(u32 msr0, u32 msr1, u64 wanted)
{
	u64 ones, may;

	rdmsrl(msr0, ones);
	rdmsrl(msr1, may);
	return (wanted | ones) & may;
}

void xo_selftest_write_guest(void)
{
	u32 field;

	for (field = GUEST_ES_SELECTOR; field <= GUEST_LDTR_SELECTOR; field += 2)
		write_segment(field, 0, VMX_AR_UNUSABLE_MASK);
	write_segment(GUEST_CS_SELECTOR, 8,
		      VMX_AR_P_MASK | VMX_AR_S_MASK | VMX_AR_L_MASK | VMX_AR_G_MASK | 11);
	write_segment(GUEST_TR_SELECTOR, 16, VMX_AR_P_MASK | VMX_AR_TYPE_BUSY_64_TSS);
	xo_vmwrite(GUEST_GDTR_BASE, 0);
	xo_vmwrite(GUEST_GDTR_LIMIT, 0);
	xo_vmwrite(GUEST_IDTR_BASE, 0);
	xo_vmwrite(GUEST_IDTR_LIMIT, 0);

	xo_vmwrite(GUEST_CR0, fixed(MSR_IA32_VMX_CR0_FIXED0, MSR_IA32_VMX_CR0_FIXED1,
				    X86_CR0_PE | X86_CR0_PG | X86_CR0_NE));
	xo_vmwrite(GUEST_CR3, XO_SELFTEST_CR3);
	xo_vmwrite(GUEST_CR4, fixed(MSR_IA32_VMX_CR4_FIXED0, MSR_IA32_VMX_CR4_FIXED1, X86_CR4_PAE));
	xo_vmwrite(CR0_GUEST_HOST_MASK, 0);
	xo_vmwrite(CR4_GUEST_HOST_MASK, 0);
	xo_vmwrite(GUEST_DR7, 0x400);
	xo_vmwrite(GUEST_IA32_DEBUGCTL, 0);
	xo_vmwrite(GUEST_SYSENTER_CS, 0);
	xo_vmwrite(GUEST_SYSENTER_ESP, 0);
	xo_vmwrite(GUEST_SYSENTER_EIP, 0);
	xo_vmwrite(GUEST_PENDING_DBG_EXCEPTIONS, 0);
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO, 0);
	xo_vmwrite(GUEST_ACTIVITY_STATE, 0);
	/* Interrupts exit whatever IF says; Bochs wants it set for that. */
	xo_vmwrite(GUEST_RFLAGS, X86_EFLAGS_FIXED | X86_EFLAGS_IF);
	xo_vmwrite(GUEST_RSP, 0);
	xo_vmwrite(GUEST_RIP, XO_SELFTEST_CODE);
}

/* ------------------------------------------------------------------ the host's state
 *
 * An exit loads most of it from the VMCS. Not as it was are then: the selectors of DS, ES, FS and
 * GS (a host's must have RPL 0, so nothing but 0 is general) and LDTR; the limits of GDTR, IDTR and
 * TR; DR7 and DEBUGCTL. PAT, EFER and what VMX does not know stay, as the VM changes none of it.
 */

void xo_selftest_save_host(struct xo_selftest_host *h)
{
	native_store_gdt(&h->gdt);
	store_idt(&h->idt);
	h->tr = native_store_tr();
	store_ldt(h->ldt);
	savesegment(ds, h->ds);
	savesegment(es, h->es);
	savesegment(fs, h->fs);
	savesegment(gs, h->gs);
	rdmsrl(MSR_FS_BASE, h->fs_base);
	rdmsrl(MSR_KERNEL_GS_BASE, h->user_gs_base);
	rdmsrl(MSR_IA32_DEBUGCTLMSR, h->debugctl);
	get_debugreg(h->dr7, 7);
}

static u64 tr_base(const struct xo_selftest_host *h)
{
	const struct ldttss_desc *tss = (void *)(h->gdt.address + (h->tr & ~7));

	return tss->base0 | (u64)tss->base1 << 16 | (u64)tss->base2 << 24 | (u64)tss->base3 << 32;
}

static void write_msr_field(u32 field, u32 msr)
{
	u64 value;

	rdmsrl(msr, value);
	xo_vmwrite(field, value);
}

void xo_selftest_write_host(const struct xo_selftest_host *h)
{
	xo_vmwrite(HOST_CR0, read_cr0());
	xo_vmwrite(HOST_CR3, __read_cr3());
	xo_vmwrite(HOST_CR4, __read_cr4());
	xo_vmwrite(HOST_CS_SELECTOR, __KERNEL_CS);
	xo_vmwrite(HOST_SS_SELECTOR, __KERNEL_DS);
	xo_vmwrite(HOST_DS_SELECTOR, 0);
	xo_vmwrite(HOST_ES_SELECTOR, 0);
	xo_vmwrite(HOST_FS_SELECTOR, 0);
	xo_vmwrite(HOST_GS_SELECTOR, 0);
	xo_vmwrite(HOST_TR_SELECTOR, h->tr);
	xo_vmwrite(HOST_TR_BASE, tr_base(h));
	xo_vmwrite(HOST_GDTR_BASE, h->gdt.address);
	xo_vmwrite(HOST_IDTR_BASE, h->idt.address);
	xo_vmwrite(HOST_FS_BASE, h->fs_base);
	write_msr_field(HOST_GS_BASE, MSR_GS_BASE);
	write_msr_field(HOST_IA32_SYSENTER_CS, MSR_IA32_SYSENTER_CS);
	write_msr_field(HOST_IA32_SYSENTER_ESP, MSR_IA32_SYSENTER_ESP);
	write_msr_field(HOST_IA32_SYSENTER_EIP, MSR_IA32_SYSENTER_EIP);
	xo_vmwrite(HOST_RIP, (unsigned long)xo_selftest_home);
}

void xo_selftest_restore_host(const struct xo_selftest_host *h)
{
	native_load_gdt(&h->gdt);
	native_load_idt(&h->idt);
	invalidate_tss_limit();
	if (h->ldt)
		asm volatile("lldt %0" : : "m"(h->ldt));
	if (h->ds | h->es) {
		loadsegment(ds, h->ds);
		loadsegment(es, h->es);
	}
	if (h->fs) {
		loadsegment(fs, h->fs);
		wrmsrl(MSR_FS_BASE, h->fs_base);
	}
	if (h->gs) {
		load_gs_index(h->gs);
		wrmsrl(MSR_KERNEL_GS_BASE, h->user_gs_base);
	}
	set_debugreg(h->dr7, 7);
	if (h->debugctl)
		wrmsrl(MSR_IA32_DEBUGCTLMSR, h->debugctl);
}
