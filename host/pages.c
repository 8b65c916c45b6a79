// SPDX-License-Identifier: GPL-2.0
/*
 * The pages of a service: from the owner's addresses to page frames, and away again in time (I4).
 *
 * No page is held. A notifier on the address space that has them tells before one of them moves or
 * goes, for whatever reason: then nothing of the service is mapped any more, its connections stop,
 * and every processor is flushed before the notifier lets the owner go on. The next caller has the
 * pages looked up anew (xo_pages_fill()), by the same protocol as KVM's own: begin, look, and under
 * the lock see that nothing was invalidated meanwhile.
 *
 * Read-only pages are taken as they are, the zero page and merged pages too: whoever writes to one
 * gets a copy, and the notifier is told before. Only pages that the service may write are made the
 * owner's own and dirty first (FOLL_WRITE), since nobody sees the service's writes.
 *
 * A VM's memory slots may change under us: then our addresses in its process are those that the
 * guest's pages had before. That is the VM's own process's doing and hurts only that VM; the memory
 * behind is still its, and goes only through the notifier. The next revival looks the slots up.
 */
#include "service.h"
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/sort.h>
#include "compat.h"

/* How often pages may move while they are looked up, before the caller is told to try again. */
#define FILL_TRIES 64

/* Of slots of QEMU's only: ours are windows and boards, KVM's are its own. */
unsigned long xo_guest_hva(struct kvm *kvm, u64 gpa, bool write)
{
	struct kvm_memory_slot *slot = gfn_to_memslot(kvm, gpa >> PAGE_SHIFT);

	if (!slot || slot->id >= XO_MEMSLOT_BASE || (slot->flags & KVM_MEMSLOT_INVALID))
		return 0;
	if (write && (slot->flags & KVM_MEM_READONLY))
		return 0;
	return __gfn_to_hva_memslot(slot, gpa >> PAGE_SHIFT);
}

/* ---- being told; the owner's address space changes */

static int compare(const void *a, const void *b)
{
	unsigned long x = *(const unsigned long *)a, y = *(const unsigned long *)b;

	return x < y ? -1 : x > y;
}

/* Is one of the pages in [start, end)? */
static bool covers(const struct xo_pages *pages, unsigned long start, unsigned long end)
{
	u32 low = 0, high = pages->count;

	while (low < high) {
		u32 middle = (low + high) / 2;

		if (pages->sorted[middle] < start)
			low = middle + 1;
		else
			high = middle;
	}
	return low < pages->count && pages->sorted[low] < end;
}

/* xo_service_lock is held. */
static void revoke(struct xo_service *service)
{
	struct xo_grant *grant;

	xo_image_clear(service->image);
	list_for_each_entry(grant, &service->grants, node)
		if (grant->conn)
			xo_conn_stop(grant->conn);
	service->pages.state = XO_PAGES_STALE;
	service->stat.revocations++;
}

/*
 * Whoever finds the pages stale flushes too: the one who revoked them may not be through, and the
 * pages that this call is about must not go before. Nothing can be filled in meanwhile: fill() sees
 * this invalidation under way.
 */
static bool invalidate(struct mmu_interval_notifier *notifier,
		       const struct mmu_notifier_range *range, unsigned long seq)
{
	struct xo_pages *pages = container_of(notifier, struct xo_pages, notifier);
	struct xo_service *service = container_of(pages, struct xo_service, pages);
	unsigned long flags;
	bool flush, news;

	raw_spin_lock_irqsave(&xo_service_lock, flags);
	mmu_interval_set_seq(notifier, seq);
	flush = pages->state != XO_PAGES_GONE && covers(pages, range->start, range->end);
	news = flush && pages->state == XO_PAGES_THERE;
	if (news)
		revoke(service);
	raw_spin_unlock_irqrestore(&xo_service_lock, flags);
	if (!flush)
		return true;
	xo_away_flush();
	raw_spin_lock_irqsave(&xo_service_lock, flags);
	pages->state = XO_PAGES_GONE;
	raw_spin_unlock_irqrestore(&xo_service_lock, flags);
	if (news)
		xo_service_tell(service);
	return true;
}

static const struct mmu_interval_notifier_ops notifier_ops = {
	.invalidate = invalidate,
};

/* mm is kept alive by the caller. */
static int watch(struct xo_pages *pages)
{
	unsigned long first, last;
	u32 i;
	int error;

	for (i = 0; i < pages->count; i++)
		pages->sorted[i] = pages->page[i].hva;
	sort(pages->sorted, pages->count, sizeof(*pages->sorted), compare, NULL);
	first = pages->sorted[0];
	last = pages->sorted[pages->count - 1];
	error = mmu_interval_notifier_insert(&pages->notifier, pages->mm, first,
					     last - first + PAGE_SIZE, &notifier_ops);
	pages->watched = !error;
	return error;
}

/* Waits until no invalidation is under way. */
static void unwatch(struct xo_pages *pages)
{
	if (pages->watched)
		mmu_interval_notifier_remove(&pages->notifier);
	pages->watched = false;
}

/* ---- looking up */

/* -EFAULT: a page that is no memory of the VM's own, or may not be written. */
static int resolve(struct xo_pages *pages, bool *moved)
{
	int srcu = srcu_read_lock(&pages->kvm->srcu), error = 0;
	u32 i;

	pages->generation = kvm_memslots(pages->kvm)->generation;
	for (i = 0; i < pages->count && !error; i++) {
		struct xo_page *page = &pages->page[i];
		unsigned long hva = xo_guest_hva(pages->kvm, page->gpa, page->prot & XO_PAGE_WRITE);

		if (!hva)
			error = -EFAULT;
		*moved |= hva != page->hva;
		page->hva = hva;
	}
	srcu_read_unlock(&pages->kvm->srcu, srcu);
	return error;
}

static bool slots_changed(struct xo_pages *pages)
{
	int srcu = srcu_read_lock(&pages->kvm->srcu);
	u64 generation = kvm_memslots(pages->kvm)->generation;

	srcu_read_unlock(&pages->kvm->srcu, srcu);
	return generation != pages->generation;
}

/* The addresses are right and watched. Only while nothing is mapped. */
static int find(struct xo_pages *pages)
{
	bool moved = !pages->watched;
	int error = 0;

	if (pages->kvm && (moved || slots_changed(pages)))
		error = resolve(pages, &moved);
	if (!error && !moved)
		return 0;
	unwatch(pages);
	if (error) {
		pages->generation = ~0ULL; /* look again, whatever the slots say then */
		return error;
	}
	return watch(pages);
}

/* Of the owner's own: what it could not execute itself is not to be executed for it. */
static bool may_execute(struct xo_pages *pages, unsigned long hva)
{
	struct vm_area_struct *vma = find_vma(pages->mm, hva);

	return vma && vma->vm_start <= hva && (vma->vm_flags & VM_EXEC);
}

/* Frames of all pages, as they are now; nothing is held. What a userfaultfd would have to bring is
 * -EFAULT and not waited for: xo_page_get() lets no fault handler drop the mmap lock. */
static int look_up(struct xo_pages *pages, u64 *pfn)
{
	int error = 0;
	u32 i;

	mmap_read_lock(pages->mm);
	for (i = 0; i < pages->count && !error; i++) {
		struct page *page;

		if (!pages->kvm && (pages->page[i].prot & XO_PAGE_EXEC) &&
		    !may_execute(pages, pages->page[i].hva))
			error = -EFAULT;
		if (error)
			break;
		error = xo_page_get(pages->mm, pages->page[i].hva,
				    pages->page[i].prot & XO_PAGE_WRITE, &page);
		if (error)
			break;
		pfn[i] = page_to_pfn(page);
		/* Its memory type, and who may take it away, are not those of ordinary memory. */
		if (is_zone_device_page(page))
			error = -EFAULT;
		put_page(page);
	}
	mmap_read_unlock(pages->mm);
	return error;
}

/* False: something moved since `seq`. */
static bool set_all(struct xo_service *service, const u64 *pfn, unsigned long seq)
{
	struct xo_pages *pages = &service->pages;
	struct xo_grant *grant;
	bool done;
	u32 i;

	raw_spin_lock_irq(&xo_service_lock);
	done = !mmu_interval_read_retry(&pages->notifier, seq);
	if (done) {
		for (i = 0; i < pages->count; i++)
			xo_image_set(service->image, i, pfn[i]);
		pages->state = XO_PAGES_THERE;
		service->stat.revivals += service->stat.revocations != 0;
		list_for_each_entry(grant, &service->grants, node)
			xo_grant_settle(grant);
	}
	raw_spin_unlock_irq(&xo_service_lock);
	return done;
}

static int fill(struct xo_service *service, u64 *pfn)
{
	struct xo_pages *pages = &service->pages;
	unsigned long seq;
	int error, tries;

	error = find(pages);
	for (tries = 0; !error && tries < FILL_TRIES; tries++) {
		seq = mmu_interval_read_begin(&pages->notifier);
		error = look_up(pages, pfn);
		if (!error && set_all(service, pfn, seq))
			return 0;
	}
	return error ?: -EAGAIN;
}

static bool there(struct xo_pages *pages)
{
	bool there;

	raw_spin_lock_irq(&xo_service_lock);
	there = pages->state == XO_PAGES_THERE;
	raw_spin_unlock_irq(&xo_service_lock);
	return there;
}

/*
 * The service's pages are mapped, if they can be. -ESRCH: the process is gone. -EFAULT: they are
 * not there, or not so. -EAGAIN: they keep moving.
 */
int xo_pages_fill(struct xo_service *service)
{
	struct xo_pages *pages = &service->pages;
	u64 *pfn;
	int error;

	if (there(pages))
		return 0;
	if (!mmget_not_zero(pages->mm))
		return -ESRCH;
	error = -ENOMEM;
	pfn = kvmalloc_array(pages->count, sizeof(*pfn), GFP_KERNEL_ACCOUNT);
	if (pfn)
		error = fill(service, pfn);
	if (!error)
		xo_service_tell(service);
	kvfree(pfn);
	mmput(pages->mm);
	return error;
}

/* ---- coming and going */

int xo_pages_init(struct xo_pages *pages, const struct xo_service_spec *spec)
{
	u32 i;

	pages->page = kvcalloc(spec->count, sizeof(*pages->page), GFP_KERNEL_ACCOUNT);
	pages->sorted = kvcalloc(spec->count, sizeof(*pages->sorted), GFP_KERNEL_ACCOUNT);
	if (!pages->page || !pages->sorted) {
		kvfree(pages->page);
		kvfree(pages->sorted);
		return -ENOMEM;
	}
	for (i = 0; i < spec->count; i++) {
		const struct xo_request_page *p = &spec->page[i];

		pages->page[i] = (struct xo_page){
			.va = p->va,
			.gpa = p->gpa & PAGE_MASK,
			.prot = p->gpa & ~PAGE_MASK,
			.hva = spec->kvm ? 0 : p->va,
		};
	}
	pages->count = spec->count;
	pages->kvm = spec->kvm;
	pages->mm = spec->mm;
	mmgrab(pages->mm);
	return 0;
}

void xo_pages_drop(struct xo_pages *pages)
{
	unwatch(pages);
	mmdrop(pages->mm);
	kvfree(pages->page);
	kvfree(pages->sorted);
}
