// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: stubs, each the callee's end of one session. A stub sees the slots that are bound to its
 * session, and no others, through mmap(); they are mapped at the first touch and zapped when the
 * session ends, before the caller can use them for another one.
 */
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "guest.h"
#include "hypercall.h"
#include "visit.h"

#define SLOT_PAGES   (XO_SLOT_SIZE / PAGE_SIZE)
#define WINDOW_PAGES (XO_SLOTS_PER_LINK * SLOT_PAGES)

/* ------------------------------------------------------------------ stubs */

static void stub_free(struct kref *ref)
{
	struct xo_stub *s = container_of(ref, struct xo_stub, ref);

	if (s->world)
		xo_hc_world_del(s->world);
	if (s->link)
		xo_link_put(s->link);
	iput(s->inode);
	kfree(s);
}

void xo_stub_put(struct xo_stub *s)
{
	kref_put(&s->ref, stub_free);
}

/*
 * Names a session for the other side and, here, the place of its mappings in /dev/crossover. It
 * begins anywhere, so that an earlier life of this module had others.
 */
u64 xo_map_id(void)
{
	static atomic64_t last;

	if (!atomic64_read(&last))
		atomic64_cmpxchg(&last, 0, 1 + get_random_u32());
	return atomic64_inc_return(&last);
}

static struct xo_stub *make(struct file *file)
{
	struct xo_stub *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return NULL;
	kref_init(&s->ref);
	init_waitqueue_head(&s->wait);
	init_rwsem(&s->map_lock);
	s->inode = file_inode(file);
	ihold(s->inode);
	s->id = xo_map_id();
	s->buffer = XO_NO_SLOT;
	INIT_LIST_HEAD(&s->parkings);
	return s;
}

/* xo.lock held. */
static int take_over(struct xo_stub *s, const struct xo_g_adopt *req)
{
	struct xo_link *l = xo_link_by_id(req->link, XO_ROLE_CALLEE);
	struct xo_slot *sl = l && req->slot < l->slots ? &l->slot[req->slot] : NULL;

	if (!sl || sl->state != XO_SLOT_SERVED || sl->seq != req->seq || !sl->master)
		return -ESTALE;
	if (sl->wanted && sl->wanted->owner != task_tgid(current))
		return -EPERM;
	if (l->sessions >= XO_SESSIONS_PER_LINK)
		return -EBUSY;
	kref_get(&l->ref);
	if (sl->wanted) {
		s->buffer = req->slot;
		s->service = xo_service_id(sl->wanted->service);
	}
	sl->wanted = NULL;
	s->link = l;
	s->bound = BIT_ULL(req->slot);
	l->sessions++;
	list_add_tail(&s->member, &l->members);
	sl->master = NULL;
	sl->stub = s;
	put_pid(sl->thread);
	sl->thread = get_pid(task_pid(current));
	return 0;
}

int xo_stub_adopt(struct file *file, struct xo_g_adopt *req, struct xo_stub **out)
{
	struct xo_stub *s;
	int ret;

	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	s = make(file);
	if (!s)
		return -ENOMEM;
	ret = xo_world_add(XO_WORLD_STUB, &s->world);
	if (!ret) {
		spin_lock_irq(&xo.lock);
		ret = take_over(s, req);
		spin_unlock_irq(&xo.lock);
	}
	if (ret) {
		xo_stub_put(s);
		return ret;
	}
	req->session = s->id;
	req->wid = s->world;
	*out = s;
	return 0;
}

/* xo.lock held. */
static void unbind(struct xo_stub *s, u32 keep)
{
	struct xo_link *l = s->link;
	struct xo_slot *sl;
	u32 i;

	for (i = 0; i < l->slots; i++) {
		sl = &l->slot[i];
		if (sl->stub != s)
			continue;
		if (i != keep && sl->state != XO_SLOT_IDLE)
			xo_slot_refuse(l, i, sl->seq, -EHOSTDOWN);
		xo_slot_reset(sl);
	}
	s->bound = 0;
	s->pending = 0;
	list_del(&s->member);
	l->sessions--;
}

/* Whose thread works on a call of it does so for nobody: a system call that blocks is to end. */
static void interrupt_threads(struct xo_stub *s)
{
	u32 i;

	for (i = 0; i < s->link->slots; i++)
		if (s->link->slot[i].stub == s && s->link->slot[i].state == XO_SLOT_SERVED)
			xo_serve_cancelled(s->link, i, s->link->slot[i].seq);
}

static void zap(struct xo_stub *s)
{
	/* A fault that saw the session alive is through when the lock was held here once. */
	down_write(&s->map_lock);
	up_write(&s->map_lock);
	unmap_mapping_range(s->inode->i_mapping, (loff_t)s->id * WINDOW_PAGES << PAGE_SHIFT,
			    (loff_t)WINDOW_PAGES << PAGE_SHIFT, 1);
}

void xo_stub_end(struct xo_stub *s, u32 keep)
{
	spin_lock_irq(&xo.lock);
	if (s->dead) {
		spin_unlock_irq(&xo.lock);
		return;
	}
	interrupt_threads(s);
	s->dead = true;
	xo_park_kick(s);
	spin_unlock_irq(&xo.lock);
	zap(s);
	xo_park_end(s);
	xo_service_ungrant(s);
	spin_lock_irq(&xo.lock);
	unbind(s, keep);
	spin_unlock_irq(&xo.lock);
	wake_up_all(&s->wait);
}

/* No mapping holds the file any more, so there is none. */
void xo_stub_release(struct xo_stub *s)
{
	bool first;

	spin_lock_irq(&xo.lock);
	first = !s->dead;
	s->dead = true;
	spin_unlock_irq(&xo.lock);
	xo_park_end(s);
	xo_park_release(s);
	if (first) {
		xo_service_ungrant(s);
		spin_lock_irq(&xo.lock);
		unbind(s, XO_NO_SLOT);
		spin_unlock_irq(&xo.lock);
	}
	xo_stub_put(s);
}

/* ------------------------------------------------------------------ mmap
 *
 * Every session's slots have page offsets of their own in /dev/crossover, so that the mappings of
 * one can be found and zapped: vm_pgoff = session id * WINDOW_PAGES + page in the window.
 */
static vm_fault_t slot_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct xo_stub *s = vma->vm_private_data;
	unsigned long page = vmf->pgoff - s->id * WINDOW_PAGES;
	vm_fault_t ret = VM_FAULT_SIGBUS;
	bool bound;

	if (page >= WINDOW_PAGES)
		return ret;
	down_read(&s->map_lock);
	spin_lock_irq(&xo.lock);
	bound = !s->dead && (s->bound & BIT_ULL(page / SLOT_PAGES));
	spin_unlock_irq(&xo.lock);
	if (bound)
		ret = vmf_insert_pfn(vma, vmf->address, PHYS_PFN(s->link->window_gpa) + page);
	up_read(&s->map_lock);
	return ret;
}

static const struct vm_operations_struct slot_ops = { .fault = slot_fault };

int xo_stub_mmap(struct xo_stub *s, struct vm_area_struct *vma)
{
	unsigned long page = vma->vm_pgoff, length = XO_SLOT_SIZE;
	bool bound;

	if (page == XO_MMAP_BUFFER >> PAGE_SHIFT && s->buffer != XO_NO_SLOT) {
		page = s->buffer * SLOT_PAGES + XO_SLOT_HEADER / PAGE_SIZE;
		length = XO_SLOT_DATA;
	} else if (page % SLOT_PAGES) {
		return -EINVAL;
	}
	if (vma->vm_end - vma->vm_start != length || page >= WINDOW_PAGES ||
	    !(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	spin_lock_irq(&xo.lock);
	bound = s->bound & BIT_ULL(page / SLOT_PAGES);
	spin_unlock_irq(&xo.lock);
	if (!bound)
		return -EACCES;
	vma->vm_flags |= VM_PFNMAP | VM_IO | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY;
	vma->vm_flags &= ~VM_MAYEXEC;
	vma->vm_pgoff = s->id * WINDOW_PAGES + page;
	vma->vm_private_data = s;
	vma->vm_ops = &slot_ops;
	return 0;
}
