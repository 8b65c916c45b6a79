// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: what a process sees of its connection with a service. Pages are put in at the first
 * touch, and zapped when the session is dead: before its slots carry another session's data.
 * Every session has page offsets of its own in /dev/crossover to be found by, as stubs do.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include "guest.h"

#define MAP_PAGES     (XO_SLOTS_PER_LINK * XO_SLOT_SIZE / PAGE_SIZE)
#define BUFFER_PAGES  (XO_SLOT_DATA / PAGE_SIZE)
#define BUFFER_OFFSET 0 /* page of a session's range; more than one kind of page is in there */

struct xo_conn *xo_conn_make(struct file *file)
{
	struct xo_conn *conn = kzalloc(sizeof(*conn), GFP_KERNEL);

	if (!conn)
		return NULL;
	conn->mm = current->mm;
	mmgrab(conn->mm);
	conn->inode = file_inode(file);
	ihold(conn->inode);
	conn->map_id = xo_map_id();
	return conn;
}

/* The file is gone, and the mappings that held it. */
void xo_conn_free(struct xo_conn *conn)
{
	mmdrop(conn->mm);
	iput(conn->inode);
	kfree(conn);
}

static vm_fault_t buffer_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct xo_session *s = vma->vm_private_data;
	unsigned long page = (vmf->address - vma->vm_start) >> PAGE_SHIFT;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	unsigned long pfn;
	bool alive;

	if (page >= BUFFER_PAGES)
		return ret;
	pfn = PHYS_PFN(s->link->window_gpa + (u64)s->buffer * XO_SLOT_SIZE + XO_SLOT_HEADER);
	down_read(&xo.map_lock);
	spin_lock_irq(&xo.lock);
	alive = !s->dead && s->link->up;
	if (alive)
		s->conn->mapped = true;
	spin_unlock_irq(&xo.lock);
	if (alive)
		ret = vmf_insert_pfn(vma, vmf->address, pfn + page);
	up_read(&xo.map_lock);
	return ret;
}

static int no_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static int no_move(struct vm_area_struct *vma)
{
	return -EINVAL;
}

static const struct vm_operations_struct buffer_ops = {
	.fault = buffer_fault,
	.may_split = no_split,
	.mremap = no_move,
};

static int map_buffer(struct xo_session *s, struct vm_area_struct *vma)
{
	if (vma->vm_end - vma->vm_start != XO_SLOT_DATA || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	vma->vm_flags &= ~VM_MAYEXEC;
	vma->vm_pgoff = s->conn->map_id * MAP_PAGES + BUFFER_OFFSET;
	vma->vm_ops = &buffer_ops;
	return 0;
}

int xo_conn_mmap(struct xo_session *s, struct vm_area_struct *vma)
{
	int ret = -EINVAL;

	if (!s->conn)
		return -EACCES;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	if (!(vma->vm_flags & VM_SHARED))
		return -EINVAL;
	if (vma->vm_pgoff == XO_MMAP_BUFFER >> PAGE_SHIFT)
		ret = map_buffer(s, vma);
	if (ret)
		return ret;
	vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY;
	vma->vm_private_data = s;
	return 0;
}

/* A dead session of the link that may be mapped, now no longer said to be; its inode is held. */
static struct inode *next_dead(struct xo_link *l, u64 *map_id)
{
	struct inode *inode = NULL;
	struct xo_session *s;

	spin_lock_irq(&xo.lock);
	list_for_each_entry(s, &l->members, member) {
		if (!s->dead || s->closing || !s->conn || !s->conn->mapped)
			continue;
		s->conn->mapped = false;
		*map_id = s->conn->map_id;
		inode = s->conn->inode;
		ihold(inode);
		break;
	}
	spin_unlock_irq(&xo.lock);
	return inode;
}

void xo_conn_zap_dead(struct xo_link *l)
{
	struct inode *inode;
	u64 id;

	/* A fault that saw a session alive is through when the lock was held here once. */
	down_write(&xo.map_lock);
	up_write(&xo.map_lock);
	while ((inode = next_dead(l, &id))) {
		unmap_mapping_range(inode->i_mapping, (loff_t)id * MAP_PAGES << PAGE_SHIFT,
				    (loff_t)MAP_PAGES << PAGE_SHIFT, 1);
		iput(inode);
	}
}
