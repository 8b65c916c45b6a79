// SPDX-License-Identifier: GPL-2.0
/*
 * crossover.ko: lets enrolled VMs call each other's kernels, beside an unmodified KVM.
 *
 * Init is a list of steps, exit the same list backwards. Each step says itself, in one sentence,
 * why it failed and what to do.
 */
#include "host.h"
#include "selftest.h"
#include "vmfunc.h"
#include <linux/kernel.h>
#include <linux/kobject.h>
#include <linux/module.h>
#include <asm/msr.h>
#include "compat.h"

static int fail_step;
module_param(fail_step, int, 0444);
MODULE_PARM_DESC(fail_step, "for tests: let this step of loading fail (1 is the first)");

struct workqueue_struct *xo_wq;

/* Intel's VMX, and one that lets software write the fields that describe an exit: that is how KVM
 * is kept from seeing our hypercalls. */
static int check_processor(void)
{
	u64 misc = 0;

	if (boot_cpu_data.x86_vendor != X86_VENDOR_INTEL || !boot_cpu_has(X86_FEATURE_VMX)) {
		pr_err("this processor has no Intel VMX, found vendor '%s'; use an Intel processor "
		       "with virtualization switched on\n",
		       boot_cpu_data.x86_vendor_id);
		return -ENODEV;
	}
	if (rdmsrl_safe(MSR_IA32_VMX_MISC, &misc) || !(misc & XO_VMX_MISC_WRITE_ALL)) {
		pr_err("this processor does not let software write the exit reason (IA32_VMX_MISC "
		       "is %#llx, bit 29 is needed); use Haswell or later\n",
		       misc);
		return -ENODEV;
	}
	return 0;
}

/* kvm.ko is there, else its symbols were missing; the vendor half must be Intel's, and loaded. */
static int check_kvm_intel(void)
{
	struct kobject *module = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, "kvm_intel");

	if (!module) {
		pr_err("kvm_intel is not loaded; run: modprobe kvm_intel, then load crossover "
		       "again\n");
		return -ENODEV;
	}
	kobject_put(module);
	return 0;
}

/* The kernel compares the types of all that we hook and call (compat.h), unless it is forced. */
static int check_signatures(void)
{
	if (THIS_MODULE->taints & BIT(TAINT_FORCED_MODULE)) {
		pr_err("loaded by force, so KVM's signatures were not checked: refused; build "
		       "crossover.ko for this kernel\n");
		return -ENOEXEC;
	}
	return 0;
}

static int make_workqueue(void)
{
	xo_wq = alloc_workqueue("crossover", WQ_UNBOUND, 0);
	if (!xo_wq) {
		pr_err("no memory for a work queue; free some and load crossover again\n");
		return -ENOMEM;
	}
	return 0;
}

static void drop_workqueue(void)
{
	destroy_workqueue(xo_wq);
}

/*
 * VMs are let go while the hooks still answer, so that guests can end their calls; /dev/crossover
 * is last in and first out, so that nothing is enrolled before or after.
 */
static const struct {
	const char *what;
	int (*init)(void);
	void (*exit)(void);
} steps[] = {
	{ "checking the processor", check_processor, NULL },
	{ "checking KVM", check_kvm_intel, NULL },
	{ "checking KVM's signatures", check_signatures, NULL },
	{ "learning where KVM keeps an exit", xo_compat_init, xo_compat_exit },
	{ "making a work queue", make_workqueue, drop_workqueue },
	{ "making the gates", xo_vmfunc_init, xo_vmfunc_exit },
	{ "preparing the processors' self-test", xo_selftest_init, xo_selftest_exit },
	{ "hooking VM exits", xo_hooks_init, xo_hooks_exit },
	{ "starting with no VMs", xo_vms_init, xo_vms_exit },
	{ "making /dev/crossover", xo_device_init, xo_device_exit },
};

static void undo(int done)
{
	while (done--)
		if (steps[done].exit)
			steps[done].exit();
}

static int take_step(int i)
{
	if (i + 1 == fail_step) {
		pr_err("step %d (%s) fails because fail_step=%d asked for it\n", i + 1,
		       steps[i].what, fail_step);
		return -ECANCELED;
	}
	return steps[i].init();
}

static int __init xo_init(void)
{
	int i, error;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		error = take_step(i);
		if (error) {
			undo(i);
			return error;
		}
	}
	pr_info("loaded, ABI revision %u\n", XO_ABI_REVISION);
	return 0;
}

static void __exit xo_exit(void)
{
	undo(ARRAY_SIZE(steps));
	pr_info("unloaded\n");
}

module_init(xo_init);
module_exit(xo_exit);
MODULE_DESCRIPTION("Cross-world calls between KVM guests");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: kvm_intel");
