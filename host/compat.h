/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that depends on the version of the kernel, and nothing else.
 *
 * What holds on 6.1 and is relied upon:
 *  - vmx_vcpu_run() calls kvm_load_host_xsave_state() after the exit, with interrupts off, after it
 *    dropped its caches of guest registers and before it reads the exit reason from the VMCS.
 *    So a VMWRITE from there is what KVM sees.
 *  - handle_monitor_trap() does nothing: exit reason 37 resumes the guest.
 *
 * The signatures of the hooked and called functions, and the layout of every structure that they
 * take (struct kvm, struct kvm_vcpu), are compared by the kernel at load: symbol versions are
 * checksums over the expanded types. A kernel that differs refuses with "disagrees about version
 * of symbol"; a forced load is refused by check_signatures() in main.c.
 */
#ifndef XO_HOST_COMPAT_H
#define XO_HOST_COMPAT_H

#include <linux/version.h>
#include <linux/ftrace.h>
#include <linux/kvm_host.h>
#include <linux/mm.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "crossover.ko knows KVM of Linux 6.1 only; see host/compat.h"
#endif
#ifndef CONFIG_MODVERSIONS
#error "crossover.ko needs a kernel with CONFIG_MODVERSIONS: it is how KVM's signatures are checked"
#endif
#if !defined(CONFIG_DYNAMIC_FTRACE_WITH_ARGS) || !defined(CONFIG_MMU_NOTIFIER)
#error "crossover.ko needs CONFIG_DYNAMIC_FTRACE_WITH_ARGS and CONFIG_MMU_NOTIFIER"
#endif

/* Exported by kvm.ko for its vendor halves, declared in headers that are not shipped. Compared with
 * arch/x86/kvm/x86.h and lapic.h of 6.1.192. */
struct kvm_vcpu;
struct kvm_lapic;
extern void kvm_load_guest_xsave_state(struct kvm_vcpu *vcpu);
extern void kvm_load_host_xsave_state(struct kvm_vcpu *vcpu);
extern void kvm_apic_send_ipi(struct kvm_lapic *apic, u32 icr_low, u32 icr_high);

/* First argument of the hooked function; plain callbacks get the argument registers only. */
static inline void *xo_first_arg(struct ftrace_regs *fregs)
{
	return (void *)fregs->regs.di;
}

/* One page of another address space, to be put soon: as its owner would touch it. The caller holds
 * the mmap lock. From 6.5 on without the array of areas. */
static inline int xo_page_get(struct mm_struct *mm, unsigned long address, bool write,
			      struct page **page)
{
	long got = get_user_pages_remote(mm, address, 1, write ? FOLL_WRITE : 0, page, NULL, NULL);

	return got == 1 ? 0 : got < 0 ? got : -EFAULT;
}

/* From 6.3 on vm_flags_set(). The caller holds the mmap lock for writing. */
static inline void xo_vma_set(struct vm_area_struct *vma, unsigned long flags)
{
	vma->vm_flags |= flags;
}

/*
 * The current VMCS, architecturally: KVM's accessors are private, and its caches are empty where
 * the hook runs. A field that does not exist leaves 0 (read) or nothing (write); main.c checks at
 * load that the processor lets us write the exit reason.
 */
static __always_inline u64 xo_vmread(unsigned long field)
{
	u64 value;

	asm volatile("vmread %1, %0" : "=r"(value) : "r"(field) : "cc");
	return value;
}

static __always_inline void xo_vmwrite(unsigned long field, u64 value)
{
	asm volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc");
}

/*
 * What KVM is told about the exit that the hook stands behind. Valid there only: interrupts off,
 * the vCPU's VMCS loaded, KVM has not looked at the exit yet. External interrupts, NMIs and machine
 * checks are never to be rewritten: the processor has acknowledged them, and only KVM's own path
 * hands them on.
 */

/* All 32 bits: bit 31 says that the entry failed, and then the exit is none of ours. */
static __always_inline u32 xo_exit_reason(const struct kvm_vcpu *vcpu)
{
	return xo_vmread(VM_EXIT_REASON);
}

/* KVM goes on as after an empty exit: the monitor trap flag's handler does nothing. */
static __always_inline void xo_exit_swallow(struct kvm_vcpu *vcpu)
{
	xo_vmwrite(VM_EXIT_REASON, EXIT_REASON_MONITOR_TRAP_FLAG);
}

/* KVM believes that the guest's instruction at RIP raised #UD, and gives it that. */
static __always_inline void xo_exit_inject_ud(struct kvm_vcpu *vcpu)
{
	xo_vmwrite(VM_EXIT_INTR_INFO, INTR_INFO_VALID_MASK | INTR_TYPE_HARD_EXCEPTION | UD_VECTOR);
	xo_vmwrite(VM_EXIT_REASON, EXIT_REASON_EXCEPTION_NMI);
}

/* No event was being delivered when the guest exited: KVM re-queues nothing. */
static __always_inline void xo_vectoring_clear(struct kvm_vcpu *vcpu)
{
	xo_vmwrite(IDT_VECTORING_INFO_FIELD, 0);
}

/*
 * VMFUNC in this VMCS, for the hook before entry: every time, since KVM may write the whole control
 * from its own copy. What the functions are is VM_FUNCTION_CONTROL's to say. On 6.1 KVM leaves the
 * control on wherever the processor has it.
 */
static __always_inline void xo_enable_vmfunc(struct kvm_vcpu *vcpu)
{
	u64 controls = xo_vmread(SECONDARY_VM_EXEC_CONTROL);

	if (unlikely(!(controls & SECONDARY_EXEC_ENABLE_VMFUNC)))
		xo_vmwrite(SECONDARY_VM_EXEC_CONTROL, controls | SECONDARY_EXEC_ENABLE_VMFUNC);
}

#endif
