// SPDX-License-Identifier: GPL-2.0
/*
 * Owner: the pages of a service, held where they are and watched. What changes in the mappings does
 * not change them, since they are pinned; so there is time to look, in a work item, whether the
 * process still has the same pages there. If not, the service is taken from the host (revoked), and
 * the pages are let go after that.
 */
#include <linux/hugetlb.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <crossover/gate.h>
#include "guest.h"

struct xo_pages {
	struct mmu_notifier mn;
	struct mm_struct *mm; /* grabbed */
	bool watched;
	struct work_struct look;
	void (*changed)(void *arg); /* may sleep; at most once */
	void *arg;
	bool told;
	bool held; /* all pages are in page[]; published by smp_store_release() */
	u32 regions, count, pinned;
	struct xo_region *region;
	struct page **page;
	struct xo_request_page *list; /* for the host */
};

static unsigned int gup_flags(const struct xo_region *r)
{
	return FOLL_LONGTERM | (r->prot & XO_PAGE_WRITE ? FOLL_WRITE : 0);
}

/* ------------------------------------------------------------------ what is asked for */

static bool is_region(const struct xo_region *r, const struct xo_region *before)
{
	u64 end = r->start + r->length;

	if (!PAGE_ALIGNED(r->start) || !PAGE_ALIGNED(r->length) || !r->length || end < r->start ||
	    end > TASK_SIZE_MAX)
		return false;
	if ((r->prot & ~(XO_PAGE_WRITE | XO_PAGE_EXEC)) ||
	    r->prot == (XO_PAGE_WRITE | XO_PAGE_EXEC))
		return false;
	/* Nor the page below the gates; the host refuses more around them. */
	if (r->start < XO_GATE_BASE + (u64)XO_GATE_CONNS * XO_GATE_CONN_SIZE &&
	    end > XO_GATE_BASE - PAGE_SIZE)
		return false;
	return !before || r->start >= before->start + before->length;
}

static int check(const struct xo_region *region, u32 n, u64 entry, u64 *pages)
{
	bool has_entry = false;
	u32 i;

	*pages = 0;
	for (i = 0; i < n; i++) {
		if (!is_region(&region[i], i ? &region[i - 1] : NULL))
			return -EINVAL;
		*pages += region[i].length >> PAGE_SHIFT;
		has_entry |= (region[i].prot & XO_PAGE_EXEC) &&
			     entry - region[i].start < region[i].length;
	}
	if (*pages > XO_SERVICE_PAGES)
		return -E2BIG;
	return has_entry ? 0 : -EINVAL;
}

/* ------------------------------------------------------------------ mapped as declared? mmap_lock
 */

static bool is_mapped_so(struct mm_struct *mm, const struct xo_region *r)
{
	unsigned long need = VM_READ | (r->prot & XO_PAGE_WRITE ? VM_WRITE : 0) |
			     (r->prot & XO_PAGE_EXEC ? VM_EXEC : 0);
	unsigned long at = r->start, end = r->start + r->length;
	struct vm_area_struct *vma;

	while (at < end) {
		vma = find_vma(mm, at);
		/* What a file's other users or its device may take away is not ours to hold. */
		if (!vma || vma->vm_start > at || (vma->vm_flags & need) != need ||
		    (vma->vm_flags & (VM_IO | VM_PFNMAP)) || is_vm_hugetlb_page(vma))
			return false;
		at = vma->vm_end;
	}
	return true;
}

/* The pages of a region, each with a pin. Number of them, or a negative errno. */
static long pin(struct mm_struct *mm, const struct xo_region *r, struct page **page)
{
	unsigned long n = r->length >> PAGE_SHIFT;
	long got, done = 0;

	if (!is_mapped_so(mm, r))
		return -EINVAL;
	while (done < n) {
		got = pin_user_pages_remote(mm, r->start + (done << PAGE_SHIFT), n - done,
					    gup_flags(r), page + done, NULL, NULL);
		if (got <= 0) {
			unpin_user_pages(page, done);
			return got ?: -EFAULT;
		}
		done += got;
	}
	return done;
}

static bool same(struct xo_pages *p, const struct xo_region *r, u32 first, struct page **now)
{
	long i, n = pin(p->mm, r, now);
	bool ok = n > 0;

	for (i = 0; i < n; i++)
		ok &= now[i] == p->page[first + i];
	if (n > 0)
		unpin_user_pages(now, n);
	return ok;
}

static bool all_same(struct xo_pages *p)
{
	struct page **now = kvmalloc_array(p->count, sizeof(*now), GFP_KERNEL);
	bool ok = now != NULL;
	u32 i, first = 0;

	for (i = 0; i < p->regions && ok; i++) {
		ok = same(p, &p->region[i], first, now);
		first += p->region[i].length >> PAGE_SHIFT;
	}
	kvfree(now);
	return ok;
}

static void look(struct work_struct *work)
{
	struct xo_pages *p = container_of(work, struct xo_pages, look);
	bool ok = false;

	/* Pinning itself changes mappings (copies of pages that were shared): too early to compare.
	 */
	if (p->told || !smp_load_acquire(&p->held))
		return;
	if (mmget_not_zero(p->mm)) {
		mmap_read_lock(p->mm);
		ok = all_same(p);
		mmap_read_unlock(p->mm);
		mmput(p->mm);
	}
	if (ok)
		return;
	p->told = true;
	p->changed(p->arg);
}

/* ------------------------------------------------------------------ the notifier */

static bool touches(const struct xo_pages *p, u64 start, u64 end)
{
	u32 low = 0, high = p->regions, mid;

	/* The first region that ends behind `start`. */
	while (low < high) {
		mid = (low + high) / 2;
		if (p->region[mid].start + p->region[mid].length > start)
			high = mid;
		else
			low = mid + 1;
	}
	return low < p->regions && p->region[low].start < end;
}

static void queue_look(struct xo_pages *p)
{
	queue_work(xo.wq, &p->look);
}

/* At the end, when the new state is there to be looked at. */
static void invalidated(struct mmu_notifier *mn, const struct mmu_notifier_range *range)
{
	struct xo_pages *p = container_of(mn, struct xo_pages, mn);

	if (touches(p, range->start, range->end))
		queue_look(p);
}

static void released(struct mmu_notifier *mn, struct mm_struct *mm)
{
	queue_look(container_of(mn, struct xo_pages, mn));
}

static const struct mmu_notifier_ops ops = {
	.invalidate_range_end = invalidated,
	.release = released,
};

/* ------------------------------------------------------------------ holding and letting go */

void xo_pages_unpin(struct xo_pages *p)
{
	unpin_user_pages(p->page, p->pinned);
	p->pinned = 0;
}

void xo_pages_leak(struct xo_pages *p)
{
	pr_err("%u pages of a service stay pinned: the host did not answer\n", p->pinned);
	p->pinned = 0;
}

void xo_pages_put(struct xo_pages *p)
{
	if (p->watched)
		mmu_notifier_unregister(&p->mn, p->mm);
	cancel_work_sync(&p->look);
	xo_pages_unpin(p);
	mmdrop(p->mm);
	kvfree(p->region);
	kvfree(p->page);
	kfree(p->list);
	kfree(p);
}

static int hold(struct xo_pages *p)
{
	long n = 0;
	u32 i, k;

	mmap_read_lock(p->mm);
	for (i = 0; i < p->regions && n >= 0; i++) {
		n = pin(p->mm, &p->region[i], p->page + p->pinned);
		for (k = 0; n > 0 && k < n; k++, p->pinned++) {
			p->list[p->pinned].va = p->region[i].start + ((u64)k << PAGE_SHIFT);
			p->list[p->pinned].gpa =
				page_to_phys(p->page[p->pinned]) | p->region[i].prot;
		}
	}
	mmap_read_unlock(p->mm);
	return n < 0 ? (int)n : 0;
}

static struct xo_pages *make(struct xo_region *region, u32 regions, u32 count)
{
	struct xo_pages *p = kzalloc(sizeof(*p), GFP_KERNEL);

	if (!p)
		return NULL;
	INIT_WORK(&p->look, look);
	p->mn.ops = &ops;
	p->regions = regions;
	p->count = count;
	p->page = kvcalloc(count, sizeof(*p->page), GFP_KERNEL);
	p->list = kcalloc(count, sizeof(*p->list), GFP_KERNEL);
	if (!p->page || !p->list) {
		kvfree(p->page);
		kfree(p->list);
		kfree(p);
		return NULL;
	}
	p->region = region;
	p->mm = current->mm;
	mmgrab(p->mm);
	return p;
}

int xo_pages_get(const struct xo_g_service *req, void (*changed)(void *arg), void *arg,
		 struct xo_pages **out)
{
	struct xo_region *region;
	struct xo_pages *p;
	u64 count;
	int ret;

	if (!req->count)
		return -EINVAL;
	if (req->count > XO_SERVICE_PAGES)
		return -E2BIG;
	region = vmemdup_user(u64_to_user_ptr(req->regions), req->count * sizeof(*region));
	if (IS_ERR(region))
		return PTR_ERR(region);
	ret = check(region, req->count, req->entry, &count);
	p = ret ? NULL : make(region, req->count, count);
	if (!p) {
		kvfree(region);
		return ret ?: -ENOMEM;
	}
	p->changed = changed;
	p->arg = arg;
	/* Watched first; what changed while they were pinned is looked at once they all are. */
	ret = mmu_notifier_register(&p->mn, p->mm);
	p->watched = !ret;
	if (!ret)
		ret = hold(p);
	if (ret) {
		p->told = true;
		xo_pages_put(p);
		return ret == -EFAULT ? -EINVAL : ret;
	}
	smp_store_release(&p->held, true);
	queue_look(p);
	*out = p;
	return 0;
}

u64 xo_pages_list(const struct xo_pages *p, u32 *count)
{
	*count = p->count;
	return virt_to_phys(p->list);
}
