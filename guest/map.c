// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: what a process sees of its connection with a service: the shared buffer, gate text, save
 * pages. Pages are put in at the first touch, and zapped when they are to be others: the buffer's
 * when the session is dead, before its slots carry another session's data; the save pages' when the
 * host has no connection (any more). Every session has page offsets of its own in /dev/crossover to
 * be found by, as stubs have.
 */
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <crossover/gate.h>
#include "guest.h"
#include "gate_blob.h"

/* Pages of a session's range. */
#define MAP_PAGES    ((u64)XO_SLOTS_PER_LINK * XO_SLOT_SIZE / PAGE_SIZE)
#define BUFFER_PAGES (XO_SLOT_DATA / PAGE_SIZE)
#define AT_BUFFER    0
#define AT_TEXT	     BUFFER_PAGES
#define AT_SAVE	     (BUFFER_PAGES + 1)

static struct page *text;

struct xo_conn *xo_conn_make(struct file *file)
{
	struct xo_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	kref_init(&conn->ref);
	INIT_LIST_HEAD(&conn->attached);
	conn->mm = current->mm;
	mmgrab(conn->mm);
	conn->inode = file_inode(file);
	ihold(conn->inode);
	conn->map_id = xo_map_id();
	return conn;
}

static void conn_free(struct kref *ref)
{
	struct xo_conn *conn = container_of(ref, struct xo_conn, ref);
	u32 i;

	if (conn->save)
		memunmap(conn->save);
	for (i = 0; i < XO_GATE_SLOTS; i++)
		if (conn->spare[i])
			__free_page(conn->spare[i]);
	mmdrop(conn->mm);
	iput(conn->inode);
	kfree(conn);
}

void xo_conn_put(struct xo_conn *conn)
{
	kref_put(&conn->ref, conn_free);
}

/* ------------------------------------------------------------------ faults */

static struct xo_session *session_of(struct vm_fault *vmf)
{
	return vmf->vma->vm_private_data;
}

static vm_fault_t insert(struct vm_fault *vmf, unsigned long pfn)
{
	return vmf_insert_pfn(vmf->vma, vmf->address, pfn);
}

static vm_fault_t buffer_fault(struct vm_fault *vmf)
{
	struct xo_session *s = session_of(vmf);
	unsigned long page = (vmf->address - vmf->vma->vm_start) >> PAGE_SHIFT;
	u64 start = s->link->window_gpa + (u64)s->buffer * XO_SLOT_SIZE + XO_SLOT_HEADER;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	bool alive;

	if (page >= BUFFER_PAGES)
		return ret;
	down_read(&xo.map_lock);
	spin_lock_irq(&xo.lock);
	alive = !s->dead && s->link->up;
	if (alive)
		s->conn->mapped = true;
	spin_unlock_irq(&xo.lock);
	if (alive)
		ret = insert(vmf, PHYS_PFN(start) + page);
	up_read(&xo.map_lock);
	return ret;
}

static vm_fault_t text_fault(struct vm_fault *vmf)
{
	return insert(vmf, page_to_pfn(text));
}

static vm_fault_t save_fault(struct vm_fault *vmf)
{
	struct xo_conn *conn = session_of(vmf)->conn;
	u64 slot = vmf->pgoff - (conn->map_id * MAP_PAGES + AT_SAVE);
	vm_fault_t ret = VM_FAULT_SIGBUS;

	if (slot >= XO_GATE_SLOTS)
		return ret;
	down_read(&xo.map_lock);
	if (conn->save)
		ret = insert(vmf, conn->save_pfn + slot);
	else if (conn->spare[slot])
		ret = insert(vmf, page_to_pfn(conn->spare[slot]));
	up_read(&xo.map_lock);
	return ret;
}

/* ------------------------------------------------------------------ mmap */

static int no_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static int no_move(struct vm_area_struct *vma)
{
	return -EINVAL;
}

#define OPS(what)                                               \
	static const struct vm_operations_struct what##_ops = { \
		.fault = what##_fault,                          \
		.may_split = no_split,                          \
		.mremap = no_move,                              \
	}
OPS(buffer);
OPS(text);
OPS(save);

/* What is mapped, by its offset: pages, offset in the session's range, what it may never be. */
static int describe(struct xo_session *s, struct vm_area_struct *vma, unsigned long *pages, u64 *at)
{
	u64 offset = (u64)vma->vm_pgoff << PAGE_SHIFT, slot;

	*pages = 1;
	if (offset == XO_MMAP_BUFFER) {
		*pages = BUFFER_PAGES;
		*at = AT_BUFFER;
		vma->vm_ops = &buffer_ops;
	} else if (offset == XO_MMAP_TEXT) {
		*at = AT_TEXT;
		vma->vm_ops = &text_ops;
	} else if (offset >= XO_MMAP_SAVE && offset < XO_MMAP_SAVE + XO_GATE_SLOTS * PAGE_SIZE) {
		slot = (offset - XO_MMAP_SAVE) >> PAGE_SHIFT;
		*at = AT_SAVE + slot;
		vma->vm_ops = &save_ops;
		return s->conn->spare[slot] ? 0 : -EACCES;
	} else {
		return -EINVAL;
	}
	return 0;
}

int xo_conn_mmap(struct xo_session *s, struct vm_area_struct *vma)
{
	unsigned long pages, never;
	u64 at;
	int ret;

	if (!s->conn)
		return -EACCES;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	ret = describe(s, vma, &pages, &at);
	if (ret)
		return ret;
	never = vma->vm_ops == &text_ops ? VM_WRITE : VM_EXEC;
	if (vma_pages(vma) != pages || !(vma->vm_flags & VM_SHARED) || (vma->vm_flags & never))
		return -EINVAL;
	vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY;
	vma->vm_flags &= ~(never == VM_WRITE ? VM_MAYWRITE : VM_MAYEXEC);
	vma->vm_pgoff = s->conn->map_id * MAP_PAGES + at;
	vma->vm_private_data = s;
	return 0;
}

/* ------------------------------------------------------------------ changes */

static void zap(struct xo_conn *conn, u64 at, u64 pages)
{
	unmap_mapping_range(conn->inode->i_mapping, (conn->map_id * MAP_PAGES + at) << PAGE_SHIFT,
			    pages << PAGE_SHIFT, 1);
}

static void *seen_save(struct xo_conn *conn, u32 slot)
{
	return conn->save ? conn->save + slot * PAGE_SIZE : page_address(conn->spare[slot]);
}

static int make_spare(struct xo_conn *conn)
{
	u32 i;

	for (i = 0; i < conn->slots; i++) {
		if (!conn->spare[i])
			conn->spare[i] = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);
		if (!conn->spare[i])
			return -ENOMEM;
	}
	return 0;
}

/* map_lock held for writing: nobody sees a page while it is copied. */
static void change_save(struct xo_conn *conn, void *to, unsigned long pfn)
{
	void *old = conn->save;
	u32 i;

	zap(conn, AT_SAVE, XO_GATE_SLOTS);
	for (i = 0; i < conn->slots; i++)
		memcpy(to ? to + i * PAGE_SIZE : page_address(conn->spare[i]), seen_save(conn, i),
		       PAGE_SIZE);
	conn->save = to;
	conn->save_pfn = pfn;
	if (old)
		memunmap(old);
}

int xo_conn_set_save(struct xo_conn *conn, u64 gpa)
{
	void *to = NULL;
	int ret;

	if (!gpa && !conn->save)
		return 0;
	ret = make_spare(conn);
	if (ret)
		return ret;
	if (gpa) {
		to = memremap(gpa, conn->slots * PAGE_SIZE, MEMREMAP_WB);
		if (!to)
			return -ENOMEM;
	}
	down_write(&xo.map_lock);
	change_save(conn, to, PHYS_PFN(gpa));
	up_write(&xo.map_lock);
	return 0;
}

/* A dead session of the link that may be mapped, now no longer said to be. */
static struct xo_conn *next_dead(struct xo_link *l)
{
	struct xo_conn *conn = NULL;
	struct xo_session *s;

	spin_lock_irq(&xo.lock);
	list_for_each_entry(s, &l->members, member) {
		if (!s->dead || !s->conn || !s->conn->mapped)
			continue;
		conn = s->conn;
		conn->mapped = false;
		kref_get(&conn->ref);
		break;
	}
	spin_unlock_irq(&xo.lock);
	return conn;
}

void xo_conn_zap_dead(struct xo_link *l)
{
	struct xo_conn *conn;

	/* A fault that saw a session alive is through when the lock was held here once. */
	down_write(&xo.map_lock);
	up_write(&xo.map_lock);
	while ((conn = next_dead(l))) {
		zap(conn, AT_BUFFER, BUFFER_PAGES);
		xo_conn_put(conn);
	}
}

int xo_text_init(void)
{
	text = alloc_page(GFP_KERNEL);
	if (!text)
		return -ENOMEM;
	BUILD_BUG_ON(sizeof(xo_gate_text) != PAGE_SIZE);
	memcpy(page_address(text), xo_gate_text, PAGE_SIZE);
	return 0;
}

void xo_text_exit(void)
{
	__free_page(text);
}
