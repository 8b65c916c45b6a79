// SPDX-License-Identifier: GPL-2.0
/*
 * Kernel-world gate contexts: one EPT for each vCPU, with the gate's page tables, gate text, the
 * vCPU's EPTP list and constants; and the region that each VM sees at home in their place.
 */
#include "visitor.h"
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "kgate_blob.h"

/* Supervisor, accessed, dirty. As with XO_PTE the EPT alone says what is allowed. */
#define KPTE	 0x63ULL
#define LEAVE_MS 1000

static LIST_HEAD(text_pages);
u64 *xo_ktext_page, *xo_krt_page, *xo_krt_ibpb_page;

int xo_kgate_init(void)
{
	xo_ktext_page = xo_page_new(&text_pages);
	xo_krt_page = xo_page_new(&text_pages);
	xo_krt_ibpb_page = xo_page_new(&text_pages);
	if (!xo_ktext_page || !xo_krt_page || !xo_krt_ibpb_page) {
		pr_err("no memory for the gates; free some and load crossover again\n");
		xo_pages_free(&text_pages);
		return -ENOMEM;
	}
	memcpy(xo_ktext_page, xo_kgate_text, sizeof(xo_kgate_text));
	memcpy(xo_krt_page, xo_kgate_rt, sizeof(xo_kgate_rt));
	memcpy(xo_krt_ibpb_page, xo_kgate_rt_ibpb, sizeof(xo_kgate_rt_ibpb));
	return 0;
}

void xo_kgate_exit(void)
{
	xo_wake_unhook();
	xo_pages_free(&text_pages);
}

/* ------------------------------------------------------------------ the VM's */

void xo_kgate_free(struct xo_vm *vm)
{
	struct xo_kgate *k = vm->kgate;

	if (!k)
		return;
	vm->kgate = NULL;
	if (k->mapping.mapped && !k->stays)
		xo_memory_unmap(vm->kvm, &k->mapping);
	if (k->va)
		vunmap(k->va);
	if (k->memory.file)
		xo_memory_free(&k->memory);
	xo_pages_free(&k->pages);
	kfree(k);
}

u64 xo_kgate_pages(const struct xo_vm *vm)
{
	return vm->kgate ? vm->kgate->memory.npages + xo_pages_count(&vm->kgate->pages) : 0;
}

static void set_door(struct xo_kgate *k, u64 number)
{
	WRITE_ONCE(*(u64 *)(k->va + (XO_KREGION_DOOR << PAGE_SHIFT)), number);
}

/* Outside the guest, with interrupts on: it is not between two instructions of a visit. */
static bool has_left(struct xo_gate_cpu *cpu, u64 quiets)
{
	return READ_ONCE(cpu->quiets) != quiets ||
	       (!smp_load_acquire(&cpu->busy) && READ_ONCE(cpu->quiet));
}

/* Instructions and page tables of the guest's are in the region: without it the VM could not go on.
 */
static bool wait_until_left(struct xo_vm *vm, u32 n, u32 *ms)
{
	struct xo_gate_cpu *cpu = vm->gate->cpu[n];
	struct kvm_vcpu *vcpu = kvm_get_vcpu(vm->kvm, n);
	u64 quiets;

	if (!cpu || !cpu->keptp || !vcpu)
		return true;
	quiets = READ_ONCE(cpu->quiets);
	for (; !has_left(cpu, quiets) && *ms < LEAVE_MS; ++*ms) {
		kvm_vcpu_kick(vcpu);
		usleep_range(500, 1000);
	}
	return has_left(cpu, quiets);
}

void xo_kgate_close(struct xo_vm *vm)
{
	struct xo_kgate *k = vm->kgate;
	u32 i, ms = 0;

	if (!k || !vm->gate || READ_ONCE(vm->dead))
		return;
	set_door(k, 0);
	xo_away_flush(); /* each CPU exits once: what it saw of the door before is told by `quiet`
			  */
	for (i = 0; i < k->cpus; i++)
		k->stays |= !wait_until_left(vm, i, &ms);
	if (k->stays)
		pr_notice("VM '%s' did not run with its interrupts on for %u s, and may be in its "
			  "gates: it keeps their memory until it ends; end it if it hangs\n",
			  vm->name, LEAVE_MS / 1000);
}

/* Every page of the window is present, where nothing is: what is not allowed ends in the EPT. */
static void fill_tables(struct xo_kgate *k)
{
	static const struct {
		u32 offset, page;
	} there[] = {
		{ XO_KGATE_TEXT, XO_KREGION_TEXT }, { XO_KGATE_LIST, XO_KREGION_LIST },
		{ XO_KGATE_VCPU, XO_KREGION_VCPU }, { XO_KGATE_RECORD, XO_KREGION_RECORD },
		{ XO_KGATE_RT, XO_KREGION_RT },
	};
	u32 i;

	for (i = 0; i < 3; i++)
		k->table[i][xo_level_index(XO_KGATE_BASE, 3 - i)] =
			xo_kregion(k, XO_KREGION_TABLE + i) | KPTE;
	for (i = 0; i < 512; i++)
		k->table[3][i] = xo_kregion(k, XO_KREGION_NONE) | KPTE;
	for (i = 0; i < ARRAY_SIZE(there); i++)
		k->table[3][there[i].offset >> PAGE_SHIFT] = xo_kregion(k, there[i].page) | KPTE;
}

static int make(struct xo_vm *vm, struct xo_kgate *k)
{
	u32 i;
	int error;

	k->cpus = min_t(u32, vm->kvm->created_vcpus, XO_KREGION_CPUS);
	error = xo_memory_alloc(&k->memory, "crossover-kgate",
				(u64)XO_KREGION_PAGES(k->cpus) << PAGE_SHIFT);
	if (error)
		return error;
	k->va = vmap(k->memory.pages, k->memory.npages, VM_MAP, PAGE_KERNEL);
	if (!k->va)
		return -ENOMEM;
	for (i = 0; i < 4; i++) {
		k->table[i] = xo_page_new(&k->pages);
		if (!k->table[i])
			return -ENOMEM;
	}
	error = xo_memory_map(vm->kvm, &k->memory, XO_MEMSLOT_BASE + XO_MEMSLOT_KGATE,
			      vm->gpa_base + XO_MEMSLOT_KGATE * XO_GPA_STRIDE, &k->mapping);
	if (!error) {
		fill_tables(k);
		set_door(k, xo_wid_new());
	}
	return error;
}

struct xo_kgate *xo_kgate_get(struct xo_vm *vm)
{
	struct xo_kgate *k = vm->kgate;

	if (k)
		return k;
	k = kzalloc(sizeof(*k), GFP_KERNEL_ACCOUNT);
	if (!k)
		return NULL;
	INIT_LIST_HEAD(&k->pages);
	vm->kgate = k;
	if (!make(vm, k))
		return k;
	xo_kgate_free(vm);
	return NULL;
}

/* ------------------------------------------------------------------ a vCPU's */

static int map(struct xo_gate_cpu *cpu, u64 gpa, const void *page, u64 rights)
{
	return xo_ept_map(&cpu->pages, cpu->kroot, 3, gpa,
			  xo_ept_leaf(virt_to_phys((void *)page), rights));
}

static int fill_cpu(struct xo_gate_cpu *cpu, const struct xo_kgate *k, u32 n)
{
	int error = 0;
	u32 i;

	cpu->kroot = cpu->kroot ?: xo_page_new(&cpu->pages);
	cpu->kconst = cpu->kconst ?: xo_page_new(&cpu->pages);
	if (!cpu->kroot || !cpu->kconst || !xo_eptp_ok(xo_eptp(cpu->kroot)))
		return -ENOMEM;
	error = map(cpu, xo_kregion(k, XO_KREGION_CPU(n)), k->table[0], XO_EPT_R);
	for (i = 1; i < 4 && !error; i++)
		error = map(cpu, xo_kregion(k, XO_KREGION_TABLE + i - 1), k->table[i], XO_EPT_R);
	return error ?: map(cpu, xo_kregion(k, XO_KREGION_TEXT), xo_ktext_page, XO_EPT_X)
		     ?: map(cpu, xo_kregion(k, XO_KREGION_LIST), cpu->list, XO_EPT_R | XO_EPT_W)
		     ?: map(cpu, xo_kregion(k, XO_KREGION_VCPU), cpu->kconst, XO_EPT_R);
}

int xo_kgate_add_cpus(struct xo_vm *vm)
{
	struct xo_gate_cpu *cpu;
	u32 i;

	for (i = 0; i < vm->kgate->cpus; i++) {
		cpu = vm->gate->cpu[i];
		if (!cpu || cpu->keptp)
			continue;
		if (fill_cpu(cpu, vm->kgate, i))
			return -ENOMEM;
		smp_store_release(&cpu->keptp, xo_eptp(cpu->kroot));
	}
	return 0;
}
