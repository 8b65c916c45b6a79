// SPDX-License-Identifier: GPL-2.0
/*
 * A hostile guest kernel, for the lab only: lets a process of this VM do from ring 0 what only ring
 * 0 can do to gates, or run in ring 3 on another process's page tables. It harms its own VM at
 * most; one CPU, one user at a time.
 */
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/sched/task.h>
#include <linux/uaccess.h>
#include <asm/desc.h>
#include <asm/extable.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>
#include "inside.h"
#include "xo_attack.h"

#define PCID_OURS 0x123

extern u8 xa_stubs[];

static DEFINE_MUTEX(lock);
static gate_desc idt[IDT_ENTRIES] __aligned(PAGE_SIZE);
static struct desc_ptr kernel_idt;

/* ------------------------------------------------------------------ VMFUNC here */

static long leaf(struct xa_leaf *arg)
{
	u64 rax = arg->leaf, rcx = arg->index;
	u32 ud = 0;

	asm volatile("1: .byte 0x0f, 0x01, 0xd4\n\t"
		     "jmp 3f\n"
		     "2: movl $1, %0\n"
		     "3:\n" _ASM_EXTABLE(1b, 2b)
		     : "+r"(ud), "+a"(rax), "+c"(rcx)
		     :
		     : "memory");
	arg->ud = ud;
	return 0;
}

/* ------------------------------------------------------------------ anywhere, in ring 0 */

static u64 raw_cr4(u64 clear)
{
	u64 old, new;

	asm volatile("mov %%cr4, %0" : "=r"(old));
	new = old & ~clear;
	asm volatile("mov %0, %%cr4" : : "r"(new) : "memory");
	return old;
}

static void raw_cr4_back(u64 old)
{
	asm volatile("mov %0, %%cr4" : : "r"(old) : "memory");
}

static pgd_t *user_pgd(struct mm_struct *mm)
{
#ifdef CONFIG_PAGE_TABLE_ISOLATION
	if (boot_cpu_has(X86_FEATURE_PTI))
		return kernel_to_user_pgdp(mm->pgd);
#endif
	return mm->pgd;
}

static u64 cr3_of(const struct xa_run *run, struct mm_struct *mm)
{
	u64 pcid = __read_cr3() & ~CR3_ADDR_MASK ? PCID_OURS : 0;

	switch (run->which) {
	case XA_CR3_USER:
	case XA_CR3_PID:
		return __pa(user_pgd(mm)) | pcid;
	case XA_CR3_KERNEL:
		return __read_cr3() & ~BIT_ULL(63);
	default:
		return run->cr3;
	}
}

/*
 * The host lets who comes home in ring 3 go on with interrupts on, as ring 3 has them. One taken
 * with our IDT would be lost to the kernel: so they wait in the interrupt controller.
 */
static void hold_interrupts(bool on)
{
	u64 priority = on ? 15 : 0;

	asm volatile("mov %0, %%cr8" : : "r"(priority) : "memory");
}

/*
 * Ring 3's tables lack the kernel: it is lent to them for the time. Exceptions come on the stack of
 * double faults, which is there whatever RSP is.
 */
static void go(struct xa_run *run, struct mm_struct *mm)
{
	static pgd_t upper[PTRS_PER_PGD / 2];
	pgd_t *user = user_pgd(mm) + PTRS_PER_PGD / 2;
	u64 cr4;

	local_irq_disable();
	hold_interrupts(true);
	memcpy(upper, user, sizeof(upper));
	memcpy(user, current->mm->pgd + PTRS_PER_PGD / 2, sizeof(upper));
	cr4 = raw_cr4(X86_CR4_SMEP | X86_CR4_SMAP);
	xa_go(run, cr3_of(run, mm));
	raw_cr4_back(cr4);
	memcpy(user, upper, sizeof(upper));
	hold_interrupts(false);
	local_irq_enable();
}

static struct mm_struct *mm_of(const struct xa_run *run)
{
	struct task_struct *task;
	struct mm_struct *mm;

	if (run->which != XA_CR3_PID) {
		mmget(current->mm);
		return current->mm;
	}
	rcu_read_lock();
	task = pid_task(find_vpid(run->cr3), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	if (!task)
		return NULL;
	mm = get_task_mm(task);
	put_task_struct(task);
	return mm;
}

static long run(struct xa_run *arg)
{
	static struct xa_run ours;
	struct mm_struct *mm = mm_of(arg);

	if (!mm)
		return -ESRCH;
	ours = *arg;
	ours.flags = (ours.flags & ~X86_EFLAGS_IF) | X86_EFLAGS_FIXED;
	go(&ours, mm);
	mmput(mm);
	memcpy(arg, &xa_out, offsetof(struct xa_run, cr3));
	arg->vector = xa_vector;
	return 0;
}

static void make_idt(void)
{
	int i;

	for (i = 0; i < IDT_ENTRIES; i++) {
		unsigned long to = (unsigned long)xa_stubs + 16 * (i < 32 ? i : 3);

		pack_gate(&idt[i], GATE_INTERRUPT, to, 0, 0, __KERNEL_CS);
		idt[i].bits.ist = 1;
	}
	xa_idtr.size = sizeof(idt) - 1;
	xa_idtr.address = (unsigned long)idt;
}

/* ------------------------------------------------------------------ tables and flags */

static long move_idt(u64 address)
{
	struct desc_ptr there = { .size = sizeof(idt) - 1, .address = address };
	static u64 cr4;

	if (!address) {
		if (!kernel_idt.address)
			return -EINVAL;
		load_idt(&kernel_idt);
		raw_cr4_back(cr4);
		kernel_idt.address = 0;
		return 0;
	}
	if (kernel_idt.address)
		return -EBUSY;
	store_idt(&kernel_idt);
	if (copy_to_user((void __user *)address, (void *)kernel_idt.address, sizeof(idt))) {
		kernel_idt.address = 0;
		return -EFAULT;
	}
	local_irq_disable();
	cr4 = raw_cr4(X86_CR4_SMAP);
	load_idt(&there);
	local_irq_enable();
	return 0;
}

static long task_switched(u32 on)
{
	u64 cr0;

	preempt_disable();
	asm volatile("mov %%cr0, %0" : "=r"(cr0));
	cr0 = on ? cr0 | X86_CR0_TS : cr0 & ~X86_CR0_TS;
	asm volatile("mov %0, %%cr0" : : "r"(cr0) : "memory");
	preempt_enable();
	return 0;
}

/* ------------------------------------------------------------------ the device */

static long in_and_out(void __user *user, void *arg, size_t size, long (*what)(void *))
{
	long ret;

	if (copy_from_user(arg, user, size))
		return -EFAULT;
	ret = what(arg);
	return ret ?: copy_to_user(user, arg, size) ? -EFAULT : 0;
}

static long leaf_any(void *arg)
{
	return leaf(arg);
}

static long run_any(void *arg)
{
	return run(arg);
}

static long arm_any(void *arg)
{
	return xa_visit_arm(arg);
}

static long result_any(void *arg)
{
	return xa_visit_result(arg);
}

static long now_any(void *arg)
{
	return xa_visit_now(arg);
}

static long vmcall_any(void *arg)
{
	return xa_vmcall(arg);
}

static long state_any(void *arg)
{
	xa_read_state(arg);
	return 0;
}

static long locked_ioctl(unsigned int cmd, unsigned long arg)
{
	static struct xa_visit xa_visit;
	struct xa_vmcall xa_vmcall;
	static struct xa_run xa_run;
	struct xa_kernel xa_kernel;
	struct xa_leaf xa_leaf;
	u64 value = 0;

	switch (cmd) {
	case XA_LEAF:
		return in_and_out((void __user *)arg, &xa_leaf, sizeof(xa_leaf), leaf_any);
	case XA_RUN:
		return in_and_out((void __user *)arg, &xa_run, sizeof(xa_run), run_any);
	case XA_IDT:
		return copy_from_user(&value, (void __user *)arg, 8) ? -EFAULT : move_idt(value);
	case XA_KERNEL:
		return in_and_out((void __user *)arg, &xa_kernel, sizeof(xa_kernel), state_any);
	case XA_VISIT_ARM:
		return in_and_out((void __user *)arg, &xa_visit, sizeof(xa_visit), arm_any);
	case XA_VISIT_RESULT:
		return in_and_out((void __user *)arg, &xa_visit, sizeof(xa_visit), result_any);
	case XA_VISIT_NOW:
		return in_and_out((void __user *)arg, &xa_visit, sizeof(xa_visit), now_any);
	case XA_VMCALL:
		return in_and_out((void __user *)arg, &xa_vmcall, sizeof(xa_vmcall), vmcall_any);
	case XA_TS:
		return copy_from_user(&value, (void __user *)arg, 4) ? -EFAULT
								     : task_switched(value);
	default:
		return -ENOTTY;
	}
}

static long attack_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	long ret;

	mutex_lock(&lock);
	ret = locked_ioctl(cmd, arg);
	mutex_unlock(&lock);
	return ret;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.unlocked_ioctl = attack_ioctl,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "xo_attack",
	.fops = &fops,
	.mode = 0600,
};

static int __init attack_init(void)
{
	if (num_online_cpus() > 1) {
		pr_err("xo_attack: for VMs with one CPU\n");
		return -ENODEV;
	}
	make_idt();
	return misc_register(&device);
}

static void __exit attack_exit(void)
{
	xa_visit_exit();
	misc_deregister(&device);
}

module_init(attack_init);
module_exit(attack_exit);
MODULE_DESCRIPTION("CrossOver test: what a hostile guest kernel does to gates");
MODULE_LICENSE("GPL");
