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
#include <linux/mm.h>
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
extern void kvm_load_host_xsave_state(struct kvm_vcpu *vcpu);
extern void kvm_apic_send_ipi(struct kvm_lapic *apic, u32 icr_low, u32 icr_high);

/* First argument of the hooked function; plain callbacks get the argument registers only. */
static inline void *xo_first_arg(struct ftrace_regs *fregs)
{
	return (void *)fregs->regs.di;
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

#endif
