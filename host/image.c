// SPDX-License-Identifier: GPL-2.0
/*
 * An image: what a service may touch. Guest page tables for the service's own addresses, made once;
 * and the EPT of one GiB, whose leaves come and go with the owner's memory. Both hang in every slot
 * of every connection, so that revoking is one act.
 */
#include "away.h"
#include <linux/slab.h>

/* In the image's GiB: tables from the start, pages from the middle. */
#define PAGES_AT	(XO_GIB / 2)

#define GATE_ROOT_INDEX ((XO_GATE_BASE >> 39) & 511)

static u64 page_gpa(u32 i)
{
	return XO_AWAY_IMAGE + PAGES_AT + ((u64)i << PAGE_SHIFT);
}

bool xo_image_has(const struct xo_image *image, u64 gpa)
{
	return gpa >= page_gpa(0) && gpa < page_gpa(image->count);
}

/*
 * User addresses, and not where gates are: a whole root entry is kept for those. Nor the page right
 * below: a VMFUNC in its last bytes would go on in the gate context with the first slot's gate,
 * whichever slot the service has.
 */
static bool address_ok(u64 va)
{
	return PAGE_ALIGNED(va) && va >= PAGE_SIZE && va < TASK_SIZE_MAX &&
	       xo_level_index(va, 3) != GATE_ROOT_INDEX &&
	       xo_level_index(va + PAGE_SIZE, 3) != GATE_ROOT_INDEX;
}

static int check(const struct xo_image_page *page, u32 count, u64 entry)
{
	bool entered = false;
	u32 i;

	if (!count || count > XO_SERVICE_PAGES)
		return -E2BIG;
	for (i = 0; i < count; i++) {
		if (!address_ok(page[i].va) || (i && page[i].va <= page[i - 1].va))
			return -EINVAL;
		if (page[i].prot & ~(XO_PAGE_WRITE | XO_PAGE_EXEC) ||
		    page[i].prot == (XO_PAGE_WRITE | XO_PAGE_EXEC))
			return -EINVAL;
		entered |= entry >> PAGE_SHIFT == page[i].va >> PAGE_SHIFT &&
			   page[i].prot & XO_PAGE_EXEC;
	}
	return entered ? 0 : -EINVAL;
}

/* A page table of ours below one of ours, with a gpa in the image's GiB. */
static u64 *new_table(struct xo_image *image, u64 *entry)
{
	u64 gpa = XO_AWAY_IMAGE + ((u64)image->tables << PAGE_SHIFT);
	u64 *table = xo_page_new(&image->pages);

	if (!table || xo_ept_map(&image->pages, image->pd, 1, gpa,
				 xo_ept_leaf(virt_to_phys(table), XO_EPT_R)))
		return NULL;
	image->tables++;
	*entry = gpa | XO_PTE;
	return table;
}

/* Where the table is that an entry of ours names. */
static u64 *table_of(const struct xo_image *image, u64 entry)
{
	u64 *leaf = xo_ept_entry(image->pd, 1, entry & GENMASK_ULL(51, 12));

	return phys_to_virt(*leaf & GENMASK_ULL(51, 12));
}

static int map_va(struct xo_image *image, const struct xo_image_page *page, u64 gpa)
{
	u64 *table = image->pml4;
	u32 level;

	for (level = 3; level; level--) {
		u64 *entry = &table[xo_level_index(page->va, level)];

		table = *entry ? table_of(image, *entry) : new_table(image, entry);
		if (!table)
			return -ENOMEM;
	}
	table[xo_level_index(page->va, 0)] = gpa | XO_PTE;
	return 0;
}

static u64 rights_of(u64 prot)
{
	if (prot & XO_PAGE_WRITE)
		return XO_EPT_R | XO_EPT_W;
	return prot & XO_PAGE_EXEC ? XO_EPT_R | XO_EPT_X : XO_EPT_R;
}

static int fill(struct xo_image *image, const struct xo_image_page *page)
{
	u32 i;

	for (i = 0; i < image->count; i++) {
		/* The EPT entry is there, and empty. */
		if (map_va(image, &page[i], page_gpa(i)) ||
		    xo_ept_map(&image->pages, image->pd, 1, page_gpa(i), 0))
			return -ENOMEM;
		image->leaf[i] = xo_ept_entry(image->pd, 1, page_gpa(i));
		image->rights[i] = rights_of(page[i].prot);
	}
	return 0;
}

struct xo_image *xo_image_new(const struct xo_image_page *page, u32 count, u64 entry, u32 flags)
{
	struct xo_image *image;
	int error = check(page, count, entry);

	if (error)
		return ERR_PTR(error);
	image = kzalloc(sizeof(*image), GFP_KERNEL_ACCOUNT);
	if (!image)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&image->pages);
	image->entry = entry;
	image->flags = flags;
	image->count = count;
	image->leaf = kvcalloc(count, sizeof(*image->leaf), GFP_KERNEL_ACCOUNT);
	image->rights = kvcalloc(count, sizeof(*image->rights), GFP_KERNEL_ACCOUNT);
	image->pml4 = xo_page_new(&image->pages);
	image->pd = xo_page_new(&image->pages);
	if (!image->leaf || !image->rights || !image->pml4 || !image->pd || fill(image, page)) {
		xo_image_free(image);
		return ERR_PTR(-ENOMEM);
	}
	return image;
}

void xo_image_free(struct xo_image *image)
{
	xo_pages_free(&image->pages);
	kvfree(image->leaf);
	kvfree(image->rights);
	kfree(image);
}

void xo_image_set(struct xo_image *image, u32 i, u64 pfn)
{
	WRITE_ONCE(*image->leaf[i], xo_ept_leaf(pfn << PAGE_SHIFT, image->rights[i]));
}

void xo_image_clear(struct xo_image *image)
{
	u32 i;

	for (i = 0; i < image->count; i++)
		WRITE_ONCE(*image->leaf[i], 0);
}
