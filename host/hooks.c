// SPDX-License-Identifier: GPL-2.0
/*
 * The hook in KVM: a plain ftrace callback on kvm_load_host_xsave_state(), which vmx_vcpu_run()
 * calls right after each VM exit (compat.h says what is relied upon). The engine `exit` needs no
 * hook before VM entry, so there is none for others to pay for.
 *
 * It is attached by address: the symbol is exported, which spares a search of all symbols and
 * keeps kvm.ko loaded. ftrace must not be switched off under it (PERMANENT). It has no recursion
 * protection of ftrace's: the callback calls nothing that it is attached to, and protection would
 * mean that ftrace may skip it.
 */
#include "host.h"
#include <linux/jump_label.h>
#include "compat.h"

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
	/* Exits of a nested guest belong to the hypervisor in the VM. */
	if (vcpu->arch.hflags & HF_GUEST_MASK)
		return;
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

static struct ftrace_ops behind_exit_ops = {
	.func = behind_exit,
	.flags = FTRACE_OPS_FL_PERMANENT,
};

int xo_hooks_init(void)
{
	unsigned long address = (unsigned long)kvm_load_host_xsave_state;
	int error;

	error = ftrace_set_filter_ip(&behind_exit_ops, address, 0, 0);
	if (error) {
		pr_err("kvm_load_host_xsave_state() has no ftrace entry (%d): this KVM cannot be "
		       "hooked; use a kernel built with CONFIG_FUNCTION_TRACER\n",
		       error);
		return error;
	}
	error = register_ftrace_function(&behind_exit_ops);
	if (error) {
		pr_err("ftrace does not attach to kvm_load_host_xsave_state() (%d): see that "
		       "kernel.ftrace_enabled is 1\n",
		       error);
		ftrace_free_filter(&behind_exit_ops);
	}
	return error;
}

/* Waits until no CPU is in the callback. */
void xo_hooks_exit(void)
{
	unregister_ftrace_function(&behind_exit_ops);
	ftrace_free_filter(&behind_exit_ops);
}

void xo_hooks_enable(void)
{
	static_branch_inc(&xo_any_enrolled);
}

void xo_hooks_disable(void)
{
	static_branch_dec(&xo_any_enrolled);
}
