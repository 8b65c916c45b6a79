// SPDX-License-Identifier: GPL-2.0
/*
 * Which vCPUs may go away. What a context switch by VMFUNC does not switch must be alike on both
 * sides or not in use; each condition is a sentence of errors.def.
 */
#include "away.h"
#include <asm/msr.h>
#include <asm/vmx.h>
#include "compat.h"
#include "selftest.h"

#define DEBUGCTL_ON (DEBUGCTLMSR_LBR | DEBUGCTLMSR_BTF | DEBUGCTLMSR_TR | DEBUGCTLMSR_BTS)

/* The VM as a whole. Also while none of its vCPUs runs. */
static enum xo_reason vm_qualifies(const struct kvm *kvm)
{
	if (!READ_ONCE(kvm->arch.apicv_inhibit_reasons))
		return XO_REASON_APICV;
	if (kvm->arch.hlt_in_guest || kvm->arch.mwait_in_guest)
		return XO_REASON_HALT_NO_EXIT;
	return XO_REASON_NONE;
}

/* Virtual interrupts and posted ones act on the current EPT without an exit. */
static bool uses_apicv(void)
{
	return xo_vmread(SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_VIRTUAL_INTR_DELIVERY ||
	       xo_vmread(PIN_BASED_VM_EXEC_CONTROL) & PIN_BASED_POSTED_INTR;
}

/* What writes memory or records addresses behind software's back. */
static bool is_traced(const struct kvm_vcpu *vcpu)
{
	return xo_vmread(GUEST_IA32_DEBUGCTL) & DEBUGCTL_ON ||
	       xo_vmread(VM_ENTRY_CONTROLS) & VM_ENTRY_LOAD_IA32_RTIT_CTL ||
	       vcpu->arch.pmu.pebs_enable;
}

enum xo_reason xo_registers_qualify(const struct kvm_vcpu *vcpu)
{
	u64 cr4 = xo_vmread(GUEST_CR4);

	if (!(vcpu->arch.efer & EFER_LMA) || !(vcpu->arch.efer & EFER_NX) || cr4 & X86_CR4_LA57)
		return XO_REASON_NOT_LONG_MODE;
	if (cr4 & X86_CR4_PKE)
		return XO_REASON_PKU;
	/*
	 * A gate context has page tables of ours, since no other CR3 leads anywhere there. That
	 * holds as long as a load of CR3 flushes what another CR3 led to: VMFUNC does not, and with
	 * PCIDs CR3 need not (SDM 3, 4.10.4.1). KVM owns the bit: its change is an exit.
	 */
	if (cr4 & X86_CR4_PCIDE)
		return XO_REASON_PCID;
	/* The runtime looks at IDTR by SIDT, which must neither fault nor exit, as it does where
	 * KVM emulates UMIP. */
	if (cr4 & X86_CR4_UMIP || xo_vmread(SECONDARY_VM_EXEC_CONTROL) & SECONDARY_EXEC_DESC)
		return XO_REASON_UMIP;
	if (!(cr4 & X86_CR4_FSGSBASE))
		return XO_REASON_NO_FSGSBASE;
	if (!(cr4 & X86_CR4_OSXSAVE))
		return XO_REASON_NO_XSAVE;
	/* What the runtime clears is limited to XCR0: it must have what can be used without it, and
	 * nothing that the runtime leaves alone. */
	if ((vcpu->arch.xcr0 & XFEATURE_MASK_FPSSE) != XFEATURE_MASK_FPSSE ||
	    vcpu->arch.xcr0 & ~(u64)XO_GATE_XSTATE)
		return XO_REASON_VCPU_STATE;
	return XO_REASON_NONE;
}

enum xo_reason xo_vcpu_qualifies(const struct kvm_vcpu *vcpu)
{
	if (vcpu->arch.hflags & (HF_GUEST_MASK | HF_SMM_MASK))
		return XO_REASON_NESTED;
	/* Breakpoints of the guest's own are inert away: it is not armed while it has any. */
	if (vcpu->guest_debug || vcpu->arch.switch_db_regs)
		return XO_REASON_GUEST_DEBUG;
	if (uses_apicv())
		return XO_REASON_APICV;
	if (is_traced(vcpu))
		return XO_REASON_PT;
	if (!xo_cpu_passed())
		return XO_REASON_CPU_UNTESTED;
	return xo_registers_qualify(vcpu);
}

/*
 * For those who ask before the first call: what can be told without a vCPU's VMCS; what the
 * kernel's features are, by the vCPU that said HELLO or asks for a connection (the gate uses some
 * of them at home, where they fault); and what was found at the last entry of each vCPU, if it was
 * found.
 */
enum xo_reason xo_vmfunc_qualify(struct xo_vm *vm)
{
	struct xo_gate_vm *gate = vm->gate;
	enum xo_reason reason = xo_processor_lacks;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	if (!reason)
		reason = xo_cpus_tested();
	if (!reason)
		reason = vm_qualifies(vm->kvm) ?: READ_ONCE(vm->lacks);
	if (reason)
		return reason;
	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		if (READ_ONCE(vcpu->guest_debug))
			return XO_REASON_GUEST_DEBUG;
		if (gate && gate->cpu[i] && READ_ONCE(gate->cpu[i]->why))
			return READ_ONCE(gate->cpu[i]->why);
	}
	return XO_REASON_NONE;
}
