// SPDX-License-Identifier: GPL-2.0
/*
 * What a visitor, in ring 0 of its caller's vCPU, could change of it without an exit (hazards S4),
 * and what nobody behind it puts right: made to exit between an entry and its exit, where the vCPU
 * is bound to a record. So the write is done in the callee's own server CPU, to which the visitor
 * is evicted, and never in the caller's. KVM's VMCS is as it was at every exit.
 *
 * The same exits at home, where KVM does what the guest wanted: these are registers that a kernel
 * writes when it boots. One is not: SPEC_CTRL, with a caller's kernel that uses legacy IBRS.
 */
#include "visitor.h"
#include <asm/msr-index.h>
#include <asm/vmx.h>
#include "compat.h"

/* #NM: the FPU is the caller's; #DF: it has a stack of the caller's TSS. */
#define EXCEPTIONS (BIT(NM_VECTOR) | BIT(DF_VECTOR))

/* In the bitmap of MSRs 0 to 0x1fff: reads from its start, writes from here (SDM 3, 25.6.9). */
#define WRITES	   0x800
#define X2APIC_TPR 0x808 /* where x2APIC is virtualized: as CR8 */
#define MASK(msr)  (1u << ((msr) % 8))

static const struct {
	u16 byte;
	u8 bits;
} guarded[XO_GUARDED_BYTES] = {
	/* SYSENTER; reading tells where the caller's kernel is */
	{ MSR_IA32_SYSENTER_CS / 8,
	  MASK(MSR_IA32_SYSENTER_CS) | MASK(MSR_IA32_SYSENTER_ESP) | MASK(MSR_IA32_SYSENTER_EIP) },
	{ WRITES + MSR_IA32_SYSENTER_CS / 8,
	  MASK(MSR_IA32_SYSENTER_CS) | MASK(MSR_IA32_SYSENTER_ESP) | MASK(MSR_IA32_SYSENTER_EIP) },
	{ WRITES + MSR_IA32_SPEC_CTRL / 8, MASK(MSR_IA32_SPEC_CTRL) },
	{ WRITES + MSR_IA32_XFD / 8, MASK(MSR_IA32_XFD) | MASK(MSR_IA32_XFD_ERR) },
	{ WRITES + X2APIC_TPR / 8, MASK(X2APIC_TPR) },
};
static_assert(MSR_IA32_SYSENTER_CS / 8 == MSR_IA32_SYSENTER_EIP / 8);
static_assert(MSR_IA32_XFD / 8 == MSR_IA32_XFD_ERR / 8);
static_assert(MSR_IA32_PRED_CMD / 8 == MSR_IA32_SPEC_CTRL / 8);

/* NULL: every access to an MSR exits. */
static u8 *msr_bitmap(void)
{
	if (!(xo_vmread(CPU_BASED_VM_EXEC_CONTROL) & CPU_BASED_USE_MSR_BITMAPS))
		return NULL;
	return __va(xo_vmread(MSR_BITMAP));
}

void xo_guard_arm(struct xo_gate_cpu *cpu)
{
	u64 controls = xo_vmread(CPU_BASED_VM_EXEC_CONTROL);
	u8 *bitmap = msr_bitmap();
	u32 i;

	cpu->bitmap = xo_vmread(EXCEPTION_BITMAP);
	xo_vmwrite(EXCEPTION_BITMAP, cpu->bitmap | EXCEPTIONS);
	cpu->cr8 = controls & CPU_BASED_CR8_LOAD_EXITING;
	if (!cpu->cr8)
		xo_vmwrite(CPU_BASED_VM_EXEC_CONTROL, controls | CPU_BASED_CR8_LOAD_EXITING);
	for (i = 0; bitmap && i < ARRAY_SIZE(guarded); i++) {
		cpu->msr[i] = bitmap[guarded[i].byte];
		bitmap[guarded[i].byte] |= guarded[i].bits;
	}
	/* Runtime and caller execute IBPB without an exit, whatever the VM's model says of it. */
	if (bitmap && READ_ONCE(cpu->current_record->link->flags) & XO_LINK_IBPB)
		bitmap[WRITES + MSR_IA32_PRED_CMD / 8] &= ~MASK(MSR_IA32_PRED_CMD);
}

void xo_guard_disarm(struct xo_gate_cpu *cpu)
{
	u8 *bitmap = msr_bitmap();
	u32 i;

	xo_vmwrite(EXCEPTION_BITMAP, cpu->bitmap);
	if (!cpu->cr8)
		xo_vmwrite(CPU_BASED_VM_EXEC_CONTROL,
			   xo_vmread(CPU_BASED_VM_EXEC_CONTROL) & ~(u64)CPU_BASED_CR8_LOAD_EXITING);
	for (i = 0; bitmap && i < ARRAY_SIZE(guarded); i++)
		bitmap[guarded[i].byte] = cpu->msr[i];
}

u64 xo_spec_ctrl(struct kvm_vcpu *vcpu)
{
	u64 value = 0;

	/* A VM whose model has none has what KVM gives it: 0. */
	return kvm_get_msr(vcpu, MSR_IA32_SPEC_CTRL, &value) ? 0 : value;
}

struct xo_vcpu_shape xo_shape_of(const struct kvm_vcpu *vcpu)
{
	return (struct xo_vcpu_shape){
		.efer = vcpu->arch.efer,
		.xcr0 = vcpu->arch.xcr0,
		.pat = vcpu->arch.pat,
		.tsc_offset = vcpu->arch.l1_tsc_offset,
		.tsc_ratio = vcpu->arch.l1_tsc_scaling_ratio,
	};
}
