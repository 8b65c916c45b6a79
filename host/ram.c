// SPDX-License-Identifier: GPL-2.0
/*
 * The memory of a callee VM, as visitors see it: all of its RAM at its own guest-physical
 * addresses, write-back, read, write and execute; no devices, no read-only slots, none of our own
 * slots. What is not there ends in an exit, and the visitor goes on in its server CPU.
 *
 * The pages are pinned, so that none can go while it is mapped here (I4). If the VM's process puts
 * others in their place, the notifier sees it, and nobody enters any more.
 */
#include "visitor.h"
#include <linux/sched/mm.h>
#include <linux/memcontrol.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include "compat.h"

#define HUGE_PAGES 512
#define EPT_HUGE   BIT_ULL(7)
#define EPT_FRAME  GENMASK_ULL(51, 12)

/* ------------------------------------------------------------------ letting go */

static void unpin(u64 leaf, u32 count, struct xo_ram *ram)
{
	unpin_user_page_range_dirty_lock(pfn_to_page((leaf & EPT_FRAME) >> PAGE_SHIFT), count,
					 leaf & XO_EPT_W);
	ram->pinned -= count;
}

static void unpin_table(struct xo_ram *ram, u64 *pt)
{
	u32 i;

	for (i = 0; i < 512; i++)
		if (pt[i])
			unpin(pt[i], 1, ram);
}

static void unpin_directory(struct xo_ram *ram, u64 *pd)
{
	u32 i;

	for (i = 0; i < 512; i++) {
		if (pd[i] & EPT_HUGE)
			unpin(pd[i], HUGE_PAGES, ram);
		else if (pd[i])
			unpin_table(ram, phys_to_virt(pd[i] & EPT_FRAME));
		cond_resched();
	}
}

static void unpin_all(struct xo_ram *ram)
{
	u32 i;

	if (ram->runtime)
		*ram->runtime = ram->runtime_was;
	for (i = 0; i < 512; i++)
		if (ram->pdpt[i])
			unpin_directory(ram, phys_to_virt(ram->pdpt[i] & EPT_FRAME));
	if (ram->accounted && mmget_not_zero(ram->mm)) {
		account_locked_vm(ram->mm, ram->accounted, false);
		mmput(ram->mm);
	}
}

void xo_ram_free(struct xo_vm *vm)
{
	struct xo_ram *ram = vm->ram;

	if (!ram)
		return;
	WRITE_ONCE(vm->ram, NULL);
	if (ram->notifier.ops)
		mmu_notifier_unregister(&ram->notifier, ram->mm);
	synchronize_rcu(); /* hooks that found it */
	if (ram->pdpt)
		unpin_all(ram);
	mmdrop(ram->mm);
	xo_pages_free(&ram->pages);
	kfree(ram->piece);
	kfree(ram);
}

/* ------------------------------------------------------------------ the runtime's page */

/* 2 MiB as 512 leaves that say the same. */
static int split(struct xo_ram *ram, u64 *entry)
{
	u64 *pt = xo_page_new(&ram->pages);
	u32 i;

	if (!pt)
		return -ENOMEM;
	for (i = 0; i < HUGE_PAGES; i++)
		pt[i] = (*entry & ~EPT_HUGE) + ((u64)i << PAGE_SHIFT);
	WRITE_ONCE(*entry, xo_ept_table(pt));
	ram->big--;
	ram->small += HUGE_PAGES;
	return 0;
}

int xo_ram_runtime(struct xo_ram *ram, u64 gpa)
{
	u64 *entry, *pt;

	if (gpa >= 1ULL << 39 || !PAGE_ALIGNED(gpa))
		return -EINVAL;
	entry = &ram->pdpt[xo_level_index(gpa, 2)];
	if (*entry)
		entry = (u64 *)phys_to_virt(*entry & EPT_FRAME) + xo_level_index(gpa, 1);
	if (*entry & EPT_HUGE && split(ram, entry))
		return -ENOMEM;
	if (!*entry)
		return -EINVAL;
	pt = phys_to_virt(*entry & EPT_FRAME);
	entry = &pt[xo_level_index(gpa, 0)];
	if (entry == ram->runtime)
		return 0;
	if (!*entry)
		return -EINVAL;
	if (ram->runtime)
		WRITE_ONCE(*ram->runtime, ram->runtime_was);
	ram->runtime = entry;
	ram->runtime_was = *entry;
	WRITE_ONCE(*entry, xo_ept_leaf(virt_to_phys(xo_krt_page), XO_EPT_X));
	xo_away_flush();
	return 0;
}

/* ------------------------------------------------------------------ being told */

static bool is_ours(const struct xo_ram *ram, const struct mmu_notifier_range *range)
{
	u32 i;

	for (i = 0; i < smp_load_acquire(&ram->pieces); i++)
		if (range->start < ram->piece[i].hva + (ram->piece[i].npages << PAGE_SHIFT) &&
		    ram->piece[i].hva < range->end)
			return true;
	return false;
}

/*
 * Other pages will stand there, perhaps. Nobody enters any more, and who is inside comes out before
 * they do: what he wrote afterwards would be written to the old ones, and lost (I4). Of several
 * who tell of changes at once each waits for that.
 */
static void look_at(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	struct xo_ram *ram = container_of(notifier, struct xo_ram, notifier);

	if (range->event == MMU_NOTIFY_PROTECTION_PAGE || range->event == MMU_NOTIFY_SOFT_DIRTY ||
	    smp_load_acquire(&ram->empty) || !is_ours(ram, range))
		return;
	if (!xchg(&ram->revoked, true))
		xo_visits_revoke(ram->vm);
	xo_away_flush();
	smp_store_release(&ram->empty, true);
}

static int invalidate(struct mmu_notifier *notifier, const struct mmu_notifier_range *range)
{
	look_at(notifier, range);
	return 0;
}

/* At its end too: what began before the notifier was there, and ends when pages are pinned already,
 * may have put others in the place of some. */
static const struct mmu_notifier_ops notifier_ops = {
	.invalidate_range_start = invalidate,
	.invalidate_range_end = look_at,
};

/* ------------------------------------------------------------------ mapping */

/* As KVM itself does (nx_huge_pages=auto): where a change of a page's size may stop the processor
 * (iTLB multihit, CVE-2018-12207) no guest has big leaves that it can execute. */
static bool may_be_huge(void)
{
	return !boot_cpu_has_bug(X86_BUG_ITLB_MULTIHIT) || cpu_mitigations_off();
}

static bool is_huge(struct page **page, u64 gpa)
{
	u32 i;

	if (!may_be_huge() || page_to_pfn(page[0]) % HUGE_PAGES || gpa % PMD_SIZE)
		return false;
	for (i = 1; i < HUGE_PAGES; i++)
		if (page_to_pfn(page[i]) != page_to_pfn(page[0]) + i)
			return false;
	return true;
}

static u64 leaf_of(struct page *page)
{
	return xo_ept_leaf(page_to_phys(page), XO_EPT_R | XO_EPT_W | XO_EPT_X);
}

static int map_huge(struct xo_ram *ram, u64 gpa, struct page *page)
{
	u64 *entry = &ram->pdpt[xo_level_index(gpa, 2)], *pd;

	if (!*entry) {
		pd = xo_page_new(&ram->pages);
		if (!pd)
			return -ENOMEM;
		*entry = xo_ept_table(pd);
	}
	pd = phys_to_virt(*entry & EPT_FRAME);
	if (pd[xo_level_index(gpa, 1)])
		return -EEXIST;
	pd[xo_level_index(gpa, 1)] = leaf_of(page) | EPT_HUGE;
	ram->big++;
	return 0;
}

static int map_pinned(struct xo_ram *ram, u64 gpa, struct page **page, u32 count)
{
	u32 i;
	int error;

	if (count == HUGE_PAGES && is_huge(page, gpa)) {
		error = map_huge(ram, gpa, page[0]);
		if (error)
			unpin_user_pages(page, count);
		else
			ram->pinned += count;
		return error;
	}
	for (i = 0; i < count; i++) {
		error = xo_ept_map(&ram->pages, ram->pdpt, 2, gpa + ((u64)i << PAGE_SHIFT),
				   leaf_of(page[i]));
		if (error) {
			unpin_user_pages(page + i, count - i);
			return error;
		}
		ram->pinned++;
		ram->small++;
	}
	return 0;
}

/* Up to the next 2 MiB of guest-physical memory. */
static int map_piece(struct xo_ram *ram, struct page **page, u64 gpa, unsigned long hva, u32 count)
{
	long got = -EFAULT;

	mmap_read_lock(ram->mm);
	if (xo_is_plain_memory(ram->mm, hva))
		got = xo_pin_remote(ram->mm, hva, count, page);
	mmap_read_unlock(ram->mm);
	if (got == count)
		return map_pinned(ram, gpa, page, count);
	if (got > 0)
		unpin_user_pages(page, got);
	return got < 0 ? got : -ENOMEM;
}

static int map_slot(struct xo_ram *ram, struct page **page, const struct xo_ram_piece *s)
{
	u64 n, count;
	int error;

	for (n = 0; n < s->npages; n += count) {
		count = min_t(u64, HUGE_PAGES - (s->gfn + n) % HUGE_PAGES, s->npages - n);
		error = map_piece(ram, page, (s->gfn + n) << PAGE_SHIFT, s->hva + (n << PAGE_SHIFT),
				  count);
		if (error == -EFAULT && !n)
			return 0; /* a device's, which has no pages: left out, it evicts */
		if (error)
			return error;
		cond_resched();
	}
	return 0;
}

#define PIECES	   64
#define FRAMES_MAX (1ULL << (39 - PAGE_SHIFT)) /* of the tree below ram->pdpt */

/* The VM's own memory; ours, which is known to be elsewhere, apart, and what is too high left out.
 * -EBUSY: KVM logs writes to it, and would not know of ours. */
static int list_slots(struct kvm *kvm, struct xo_ram_piece *piece)
{
	struct kvm_memory_slot *slot;
	bool logged = false;
	int bucket, n = 0;

	mutex_lock(&kvm->slots_lock);
	kvm_for_each_memslot(slot, bucket, kvm_memslots(kvm))
	{
		if (slot->id >= XO_MEMSLOT_BASE || slot->flags & KVM_MEM_READONLY || n == PIECES)
			continue;
		logged |= slot->flags & KVM_MEM_LOG_DIRTY_PAGES;
		if (slot->base_gfn + slot->npages > FRAMES_MAX)
			continue;
		piece[n++] =
			(struct xo_ram_piece){ slot->base_gfn, slot->npages, slot->userspace_addr };
	}
	mutex_unlock(&kvm->slots_lock);
	return logged ? -EBUSY : n;
}

static int map_all(struct xo_ram *ram)
{
	struct page **page = kcalloc(HUGE_PAGES, sizeof(*page), GFP_KERNEL);
	int error;
	u32 i;

	error = page ? list_slots(ram->vm->kvm, ram->piece) : -ENOMEM;
	if (error > 0) {
		/* From here on the notifier looks at them. */
		smp_store_release(&ram->pieces, error);
		error = 0;
	}
	for (i = 0; i < ram->pieces && !error; i++)
		error = map_slot(ram, page, &ram->piece[i]);
	kfree(page);
	return error;
}

/* Charged to the VM: tables and what it had not touched yet. */
static int build(struct xo_ram *ram)
{
	struct mem_cgroup *memcg = get_mem_cgroup_from_mm(ram->mm), *own = set_active_memcg(memcg);
	int error = -ENOMEM;

	ram->pdpt = xo_page_new(&ram->pages);
	if (ram->pdpt)
		error = map_all(ram);
	set_active_memcg(own);
	mem_cgroup_put(memcg);
	if (!error)
		error = account_locked_vm(ram->mm, ram->pinned, true);
	if (!error)
		ram->accounted = ram->pinned;
	return error;
}

static enum xo_reason make(struct xo_ram *ram)
{
	struct mm_struct *mm = ram->mm;
	int error;

	if (!mmget_not_zero(mm))
		return XO_REASON_VM_DYING;
	/* Before the first page is pinned, so that nothing is missed. */
	ram->notifier.ops = &notifier_ops;
	error = mmu_notifier_register(&ram->notifier, mm);
	if (error)
		ram->notifier.ops = NULL;
	else
		error = build(ram);
	mmput(mm);
	if (error == -EBUSY)
		return XO_REASON_WATCHED;
	return error ? XO_REASON_NO_MEMORY : XO_REASON_NONE;
}

enum xo_reason xo_ram_get(struct xo_vm *vm)
{
	struct xo_ram *ram;
	enum xo_reason reason;

	if (vm->ram)
		return XO_REASON_NONE;
	/* Some of its memory would have another type in KVM's tables than in ours. */
	if (kvm_arch_has_noncoherent_dma(vm->kvm))
		return XO_REASON_DEVICE;
	ram = kzalloc(sizeof(*ram), GFP_KERNEL_ACCOUNT);
	if (!ram)
		return XO_REASON_NO_MEMORY;
	INIT_LIST_HEAD(&ram->pages);
	ram->vm = vm;
	ram->piece = kcalloc(PIECES, sizeof(*ram->piece), GFP_KERNEL_ACCOUNT);
	if (!ram->piece) {
		kfree(ram);
		return XO_REASON_NO_MEMORY;
	}
	ram->mm = vm->kvm->mm;
	mmgrab(ram->mm);
	WRITE_ONCE(vm->ram,
		   ram); /* the hook on memory slots finds it: docs/visitors.md, "Memory" */
	reason = make(ram);
	if (reason) {
		xo_ram_free(vm);
		return reason;
	}
	pr_info("VM '%s': its memory is mapped for visitors: %llu leaves of 2 MiB, %llu of 4 KiB\n",
		vm->name, ram->big, ram->small);
	return XO_REASON_NONE;
}
