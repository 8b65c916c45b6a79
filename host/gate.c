// SPDX-License-Identifier: GPL-2.0
/*
 * Gate contexts: one EPT for each vCPU of a VM that calls, in which nothing but a gate exists.
 *
 * Shared by all vCPUs of the VM: gate text, each slot's constants, and for each connected process
 * page tables whose root stands where that process's CR3 points. A vCPU's own: its EPTP list, the
 * only page that can be written there, and its constants. A process that is not connected has no
 * page table in there: its VMFUNC ends with the first fetch.
 *
 * All under xo_mutex but xo_process_find(). What is taken out is freed after xo_away_flush() and
 * an RCU grace period.
 */
#include "away.h"
#include <linux/hash.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "gate_blob.h"
#include "visitor.h"

#define GATE_PAGES (XO_GIB >> PAGE_SHIFT)
#define LIST_GPA   (XO_AWAY_VCPU)
#define VCPU_GPA   (XO_AWAY_VCPU + PAGE_SIZE)

static LIST_HEAD(text_pages);
u64 *xo_text_page, *xo_rt_gpr_page, *xo_rt_vector_page;

const struct xo_rt_labels *xo_labels_of(const struct xo_image *image)
{
	return image->flags & XO_SERVICE_GPR ? &xo_rt_labels[0] : &xo_rt_labels[1];
}

/* ------------------------------------------------------------------ text */

static u64 *text(const void *bytes, size_t size)
{
	u64 *page = xo_page_new(&text_pages);

	if (page)
		memcpy(page, bytes, size);
	return page;
}

static int make_text(void)
{
	xo_text_page = text(xo_gate_text, sizeof(xo_gate_text));
	xo_rt_gpr_page = text(xo_rt_gpr, sizeof(xo_rt_gpr));
	xo_rt_vector_page = text(xo_rt_vector, sizeof(xo_rt_vector));
	if (xo_text_page && xo_rt_gpr_page && xo_rt_vector_page)
		return 0;
	xo_pages_free(&text_pages);
	return -ENOMEM;
}

/* The engine as a step of loading: what the processor lacks is told to who wants the engine. */
int xo_vmfunc_init(void)
{
	int error = make_text();

	if (error)
		pr_err("no memory for the gates; free some and load crossover again\n");
	else
		error = xo_kgate_init();
	xo_ept_init();
	return error;
}

void xo_vmfunc_exit(void)
{
	xo_kgate_exit();
	xo_pages_free(&text_pages);
}

/* ------------------------------------------------------------------ what vCPUs share */

/* Every vCPU sees the GiB of `gpa` as the VM does. */
static void share_gib(struct xo_gate_vm *gate, u64 gpa)
{
	u32 i, gib = xo_level_index(gpa, 2);

	for (i = 0; i < KVM_MAX_VCPUS; i++)
		if (gate->cpu[i])
			WRITE_ONCE(gate->cpu[i]->pdpt[gib], gate->pdpte[gib]);
}

static int shared_map(struct xo_gate_vm *gate, u64 gpa, u64 leaf)
{
	/* Level 2 is the array of page-directory-pointer entries. */
	int error = xo_ept_map(&gate->pages, gate->pdpte, 2, gpa, leaf);

	if (!error)
		share_gib(gate, gpa);
	return error;
}

static void shared_unmap(struct xo_gate_vm *gate, u64 gpa)
{
	u64 *entry = xo_ept_entry(gate->pdpte, 2, gpa);

	if (entry)
		WRITE_ONCE(*entry, 0);
}

u64 xo_gate_map(struct xo_vm *vm, const void *page, u64 rights, u32 *index)
{
	struct xo_gate_vm *gate = vm->gate;
	int i = ida_alloc_max(&gate->gpa, GATE_PAGES - 1, GFP_KERNEL);
	u64 gpa = XO_AWAY_GATE + ((u64)i << PAGE_SHIFT);

	if (i < 0)
		return ~0ULL;
	if (shared_map(gate, gpa, xo_ept_leaf(virt_to_phys((void *)page), rights))) {
		ida_free(&gate->gpa, i);
		return ~0ULL;
	}
	*index = i;
	return gpa;
}

void xo_gate_unmap(struct xo_vm *vm, u32 index)
{
	shared_unmap(vm->gate, XO_AWAY_GATE + ((u64)index << PAGE_SHIFT));
	ida_free(&vm->gate->gpa, index);
}

/* ------------------------------------------------------------------ a vCPU's own */

static void free_cpu(struct xo_gate_cpu *cpu)
{
	xo_pages_free(&cpu->pages);
	kfree(cpu);
}

static int fill_cpu(struct xo_gate_cpu *cpu, const struct xo_gate_vm *gate)
{
	cpu->root = xo_page_new(&cpu->pages);
	cpu->pdpt = xo_page_new(&cpu->pages);
	cpu->list = xo_page_new(&cpu->pages);
	cpu->constants = xo_page_new(&cpu->pages);
	if (!cpu->root || !cpu->pdpt || !cpu->list || !cpu->constants)
		return -ENOMEM;
	cpu->root[0] = xo_ept_table(cpu->pdpt);
	memcpy(cpu->pdpt, gate->pdpte, sizeof(gate->pdpte));
	cpu->eptp = xo_eptp(cpu->root);
	if (!xo_eptp_ok(cpu->eptp))
		return -ENOMEM;
	return xo_ept_map(&cpu->pages, cpu->root, 3, LIST_GPA,
			  xo_ept_leaf(virt_to_phys(cpu->list), xo_gate_rights(XO_GATE_LIST, false)))
		       ?: xo_ept_map(&cpu->pages, cpu->root, 3, VCPU_GPA,
				     xo_ept_leaf(virt_to_phys(cpu->constants),
						 xo_gate_rights(XO_GATE_VCPU, false)));
}

static struct xo_gate_cpu *new_cpu(const struct xo_gate_vm *gate)
{
	struct xo_gate_cpu *cpu = kzalloc(sizeof(*cpu), GFP_KERNEL_ACCOUNT);

	if (!cpu)
		return NULL;
	INIT_LIST_HEAD(&cpu->pages);
	if (!fill_cpu(cpu, gate))
		return cpu;
	free_cpu(cpu);
	return NULL;
}

int xo_gate_add_cpus(struct xo_vm *vm)
{
	struct xo_gate_vm *gate = vm->gate;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, vm->kvm) {
		struct xo_gate_cpu *cpu;

		if (gate->cpu[i])
			continue;
		cpu = new_cpu(gate);
		if (!cpu)
			return -ENOMEM;
		smp_store_release(&gate->cpu[i], cpu);
	}
	return 0;
}

/* ------------------------------------------------------------------ the VM's */

static void free_save(struct xo_vm *vm, struct xo_gate_vm *gate)
{
	if (gate->save_mapping.mapped)
		xo_memory_unmap(vm->kvm, &gate->save_mapping);
	if (gate->save_va)
		vunmap(gate->save_va);
	if (gate->save.file)
		xo_memory_free(&gate->save);
	gate->save_va = NULL;
}

static void free_gate(struct xo_vm *vm, struct xo_gate_vm *gate)
{
	u32 i;

	for (i = 0; gate->cpu && i < KVM_MAX_VCPUS; i++)
		if (gate->cpu[i])
			free_cpu(gate->cpu[i]);
	kvfree(gate->cpu);
	free_save(vm, gate);
	xo_pages_free(&gate->pages);
	ida_destroy(&gate->gpa);
	kvfree(gate);
}

/* Save pages: the VM writes them, the host believes nothing of what it reads there. */
static int make_save(struct xo_vm *vm, struct xo_gate_vm *gate)
{
	int error = xo_memory_alloc(&gate->save, "crossover-save",
				    (u64)XO_GATE_SLOTS_PER_VM << PAGE_SHIFT);

	if (error)
		return error;
	gate->save_va = vmap(gate->save.pages, gate->save.npages, VM_MAP, PAGE_KERNEL);
	if (!gate->save_va)
		return -ENOMEM;
	return xo_memory_map(vm->kvm, &gate->save, XO_MEMSLOT_BASE + XO_MEMSLOT_SAVE,
			     vm->gpa_base + XO_MEMSLOT_SAVE * XO_GPA_STRIDE, &gate->save_mapping);
}

static int fill_gate(struct xo_gate_vm *gate)
{
	int text_index = ida_alloc_max(&gate->gpa, GATE_PAGES - 1, GFP_KERNEL);

	if (text_index < 0)
		return -ENOMEM;
	gate->gpa_text = text_index;
	return shared_map(
		gate, XO_AWAY_GATE + ((u64)text_index << PAGE_SHIFT),
		xo_ept_leaf(virt_to_phys(xo_text_page), xo_gate_rights(XO_GATE_TEXT, false)));
}

static struct xo_gate_vm *new_gate(struct xo_vm *vm)
{
	struct xo_gate_vm *gate = kvzalloc(sizeof(*gate), GFP_KERNEL_ACCOUNT);

	if (!gate)
		return NULL;
	INIT_LIST_HEAD(&gate->pages);
	ida_init(&gate->gpa);
	gate->cpu = kvcalloc(KVM_MAX_VCPUS, sizeof(*gate->cpu), GFP_KERNEL_ACCOUNT);
	if (gate->cpu && !fill_gate(gate))
		return gate;
	free_gate(vm, gate);
	return NULL;
}

struct xo_gate_vm *xo_gate_vm_get(struct xo_vm *vm)
{
	struct xo_gate_vm *gate = vm->gate ?: new_gate(vm);

	if (!gate || vm->gate)
		return gate;
	smp_store_release(&vm->gate, gate);
	xo_hooks_arm_enable();
	return gate;
}

int xo_gate_save_get(struct xo_vm *vm)
{
	int error;

	if (vm->gate->save_va)
		return 0;
	error = make_save(vm, vm->gate);
	if (error)
		free_save(vm, vm->gate);
	return error;
}

u64 xo_gate_pages(const struct xo_vm *vm)
{
	const struct xo_gate_vm *gate = vm->gate;
	u64 n;
	u32 i;

	if (!gate)
		return 0;
	n = DIV_ROUND_UP(sizeof(*gate) + KVM_MAX_VCPUS * sizeof(*gate->cpu), PAGE_SIZE);
	n += xo_pages_count(&gate->pages) + gate->save.npages;
	for (i = 0; i < KVM_MAX_VCPUS; i++)
		if (gate->cpu[i])
			n += xo_pages_count(&gate->cpu[i]->pages);
	return n;
}

/* The VM's connections are gone. Nobody is armed when this returns. */
void xo_vmfunc_vm_gone(struct xo_vm *vm)
{
	struct xo_gate_vm *gate = vm->gate;

	if (!gate)
		return;
	WARN_ON_ONCE(gate->conns);
	/* Nobody is armed any more; who is, exits, and finds the gate for the last time. */
	WRITE_ONCE(gate->active, false);
	xo_away_flush();
	WRITE_ONCE(vm->gate, NULL);
	synchronize_rcu();
	xo_hooks_arm_disable();
	free_gate(vm, gate);
}

/* ------------------------------------------------------------------ processes */

static struct hlist_head *bucket(struct xo_gate_vm *gate, u64 cr3)
{
	return &gate->process[hash_64(cr3, XO_PROCESS_BITS)];
}

struct xo_process *xo_process_find(struct xo_gate_vm *gate, u64 cr3)
{
	struct xo_process *process;

	hlist_for_each_entry_rcu(process, bucket(gate, cr3), hash,
				 lockdep_is_held(&xo_mutex)) if (process->cr3 ==
								 cr3) return process;
	return NULL;
}

/* Memory of that VM, and not where our own pages are. */
static bool cr3_ok(struct xo_vm *vm, u64 cr3)
{
	int srcu;
	bool ok;

	if (!PAGE_ALIGNED(cr3) || cr3 >= 1ULL << boot_cpu_data.x86_phys_bits || cr3 >= 1ULL << 39 ||
	    (cr3 >= xo_away_base && cr3 < xo_away_base + XO_AWAY_SPAN))
		return false;
	srcu = srcu_read_lock(&vm->kvm->srcu);
	ok = kvm_is_visible_gfn(vm->kvm, cr3 >> PAGE_SHIFT);
	srcu_read_unlock(&vm->kvm->srcu, srcu);
	return ok;
}

static int fill_process(struct xo_vm *vm, struct xo_process *p)
{
	u32 i;
	u64 gpa;

	p->pml4 = xo_page_new(&p->pages);
	p->pdpt = xo_page_new(&p->pages);
	p->pd = xo_page_new(&p->pages);
	if (!p->pml4 || !p->pdpt || !p->pd)
		return -ENOMEM;
	for (i = 0; i < 512; i++) /* regions without a connection */
		p->pd[i] = XO_AWAY_NOWHERE | XO_PTE;
	gpa = xo_gate_map(vm, p->pdpt, XO_EPT_R, &p->gpa[0]);
	if (gpa == ~0ULL)
		return -ENOMEM;
	p->pml4[xo_level_index(XO_GATE_BASE, 3)] = gpa | XO_PTE;
	gpa = xo_gate_map(vm, p->pd, XO_EPT_R, &p->gpa[1]);
	if (gpa == ~0ULL)
		goto no_pd;
	p->pdpt[xo_level_index(XO_GATE_BASE, 2)] = gpa | XO_PTE;
	if (!shared_map(vm->gate, p->cr3, xo_ept_leaf(virt_to_phys(p->pml4), XO_EPT_R)))
		return 0;
	xo_gate_unmap(vm, p->gpa[1]);
no_pd:
	xo_gate_unmap(vm, p->gpa[0]);
	return -ENOMEM;
}

struct xo_process *xo_process_get(struct xo_vm *vm, u64 cr3)
{
	struct xo_process *p = xo_process_find(vm->gate, cr3);

	if (p)
		return p;
	if (!cr3_ok(vm, cr3))
		return ERR_PTR(-EINVAL);
	p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);
	if (!p)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&p->pages);
	p->cr3 = cr3;
	if (fill_process(vm, p)) {
		xo_away_flush(); /* they were there for a while */
		xo_pages_free(&p->pages);
		kfree(p);
		return ERR_PTR(-ENOMEM);
	}
	hlist_add_head_rcu(&p->hash, bucket(vm->gate, cr3));
	return p;
}

/*
 * The EPT table of a CR3 page goes with its last entry, into `pages`: else a guest could fill the
 * host with them, one for each 2 MiB that it has.
 */
static void unmap_cr3(struct xo_gate_vm *gate, u64 cr3, struct list_head *pages)
{
	u64 *pd, *table;

	shared_unmap(gate, cr3);
	pd = phys_to_virt(gate->pdpte[xo_level_index(cr3, 2)] & GENMASK_ULL(51, 12));
	table = phys_to_virt(pd[xo_level_index(cr3, 1)] & GENMASK_ULL(51, 12));
	if (memchr_inv(table, 0, PAGE_SIZE))
		return;
	WRITE_ONCE(pd[xo_level_index(cr3, 1)], 0);
	list_move(&virt_to_page(table)->lru, pages);
}

void xo_process_put(struct xo_vm *vm, struct xo_process *p)
{
	if (p->conns)
		return;
	hlist_del_rcu(&p->hash);
	unmap_cr3(vm->gate, p->cr3, &p->pages);
	xo_gate_unmap(vm, p->gpa[0]);
	xo_gate_unmap(vm, p->gpa[1]);
	xo_away_flush();
	synchronize_rcu();
	xo_pages_free(&p->pages);
	kfree(p);
}
