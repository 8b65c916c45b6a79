/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Everything that depends on the version of the kernel, and nothing else; docs/kernels.md says how
 * each fact was found.
 *
 * What holds on 6.1 and 6.12 and is relied upon:
 *  - vmx_vcpu_run() calls kvm_load_host_xsave_state() after the exit, with interrupts off, after it
 *    dropped its caches of guest registers and before it looks at the exit.
 *  - 6.1 then reads exit reason and vectoring from the VMCS, so that a VMWRITE from there is what
 *    KVM sees. 6.12 has read both before, into its struct vcpu_vmx, and looks there: so there they
 *    are written, too, at the offsets that the kernel's type information tells (compat_btf.c).
 *  - handle_monitor_trap() does nothing: exit reason 37 resumes the guest.
 *
 * The signatures of the hooked and called functions, and the layout of every structure that they
 * take (struct kvm, struct kvm_vcpu), are compared by the kernel at load: symbol versions are
 * checksums over the expanded types. A kernel that differs refuses with "disagrees about version
 * of symbol"; a forced load is refused by check_signatures() in main.c. (XO_OWN_KERNEL: it was
 * built in the very tree that this is built against, and has a name of its own:
 * lab/debug-kernel.sh.)
 */
#ifndef XO_HOST_COMPAT_H
#define XO_HOST_COMPAT_H

#include <linux/version.h>
#include <linux/file.h>
#include <linux/ftrace.h>
#include <linux/hugetlb_inline.h>
#include <linux/kvm_host.h>
#include <linux/magic.h>
#include <linux/mm.h>
#include <asm/trapnr.h>
#include <asm/vmx.h>

#define XO_LINUX_6_1  (LINUX_VERSION_CODE >> 8 == KERNEL_VERSION(6, 1, 0) >> 8)
#define XO_LINUX_6_12 (LINUX_VERSION_CODE >> 8 == KERNEL_VERSION(6, 12, 0) >> 8)
#if !XO_LINUX_6_1 && !XO_LINUX_6_12
#error "crossover.ko knows KVM of Linux 6.1 and 6.12 only; see host/compat.h"
#endif
#if !defined(CONFIG_MODVERSIONS) && !defined(XO_OWN_KERNEL)
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

/* An argument of the hooked function, 0 or 1; plain callbacks get the argument registers only. */
static inline void *xo_argument(struct ftrace_regs *fregs, u32 n)
{
#if XO_LINUX_6_1
	return (void *)(n ? fregs->regs.si : fregs->regs.di);
#else
	return (void *)ftrace_regs_get_argument(fregs, n);
#endif
}

static inline void *xo_first_arg(struct ftrace_regs *fregs)
{
	return xo_argument(fregs, 0);
}

/* One page of another address space, to be put soon: as its owner would touch it. The caller holds
 * the mmap lock. */
static inline int xo_page_get(struct mm_struct *mm, unsigned long address, bool write,
			      struct page **page)
{
	unsigned int flags = write ? FOLL_WRITE : 0;
#if XO_LINUX_6_1
	long got = get_user_pages_remote(mm, address, 1, flags, page, NULL, NULL);
#else
	long got = get_user_pages_remote(mm, address, 1, flags, page, NULL);
#endif

	return got == 1 ? 0 : got < 0 ? got : -EFAULT;
}

/* So many pages of another address space, held for long, written to. How many; the caller holds the
 * mmap lock. */
static inline long xo_pin_remote(struct mm_struct *mm, unsigned long address, u32 count,
				 struct page **page)
{
#if XO_LINUX_6_1
	return pin_user_pages_remote(mm, address, count, FOLL_WRITE | FOLL_LONGTERM, page, NULL,
				     NULL);
#else
	return pin_user_pages_remote(mm, address, count, FOLL_WRITE | FOLL_LONGTERM, page, NULL);
#endif
}

/* Memory that nobody has to be asked for: not a file of FUSE, say, whose server may let us wait for
 * ever. The caller holds the mmap lock. */
static inline bool xo_is_plain_memory(struct mm_struct *mm, unsigned long address)
{
	struct vm_area_struct *vma = find_vma(mm, address);

	if (!vma || vma->vm_start > address)
		return false;
	return vma_is_anonymous(vma) || is_vm_hugetlb_page(vma) ||
	       (vma->vm_file && file_inode(vma->vm_file)->i_sb->s_magic == TMPFS_MAGIC);
}

/* Its kernel may leave flushes of other vCPUs' TLBs to KVM, as Hyper-V's guests do. */
static inline bool xo_has_hyperv(const struct kvm_vcpu *vcpu)
{
#if XO_LINUX_6_1 || IS_ENABLED(CONFIG_KVM_HYPERV)
	return vcpu->arch.hyperv_enabled;
#else
	return false;
#endif
}

/* The caller holds the mmap lock for writing. */
static inline void xo_vma_set(struct vm_area_struct *vma, unsigned long flags)
{
#if XO_LINUX_6_1
	vma->vm_flags |= flags;
#else
	vm_flags_set(vma, flags);
#endif
}

static inline void xo_vma_clear(struct vm_area_struct *vma, unsigned long flags)
{
#if XO_LINUX_6_1
	vma->vm_flags &= ~flags;
#else
	vm_flags_clear(vma, flags);
#endif
}

/* What __kvm_set_memory_region() takes, the file of a struct fd, a string field's assignment in a
 * tracepoint; and IA32_VMX_MISC's bit 29: software may write every field of the VMCS. */
#if XO_LINUX_6_1
#define xo_kvm_region		    kvm_userspace_memory_region
#define fd_file(f)		    ((f).file)
#define xo_assign_str(field, value) __assign_str(field, value)
#define XO_VMX_MISC_WRITE_ALL	    MSR_IA32_VMX_MISC_VMWRITE_SHADOW_RO_FIELDS
#else
#define xo_kvm_region		    kvm_userspace_memory_region2
#define xo_assign_str(field, value) __assign_str(field)
#define XO_VMX_MISC_WRITE_ALL	    VMX_MISC_VMWRITE_SHADOW_RO_FIELDS
#endif

/*
 * The current VMCS, architecturally: KVM's accessors are private, and its caches of guest state are
 * empty where the hook runs. A field that does not exist leaves 0 (read) or nothing (write); main.c
 * checks at load that the processor lets us write the exit reason.
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

#if XO_LINUX_6_12
/* Where struct vcpu_vmx keeps what KVM will look at; compat_btf.c. */
struct xo_kvm_layout {
	u32 exit_reason;
	u32 idt_vectoring_info;
};
extern struct xo_kvm_layout xo_kvm_layout;
/* KVM's copy is not what the VMCS says: the layout is wrong, and nothing is written any more. */
extern bool xo_kvm_layout_wrong;
void xo_kvm_layout_is_wrong(u32 kept, u32 reason);

/* KVM's own words for a failed entry, and ours for an exit that is not understood. */
#define XO_EXIT_FAILED 0xdead

/* struct vcpu_vmx begins with its struct kvm_vcpu. */
static __always_inline u32 *xo_kept(const struct kvm_vcpu *vcpu, u32 offset)
{
	return (u32 *)((unsigned long)vcpu + offset);
}

static __always_inline void xo_keep(const struct kvm_vcpu *vcpu, u32 offset, u32 value)
{
	if (likely(!READ_ONCE(xo_kvm_layout_wrong)))
		*xo_kept(vcpu, offset) = value;
}
#endif

/*
 * What KVM has read of the guest's state since the exit, for whoever is about to change it. On 6.1
 * that is nothing; 6.12 hands an NMI to the host before, whose handler (perf) may ask where the
 * guest was. The same as VMX_REGS_LAZY_LOAD_SET of KVM: what is read from the VMCS when it is
 * wanted.
 */
static __always_inline void xo_caches_drop(struct kvm_vcpu *vcpu)
{
	vcpu->arch.regs_avail &=
		~(u32)(BIT(VCPU_REGS_RIP) | BIT(VCPU_REGS_RSP) | BIT(VCPU_EXREG_RFLAGS) |
		       BIT(VCPU_EXREG_PDPTR) | BIT(VCPU_EXREG_SEGMENTS) | BIT(VCPU_EXREG_CR0) |
		       BIT(VCPU_EXREG_CR3) | BIT(VCPU_EXREG_CR4) | BIT(VCPU_EXREG_EXIT_INFO_1) |
		       BIT(VCPU_EXREG_EXIT_INFO_2));
}

/* All 32 bits: bit 31 says that the entry failed, and then the exit is none of ours. */
static __always_inline u32 xo_exit_reason(const struct kvm_vcpu *vcpu)
{
	u32 reason = xo_vmread(VM_EXIT_REASON);
#if XO_LINUX_6_12
	u32 kept = *xo_kept(vcpu, xo_kvm_layout.exit_reason);

	if (unlikely(kept != reason)) {
		if (kept != XO_EXIT_FAILED)
			xo_kvm_layout_is_wrong(kept, reason);
		return XO_EXIT_FAILED;
	}
#endif
	return reason;
}

static __always_inline void xo_exit_set_reason(struct kvm_vcpu *vcpu, u32 reason)
{
	xo_vmwrite(VM_EXIT_REASON, reason);
#if XO_LINUX_6_12
	xo_keep(vcpu, xo_kvm_layout.exit_reason, reason);
#endif
}

/* KVM goes on as after an empty exit: the monitor trap flag's handler does nothing. */
static __always_inline void xo_exit_swallow(struct kvm_vcpu *vcpu)
{
	xo_exit_set_reason(vcpu, EXIT_REASON_MONITOR_TRAP_FLAG);
}

/* KVM believes that the guest's instruction at RIP raised #UD, and gives it that. */
static __always_inline void xo_exit_inject_ud(struct kvm_vcpu *vcpu)
{
	xo_vmwrite(VM_EXIT_INTR_INFO, INTR_INFO_VALID_MASK | INTR_TYPE_HARD_EXCEPTION | UD_VECTOR);
	xo_caches_drop(vcpu); /* 6.12 looks for NMIs first, and keeps what it saw */
	xo_exit_set_reason(vcpu, EXIT_REASON_EXCEPTION_NMI);
}

/* No event was being delivered when the guest exited: KVM re-queues nothing. */
static __always_inline void xo_vectoring_clear(struct kvm_vcpu *vcpu)
{
	xo_vmwrite(IDT_VECTORING_INFO_FIELD, 0);
#if XO_LINUX_6_12
	xo_keep(vcpu, xo_kvm_layout.idt_vectoring_info, 0);
#endif
}

/* A step of loading and its undoing: learn the layout, hold kvm_intel. Nothing to do on 6.1. */
int xo_compat_init(void);
void xo_compat_exit(void);

/*
 * VMFUNC in this VMCS, for the hook before entry: every time, since KVM may write the whole control
 * from its own copy. What the functions are is VM_FUNCTION_CONTROL's to say. 6.1 leaves the control
 * on wherever the processor has it, and answers an exit for VMFUNC by #UD; 6.12.117 switches it off
 * (vmx_secondary_exec_control()), and warns of such an exit. True: it was off, and is to be again.
 */
static __always_inline bool xo_enable_vmfunc(void)
{
	u64 controls = xo_vmread(SECONDARY_VM_EXEC_CONTROL);

	if (controls & SECONDARY_EXEC_ENABLE_VMFUNC)
		return false;
	xo_vmwrite(SECONDARY_VM_EXEC_CONTROL, controls | SECONDARY_EXEC_ENABLE_VMFUNC);
	return true;
}

static __always_inline void xo_disable_vmfunc(void)
{
	xo_vmwrite(SECONDARY_VM_EXEC_CONTROL,
		   xo_vmread(SECONDARY_VM_EXEC_CONTROL) & ~(u64)SECONDARY_EXEC_ENABLE_VMFUNC);
}

#endif
