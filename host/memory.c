// SPDX-License-Identifier: GPL-2.0
/*
 * Host memory that a VM sees as a KVM memory slot.
 *
 * The memory is a shared-memory file: mapped into the VM's process it needs no code of this module,
 * so the module can go while a mapping lives on somewhere (mremap, fork); its pages are held by us
 * as long as we use them, whatever that process does to its mapping. KVM reaches the pages through
 * the process's page table like all guest memory, follows its changes, and drops it when it dies.
 *
 * KVM's lock of memory slots nests inside xo_mutex; nothing here is called with a spinlock held.
 */
#include "host.h"
#include <linux/kthread.h>
#include <linux/mman.h>
#include <linux/sched/mm.h>
#include <linux/shmem_fs.h>
#include "compat.h"

int xo_memory_alloc(struct xo_memory *memory, const char *name, u64 size)
{
	struct address_space *mapping;
	struct page *page;

	memory->npages = 0;
	memory->pages = kvcalloc(size >> PAGE_SHIFT, sizeof(struct page *), GFP_KERNEL_ACCOUNT);
	if (!memory->pages)
		return -ENOMEM;
	memory->file = shmem_file_setup(name, size, VM_NORESERVE);
	if (IS_ERR(memory->file)) {
		memory->file =
			NULL; /* by which its owners tell whether there is anything to free */
		kvfree(memory->pages);
		return -ENOMEM;
	}
	mapping = memory->file->f_mapping;
	/* Held for long: neither to swap nor in the way of memory hotplug. */
	mapping_set_gfp_mask(mapping, GFP_KERNEL);
	mapping_set_unevictable(mapping);
	while (memory->npages < size >> PAGE_SHIFT) {
		page = shmem_read_mapping_page(mapping, memory->npages);
		if (IS_ERR(page)) {
			xo_memory_free(memory);
			return -ENOMEM;
		}
		set_page_dirty(page);
		memory->pages[memory->npages++] = page;
		cond_resched();
	}
	return 0;
}

void xo_memory_free(struct xo_memory *memory)
{
	while (memory->npages)
		put_page(memory->pages[--memory->npages]);
	kvfree(memory->pages);
	memory->pages = NULL;
	fput(memory->file);
	memory->file = NULL;
}

/* Work in another process's address space, which only a kernel thread may borrow. */
struct mm_work {
	struct work_struct work;
	struct mm_struct *mm;
	struct file *file;
	unsigned long hva; /* out of map, into unmap */
	u64 size;
};

static void map_in_mm(struct work_struct *work)
{
	struct mm_work *w = container_of(work, struct mm_work, work);
	struct vm_area_struct *vma;

	kthread_use_mm(w->mm);
	w->hva = vm_mmap(w->file, 0, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, 0);
	if (!IS_ERR_VALUE(w->hva)) {
		mmap_write_lock(w->mm);
		vma = find_vma(w->mm, w->hva);
		if (vma && vma->vm_file == w->file)
			xo_vma_set(vma, VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
		mmap_write_unlock(w->mm);
	}
	kthread_unuse_mm(w->mm);
}

/* Only what is still ours: the process may have put something else at that address. */
static void unmap_in_mm(struct work_struct *work)
{
	struct mm_work *w = container_of(work, struct mm_work, work);
	struct vm_area_struct *vma;
	bool ours;

	kthread_use_mm(w->mm);
	mmap_read_lock(w->mm);
	vma = find_vma(w->mm, w->hva);
	ours = vma && vma->vm_start == w->hva && vma->vm_end - vma->vm_start == w->size &&
	       vma->vm_file == w->file;
	mmap_read_unlock(w->mm);
	if (ours)
		vm_munmap(w->hva, w->size);
	kthread_unuse_mm(w->mm);
}

/* -ESRCH: the process is gone. */
static int run_in_mm(struct mm_work *w, work_func_t function)
{
	if (!mmget_not_zero(w->mm))
		return -ESRCH;
	INIT_WORK_ONSTACK(&w->work, function);
	queue_work(xo_wq, &w->work);
	flush_work(&w->work);
	destroy_work_on_stack(&w->work);
	mmput(w->mm);
	return 0;
}

static int add_memslot(struct kvm *kvm, const struct xo_mapping *m)
{
	struct xo_kvm_region region = {
		.slot = m->memslot,
		.guest_phys_addr = m->gpa,
		.memory_size = m->size,
		.userspace_addr = m->hva,
	};
	int error = -EEXIST;

	mutex_lock(&kvm->slots_lock);
	if (!id_to_memslot(kvm_memslots(kvm), m->memslot))
		error = __kvm_set_memory_region(kvm, &region);
	mutex_unlock(&kvm->slots_lock);
	return error;
}

/* QEMU could have deleted our slot and made one of its own with that number. */
static void delete_memslot(struct kvm *kvm, const struct xo_mapping *m)
{
	struct xo_kvm_region region = { .slot = m->memslot };
	struct kvm_memory_slot *slot;
	int error = 0;

	mutex_lock(&kvm->slots_lock);
	slot = id_to_memslot(kvm_memslots(kvm), m->memslot);
	if (slot && slot->userspace_addr == m->hva)
		error = __kvm_set_memory_region(kvm, &region);
	mutex_unlock(&kvm->slots_lock);
	if (error) /* no harm: what it maps is about to leave the process */
		pr_notice("KVM kept memory slot %u (%d)\n", m->memslot, error);
}

/*
 * -EEXIST: those guest-physical addresses or that slot are taken. -ESRCH: the process is gone.
 * Else what mmap or KVM said. On failure nothing is left behind.
 */
int xo_memory_map(struct kvm *kvm, const struct xo_memory *memory, u32 memslot, u64 gpa,
		  struct xo_mapping *mapping)
{
	struct mm_work w = {
		.mm = kvm->mm,
		.file = memory->file,
		.size = (u64)memory->npages << PAGE_SHIFT,
	};
	int error = run_in_mm(&w, map_in_mm);

	if (error)
		return error;
	if (IS_ERR_VALUE(w.hva))
		return (int)w.hva;
	*mapping = (struct xo_mapping){
		.memslot = memslot,
		.gpa = gpa,
		.size = w.size,
		.hva = w.hva,
		.file = memory->file,
	};
	error = add_memslot(kvm, mapping);
	if (error)
		run_in_mm(&w, unmap_in_mm);
	mapping->mapped = !error;
	return error;
}

void xo_memory_unmap(struct kvm *kvm, struct xo_mapping *mapping)
{
	struct mm_work w = {
		.mm = kvm->mm,
		.file = mapping->file,
		.hva = mapping->hva,
		.size = mapping->size,
	};

	if (!mapping->mapped)
		return;
	mapping->mapped = false;
	delete_memslot(kvm, mapping);
	run_in_mm(&w, unmap_in_mm); /* a dead process has no mappings */
}

/* Bits of a guest-physical address that every vCPU can use. */
static u32 gpa_bits(struct kvm *kvm)
{
	u32 bits = boot_cpu_data.x86_phys_bits;
	struct kvm_vcpu *vcpu;
	unsigned long i;

	kvm_for_each_vcpu(i, vcpu, kvm)
		bits = min_t(u32, bits, vcpu->arch.maxphyaddr);
	return bits;
}

static bool gpa_free(struct kvm *kvm, u64 gpa, u64 span)
{
	struct kvm_memory_slot *slot;
	bool free = true;
	int bucket;

	mutex_lock(&kvm->slots_lock);
	kvm_for_each_memslot(slot, bucket, kvm_memslots(kvm))
	{
		u64 start = slot->base_gfn << PAGE_SHIFT;

		if (start < gpa + span && gpa < start + ((u64)slot->npages << PAGE_SHIFT))
			free = false;
	}
	mutex_unlock(&kvm->slots_lock);
	return free;
}

/*
 * Guest-physical addresses that no memory slot uses: at 256 GiB, else in sixteenths downwards from
 * the guest's limit. High, since memory and devices grow from below; not at the very top, where
 * firmware puts 64-bit device windows. -ENOSPC: none.
 */
int xo_memory_find_gpa(struct kvm *kvm, u64 span, u64 *gpa)
{
	u64 limit = 1ULL << gpa_bits(kvm), candidate = 0x4000000000ULL;
	u32 sixteenth;

	if (candidate + span > limit || !gpa_free(kvm, candidate, span)) {
		for (sixteenth = 15; sixteenth; sixteenth--) {
			candidate = limit / 16 * sixteenth;
			if (gpa_free(kvm, candidate, span))
				break;
		}
		if (!sixteenth)
			return -ENOSPC;
	}
	*gpa = candidate;
	return 0;
}
