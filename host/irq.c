// SPDX-License-Identifier: GPL-2.0
/*
 * The event interrupt: how an unmodified KVM is made to interrupt one of its guests.
 *
 * kvm_apic_send_ipi() as if the target vCPU sent the interrupt to itself: it needs no routing, no
 * descriptor, takes no lock that sleeps, and wakes a halted vCPU. It ends in try_to_wake_up(), so
 * it must not be called with a run-queue lock held; the hooks of this module never run there.
 */
#include "host.h"
#include <asm/apicdef.h>
#include "compat.h"

/* Event word: vector, index of the vCPU, and a bit that says it is one. One word, so that a sender
 * without the VM's lock never mixes an old vector with a new vCPU. */
#define EVENT_VECTOR	 0xffULL
#define EVENT_VALID	 BIT_ULL(31)
#define EVENT_VCPU_SHIFT 32

#define FIRST_VECTOR	 0x20 /* below are exceptions */

/*
 * `wish` = vector | apic_id << 32, hostile. The APIC id is the vCPU's id: KVM gives it, and a guest
 * that renumbers its APICs can harm only itself.
 */
int xo_event_decode(struct kvm *kvm, u64 wish, u64 *event)
{
	u32 vector = (u32)wish, apic_id = wish >> 32;
	struct kvm_vcpu *vcpu;

	if (vector < FIRST_VECTOR || vector > EVENT_VECTOR || apic_id >= KVM_MAX_VCPU_IDS)
		return -EINVAL;
	vcpu = kvm_get_vcpu_by_id(kvm, apic_id);
	if (!vcpu || !vcpu->arch.apic)
		return -EINVAL;
	*event = vector | EVENT_VALID | (u64)vcpu->vcpu_idx << EVENT_VCPU_SHIFT;
	return 0;
}

/* False: the VM wants none now. */
bool xo_event_send(struct xo_vm *vm)
{
	u64 event = READ_ONCE(vm->event);
	struct kvm_vcpu *vcpu;

	if (!vm->kvm)
		return xo_self_event();
	if (!(event & EVENT_VALID))
		return false;
	vcpu = kvm_get_vcpu(vm->kvm, event >> EVENT_VCPU_SHIFT);
	if (!vcpu || !vcpu->arch.apic)
		return false;
	kvm_apic_send_ipi(vcpu->arch.apic,
			  APIC_DEST_SELF | APIC_DM_FIXED | APIC_INT_ASSERT | (event & EVENT_VECTOR),
			  0);
	atomic64_inc(&vm->interrupts);
	return true;
}
