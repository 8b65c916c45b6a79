// SPDX-License-Identifier: GPL-2.0
/*
 * More hooks, on the callee's side above all, from the first link whose system calls go by visits
 * until the module goes:
 *
 *   kvm_apic_accept_events()          a halted vCPU wakes: it takes its stub back
 *   vcpu_put()                        it leaves KVM_RUN, as for a VM that is paused or saved. Who
 *                                     reads its registers then finds those of its kernel, and
 *                                     nobody changes its memory; so the same, and it is awake. And
 *                                     a visitor that it has suspended as a caller is evicted
 *   kvm_arch_vcpu_put()               its thread leaves the processor: the same for that visitor
 *   kvm_arch_prepare_memory_region()  a memory slot goes, or changes: if writes to it are to be
 *                                     logged, as for a migration, those of visitors are not
 */
#include "visitor.h"
#include <linux/kprobes.h>
#include "compat.h"

/* Of a VM that calls. RCU. */
static struct xo_gate_cpu *gate_cpu(const struct kvm_vcpu *vcpu)
{
	struct xo_vm *vm = xo_vm_by_kvm(vcpu->kvm);
	struct xo_gate_vm *gate = vm ? READ_ONCE(vm->gate) : NULL;

	return gate ? smp_load_acquire(&gate->cpu[vcpu->vcpu_idx]) : NULL;
}

static void notrace woken(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			  struct ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = xo_first_arg(fregs);

	if (vcpu->arch.mp_state != KVM_MP_STATE_HALTED)
		return;
	rcu_read_lock();
	xo_take_back(vcpu);
	rcu_read_unlock();
}

static void notrace put(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
			struct ftrace_regs *fregs)
{
	struct kvm_vcpu *vcpu = xo_first_arg(fregs);
	struct xo_gate_cpu *cpu;

	rcu_read_lock();
	cpu = gate_cpu(vcpu);
	if (cpu)
		xo_suspended_leaves(cpu, vcpu);
	/* KVM says RUNNABLE then, to whoever asks for its state, and lets it run. */
	if (vcpu->arch.mp_state == KVM_MP_STATE_HALTED && xo_take_back(vcpu))
		vcpu->arch.pv.pv_unhalted = true;
	rcu_read_unlock();
}

static void notrace descheduled(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				struct ftrace_regs *fregs)
{
	struct xo_gate_cpu *cpu;

	rcu_read_lock();
	cpu = gate_cpu(xo_first_arg(fregs));
	if (cpu)
		xo_suspended_descheduled(cpu);
	rcu_read_unlock();
}

static void notrace slot_changes(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
				 struct ftrace_regs *fregs)
{
	const struct kvm_memory_slot *old = xo_argument(fregs, 1);
	struct xo_vm *vm;

	if (!old || old->id >= XO_MEMSLOT_BASE) /* a new one is not mapped; or ours */
		return;
	rcu_read_lock();
	vm = xo_vm_by_kvm(xo_first_arg(fregs));
	if (vm)
		xo_visits_expel(vm);
	rcu_read_unlock();
}

/* (ftrace_free_filter() of 6.1 leaves a pointer to what it freed: such a structure is not to be
 * used twice.) */
static struct hook {
	const char *name;
	void (*func)(unsigned long ip, unsigned long parent_ip, struct ftrace_ops *ops,
		     struct ftrace_regs *fregs);
	struct ftrace_ops ops;
} hooks[] = {
	{ "kvm_apic_accept_events", woken },
	{ "vcpu_put", put },
	{ "kvm_arch_vcpu_put", descheduled },
	{ "kvm_arch_prepare_memory_region", slot_changes },
};
static bool hooked;

/* A probe that is never armed tells the address. */
static void *find(const char *name)
{
	struct kprobe probe = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };
	void *address;

	if (register_kprobe(&probe))
		return NULL;
	address = probe.addr;
	unregister_kprobe(&probe);
	return address;
}

/* Not exported: found by name, in kvm.ko first. */
static void *address_of(const char *name)
{
	char in_kvm[64];

	snprintf(in_kvm, sizeof(in_kvm), "kvm:%s", name);
	return find(in_kvm) ?: find(name);
}

static int attach(struct hook *hook)
{
	void *function = address_of(hook->name);
	int error;

	hook->ops = (struct ftrace_ops){ .func = hook->func, .flags = FTRACE_OPS_FL_PERMANENT };
	error = function ? ftrace_set_filter_ip(&hook->ops, (unsigned long)function, 0, 0)
			 : -ENOENT;
	if (!error)
		error = register_ftrace_function(&hook->ops);
	if (!error)
		return 0;
	pr_err("%s() cannot be hooked (%d): no visitors on this host\n", hook->name, error);
	ftrace_free_filter(&hook->ops);
	return error;
}

static void detach(u32 count)
{
	while (count--) {
		unregister_ftrace_function(&hooks[count].ops);
		ftrace_free_filter(&hooks[count].ops);
	}
}

int xo_wake_hook(void)
{
	int error = 0;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(hooks) && !hooked; i++) {
		error = attach(&hooks[i]);
		if (!error)
			continue;
		detach(i);
		return error;
	}
	hooked = true;
	return 0;
}

void xo_wake_unhook(void)
{
	if (hooked)
		detach(ARRAY_SIZE(hooks));
	hooked = false;
}
