// SPDX-License-Identifier: GPL-2.0
/*
 * The callee's end of a visit. A stub parks by a hypercall behind which its vCPU is halted: so KVM
 * does all the waiting, as for any halted vCPU, and wakes it for whatever it would wake that
 * for. When it wakes, its own thread takes it back here, before KVM looks at interrupts: a vCPU
 * that is visiting comes out first, and a visitor that was evicted goes on where it was.
 */
#include "visitor.h"
#include <asm/debugreg.h>
#include <asm/vmx.h>
#include "compat.h"

static u64 visible(unsigned long field, unsigned long mask_field, unsigned long shadow_field)
{
	u64 mask = xo_vmread(mask_field);

	return (xo_vmread(field) & ~mask) | (xo_vmread(shadow_field) & mask);
}

u64 xo_visible_cr0(void)
{
	return visible(GUEST_CR0, CR0_GUEST_HOST_MASK, CR0_READ_SHADOW);
}

u64 xo_visible_cr4(void)
{
	return visible(GUEST_CR4, CR4_GUEST_HOST_MASK, CR4_READ_SHADOW);
}

/* ------------------------------------------------------------------ parking */

static void put(struct xo_record *r, u32 offset, u64 value)
{
	WRITE_ONCE(*(u64 *)(r->page + offset), value);
}

/* From the VMCS: nothing that the stub could have said otherwise. */
static void note_server(struct xo_record *r, struct kvm_vcpu *vcpu, u64 cr4, u64 cookie)
{
	const u64 spec_ctrl = xo_spec_ctrl(vcpu);
	const struct xo_vcpu_shape shape = xo_shape_of(vcpu);
	u64 cr0 = xo_visible_cr0();

	*(u16 *)(r->page + XO_KREC_GDT) = xo_vmread(GUEST_GDTR_LIMIT);
	put(r, XO_KREC_GDT + 2, xo_vmread(GUEST_GDTR_BASE));
	*(u16 *)(r->page + XO_KREC_IDT) = xo_vmread(GUEST_IDTR_LIMIT);
	put(r, XO_KREC_IDT + 2, xo_vmread(GUEST_IDTR_BASE));
	put(r, XO_KREC_GS, xo_vmread(GUEST_GS_BASE));
	put(r, XO_KREC_RSP, xo_vmread(GUEST_RSP));
	put(r, XO_KREC_CR3, xo_vmread(GUEST_CR3));
	put(r, XO_KREC_COOKIE, cookie);
	/* Another CPU than last time, perhaps, or its clock went forward: whoever is bound has to
	 * be looked at again, unless it differs in what BIND does not look at either. */
	if (((cr0 ^ r->server_cr0) & ~(u64)X86_CR0_TS) ||
	    ((cr4 ^ r->server_cr4) & ~(u64)X86_CR4_PSE) || spec_ctrl != r->server_spec_ctrl ||
	    memcmp(&shape, &r->server_shape, sizeof(shape)))
		put(r, XO_KREC_CR4, ~0ULL);
	r->server_cr0 = cr0;
	r->server_cr4 = cr4;
	r->server_shape = shape;
	r->server_spec_ctrl = spec_ctrl;
}

int xo_park(struct xo_vm *vm, struct kvm_vcpu *vcpu, u64 id, u64 cookie)
{
	struct xo_record *r = xo_record_by_id(id);
	u64 cr4 = xo_visible_cr4();
	int ret = 1;

	if (!r || r->callee != vm)
		return -ENOENT;
	/* T4: a halted vCPU's kernel would leave its flushes to KVM, who asks the vCPU whether it
	 * is. */
	if (vcpu->arch.pv_cpuid.features & BIT(KVM_FEATURE_PV_TLB_FLUSH)) {
		xo_visits_kept_off(r->link, XO_REASON_PV_TLB_FLUSH);
		return -EOPNOTSUPP;
	}
	if (xo_has_hyperv(vcpu)) {
		xo_visits_kept_off(r->link, XO_REASON_PV_TLB_FLUSH);
		return -EOPNOTSUPP;
	}
	/* KVM write-protects the page tables of a hypervisor's own VMs, and would not see ours. */
	if (cr4 & X86_CR4_VMXE) {
		xo_visits_kept_off(r->link, XO_REASON_HYPERVISOR);
		return -EOPNOTSUPP;
	}
	/* With PCIDs its loads of CR3 would leave translations behind; see "Stale translations". */
	if (cr4 & X86_CR4_PCIDE) {
		xo_visits_kept_off(r->link, XO_REASON_PCID);
		return -EOPNOTSUPP;
	}
	raw_spin_lock(&xo_record_lock);
	if (r->ended || !(READ_ONCE(r->link->flags) & XO_LINK_KERNEL) || !READ_ONCE(r->link->up)) {
		ret = -EHOSTDOWN;
	} else if (r->state != XO_RUNS) {
		ret = -EBUSY;
	} else {
		note_server(r, vcpu, cr4, cookie);
		xo_record_name(r, xo_vpid(), r->bound_vpid);
		WRITE_ONCE(r->server, vcpu);
		WRITE_ONCE(r->state, XO_PARKED);
		r->stat.parks++;
		smp_store_release((u32 *)(r->page + XO_KREC_PARKED), 1);
	}
	raw_spin_unlock(&xo_record_lock);
	return ret;
}

/* ------------------------------------------------------------------ taking back */

/* The server's VMCS is loaded, and KVM's caches may be full: both are written. */
static void load(struct kvm_vcpu *vcpu, const struct xo_visitor *v)
{
	unsigned long *avail = (unsigned long *)&vcpu->arch.regs_avail;
	unsigned long *dirty = (unsigned long *)&vcpu->arch.regs_dirty;
	u32 i;

	for (i = 0; i < 16; i++)
		vcpu->arch.regs[i] = v->regs[i];
	vcpu->arch.regs[VCPU_REGS_RIP] = v->rip;
	__set_bit(VCPU_REGS_RSP, avail);
	__set_bit(VCPU_REGS_RSP, dirty);
	__set_bit(VCPU_REGS_RIP, avail);
	__set_bit(VCPU_REGS_RIP, dirty);
	xo_vmwrite(GUEST_RFLAGS, v->rflags);
	__clear_bit(VCPU_EXREG_RFLAGS, avail);
	xo_vmwrite(GUEST_CR3, v->cr3);
	vcpu->arch.cr3 = v->cr3;
	__set_bit(VCPU_EXREG_CR3, avail);
	__clear_bit(VCPU_EXREG_CR3, dirty);
	vcpu->arch.cr2 = v->cr2;
	xo_vmwrite(GUEST_INTERRUPTIBILITY_INFO,
		   (xo_vmread(GUEST_INTERRUPTIBILITY_INFO) &
		    ~(u64)(GUEST_INTR_STATE_STI | GUEST_INTR_STATE_MOV_SS)) |
			   v->shadow);
}

/* Nobody enters any more, nor is suspended. True: somebody may be inside, on another processor. */
static bool shut(struct xo_record *r, struct xo_gate_cpu **cpu, struct kvm_vcpu **visitor,
		 u64 *entries)
{
	unsigned long flags;
	bool inside = false;

	raw_spin_lock_irqsave(&xo_record_lock, flags);
	WRITE_ONCE(*(u32 *)(r->page + XO_KREC_PARKED), 0);
	smp_mb(); /* against xo_visitor_arm() */
	if (r->state == XO_SUSPENDED)
		xo_suspended_evict(r, &r->stat.taken_over);
	if (r->state == XO_PARKED && r->bound && READ_ONCE(r->bound->busy)) {
		*cpu = r->bound;
		*visitor = r->bound_vcpu;
		*entries = READ_ONCE(r->bound->entries);
		inside = true;
		r->stat.kicks++;
	}
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	return inside;
}

/* T1: what visits did to the page tables, this vCPU has not heard of. (A function of its own, which
 * the tests of the TLB model leave out.) */
static noinline void flush_server(struct kvm_vcpu *vcpu)
{
	kvm_make_request(KVM_REQ_TLB_FLUSH_GUEST, vcpu);
}

static void take_back(struct xo_record *r, struct kvm_vcpu *vcpu)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&xo_record_lock, flags);
	if (r->server == vcpu && r->state == XO_EVICTED && !r->dead)
		load(vcpu, &r->visitor);
	if (r->server == vcpu) {
		WRITE_ONCE(r->state, XO_RUNS);
		r->stat.wakes++;
	}
	raw_spin_unlock_irqrestore(&xo_record_lock, flags);
	flush_server(vcpu);
}

static void empty(struct xo_record *r)
{
	struct kvm_vcpu *visitor;
	struct xo_gate_cpu *cpu;
	u64 entries;

	if (shut(r, &cpu, &visitor, &entries))
		while (READ_ONCE(cpu->busy) && READ_ONCE(cpu->entries) == entries) {
			kvm_vcpu_kick(visitor);
			cpu_relax();
		}
}

void xo_record_empty(struct xo_record *r)
{
	empty(r);
	/* Who was suspended is its server's now. */
	irq_work_queue(&r->fetch);
}

bool xo_take_back(struct kvm_vcpu *vcpu)
{
	struct xo_record *r = xo_record_by_server(vcpu);

	if (!r)
		return false;
	empty(r);
	take_back(r, vcpu);
	return true;
}
