// SPDX-License-Identifier: GPL-2.0
/*
 * The hooks in KVM: plain ftrace callbacks on two functions that vmx_vcpu_run() calls, right before
 * each VM entry (kvm_load_guest_xsave_state(), for the engine `vmfunc` alone) and right behind each
 * VM exit (kvm_load_host_xsave_state()); compat.h says what is relied upon.
 *
 * They are attached by address: the symbols are exported, which spares a search of all symbols and
 * keeps kvm.ko loaded. ftrace must not be switched off under them (PERMANENT). They have no
 * recursion protection of ftrace's: a callback calls nothing that it is attached to, and protection
 * would mean that ftrace may skip it.
 */
#include "host.h"
#include <linux/jump_label.h>
#include "compat.h"
#include "vmfunc.h"
#include "visitor.h"

/* No VM has a gate: nothing before an entry. */
static DEFINE_STATIC_KEY_FALSE(xo_any_gate);
/* Nothing enrolled: not even a look at the table. */
static DEFINE_STATIC_KEY_FALSE(xo_any_enrolled);

/*
 * Did the guest start anew without telling? The first vCPU of a kernel that said HELLO never leaves
 * long mode again, but for the system management mode of its firmware; for a nested guest the
 * register is not the kernel's own.
 */
static bool was_reset(const struct xo_vm *vm, const struct kvm_vcpu *vcpu)
{
	return READ_ONCE(vm->up) && vcpu->vcpu_id == vm->kvm->arch.bsp_vcpu_id &&
	       !(vcpu->arch.efer & EFER_LMA) && !(vcpu->arch.hflags & HF_SMM_MASK);
}

static void exited(struct xo_vm *vm, struct kvm_vcpu *vcpu)
{
	this_cpu_inc(*vm->exits);
	if (static_branch_unlikely(&xo_any_gate) && xo_gate_home(vm, vcpu))
		return;
	/* Exits of a nested guest belong to the hypervisor in the VM. */
	if (vcpu->arch.hflags & HF_GUEST_MASK)
		return;
	if (unlikely(xo_clock_behind(vm, vcpu)))
		xo_clock_forward(vm, vcpu);
	if (unlikely(was_reset(vm, vcpu)))
		xo_vm_end(vm, "the VM was reset");
	/* All 32 bits: a failed VM entry is none of ours. */
	if (xo_exit_reason(vcpu) != EXIT_REASON_VMCALL)
		return;
	if (xo_hypercall(vm, vcpu))
		xo_exit_swallow(vcpu);
}

static void notrace behind_exit(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = xo_first_arg(fregs);
	struct xo_vm *vm;

	if (!static_branch_unlikely(&xo_any_enrolled))
		return;
	rcu_read_lock();
	vm = xo_vm_by_kvm(vcpu->kvm);
	if (vm)
		exited(vm, vcpu);
	rcu_read_unlock();
}

static void notrace before_entry(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				 struct ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = xo_first_arg(fregs);
	struct xo_vm *vm;

	if (!static_branch_unlikely(&xo_any_gate))
		return;
	rcu_read_lock();
	vm = xo_vm_by_kvm(vcpu->kvm);
	if (vm)
		xo_gate_arm(vm, vcpu);
	/* Not an instruction beside others of its VM whose clock went forward: it exits at once. */
	if (vm && unlikely(xo_clock_behind(vm, vcpu)) && !(vcpu->arch.hflags & HF_GUEST_MASK))
		smp_send_reschedule(smp_processor_id());
	rcu_read_unlock();
}

/* The way home first, and last to go. */
static struct hook {
	const char *name;
	void (*function)(struct kvm_vcpu *vcpu);
	struct ftrace_ops ops;
} hooks[] = {
	{
		"kvm_load_host_xsave_state",
		kvm_load_host_xsave_state,
		{ .func = behind_exit, .flags = FTRACE_OPS_FL_PERMANENT },
	},
	{
		"kvm_load_guest_xsave_state",
		kvm_load_guest_xsave_state,
		{ .func = before_entry, .flags = FTRACE_OPS_FL_PERMANENT },
	},
};

static int attach(struct hook *hook)
{
	int error = ftrace_set_filter_ip(&hook->ops, (unsigned long)hook->function, 0, 0);

	if (error) {
		pr_err("%s() has no ftrace entry (%d): this KVM cannot be hooked; use a kernel "
		       "built with CONFIG_FUNCTION_TRACER\n",
		       hook->name, error);
		return error;
	}
	error = register_ftrace_function(&hook->ops);
	if (error) {
		pr_err("ftrace does not attach to %s() (%d): see that kernel.ftrace_enabled is 1\n",
		       hook->name, error);
		ftrace_free_filter(&hook->ops);
	}
	return error;
}

/* Waits until no CPU is in the callback. */
static void detach(struct hook *hook)
{
	unregister_ftrace_function(&hook->ops);
	ftrace_free_filter(&hook->ops);
}

int xo_hooks_init(void)
{
	int error = attach(&hooks[0]);

	if (error)
		return error;
	error = attach(&hooks[1]);
	if (error)
		detach(&hooks[0]);
	return error;
}

void xo_hooks_exit(void)
{
	detach(&hooks[1]);
	detach(&hooks[0]);
}

void xo_hooks_enable(void)
{
	static_branch_inc(&xo_any_enrolled);
}

void xo_hooks_disable(void)
{
	static_branch_dec(&xo_any_enrolled);
}

void xo_hooks_arm_enable(void)
{
	static_branch_inc(&xo_any_gate);
}

void xo_hooks_arm_disable(void)
{
	static_branch_dec(&xo_any_gate);
}
