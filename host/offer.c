// SPDX-License-Identifier: GPL-2.0
/*
 * What processes of the host offer: masters, each with a service, and the sessions that they
 * adopted. A session's process sees the slots that are bound to it, and no others; they are mapped
 * at the first touch and zapped when the session ends, before they can be another's.
 */
#include "self.h"
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "compat.h"

#define SLOT_PAGES   (XO_SLOT_SIZE >> PAGE_SHIFT)
#define WINDOW_PAGES (XO_SLOTS_PER_LINK * SLOT_PAGES)

/* ---- masters */

struct xo_master *xo_master_find(const char *name)
{
	struct xo_master *master;

	list_for_each_entry(master, &xo_self.masters, node)
		if (!strcmp(master->name, name))
			return master;
	return NULL;
}

static u32 count_pages(const struct xo_region *region, u32 n)
{
	u64 pages = 0;
	u32 i;

	for (i = 0; i < n; i++) {
		if (!PAGE_ALIGNED(region[i].start) || !PAGE_ALIGNED(region[i].length) ||
		    !region[i].length || region[i].length > TASK_SIZE_MAX ||
		    (region[i].prot & ~(XO_PAGE_WRITE | XO_PAGE_EXEC)))
			return 0;
		pages += region[i].length >> PAGE_SHIFT;
		if (pages > XO_SERVICE_PAGES)
			return XO_SERVICE_PAGES + 1;
	}
	return pages;
}

/* All others of what they can be wrong in is seen where the image is made. */
static void list_pages(const struct xo_region *region, u32 n, struct xo_request_page *page)
{
	u64 at;
	u32 i;

	for (i = 0; i < n; i++)
		for (at = 0; at < region[i].length; at += PAGE_SIZE, page++) {
			page->va = region[i].start + at;
			page->gpa = region[i].prot;
		}
}

static int add_service(const struct xo_g_service *request, const struct xo_region *region, u64 *id)
{
	struct xo_service_spec spec = {
		.owner = xo_self.vm,
		.incarnation = xo_self.vm->incarnation,
		.mm = current->mm,
		.name = request->name,
		.flags = request->flags,
		.pid = task_tgid_nr(current),
		.entry = request->entry,
		.count = count_pages(region, request->count),
	};
	struct xo_request_page *page;
	int result;

	if (!spec.count)
		return -EINVAL;
	if (spec.count > XO_SERVICE_PAGES)
		return -E2BIG;
	page = kvmalloc_array(spec.count, sizeof(*page), GFP_KERNEL_ACCOUNT);
	if (!page)
		return -ENOMEM;
	list_pages(region, request->count, page);
	spec.page = page;
	mutex_lock(&xo_mutex);
	result = xo_service_add(&spec, id);
	mutex_unlock(&xo_mutex);
	kvfree(page);
	return result > 0 ? xo_reason_errno(result) : result;
}

static int offer(const struct xo_g_service *request, u64 *id)
{
	struct xo_region *region;
	int error;

	if (request->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (!request->count || (request->flags & ~XO_SERVICE_GPR) || !xo_name_valid(request->name))
		return -EINVAL;
	if (request->count > XO_SERVICE_PAGES)
		return -E2BIG;
	region = vmemdup_user(u64_to_user_ptr(request->regions), request->count * sizeof(*region));
	if (IS_ERR(region))
		return PTR_ERR(region);
	error = add_service(request, region, id);
	kvfree(region);
	return error;
}

struct xo_master *xo_master_make(struct xo_g_service *request, int *error)
{
	struct xo_master *master = kzalloc(sizeof(*master), GFP_KERNEL_ACCOUNT);

	*error = master ? offer(request, &master->service) : -ENOMEM;
	if (*error) {
		kfree(master);
		return NULL;
	}
	init_waitqueue_head(&master->wait);
	master->owner = get_pid(task_tgid(current));
	memcpy(master->name, request->name, sizeof(master->name));
	request->id = master->service;
	request->reason = XO_REASON_NONE;
	spin_lock(&xo_self.lock);
	list_add_tail(&master->node, &xo_self.masters);
	spin_unlock(&xo_self.lock);
	return master;
}

/* OPEN calls that it has or that wait for it. self.lock is held. */
static void refuse_opens(u32 index, struct xo_master *master)
{
	u32 i;

	for (i = 0; xo_self.link[index] && i < xo_self.link[index]->slots; i++)
		if (xo_self.slot[index][i].wanted == master)
			xo_self_refuse(index, i, -ECONNREFUSED);
}

void xo_master_release(struct xo_master *master)
{
	u32 i;

	spin_lock(&xo_self.lock);
	list_del(&master->node);
	for (i = 0; i < XO_LINKS_PER_VM; i++)
		refuse_opens(i, master);
	spin_unlock(&xo_self.lock);
	mutex_lock(&xo_mutex);
	xo_service_del(xo_self.vm, master->service);
	mutex_unlock(&xo_mutex);
	put_pid(master->owner);
	kfree(master);
}

/* ---- sessions */

void xo_session_get(struct xo_session *session)
{
	kref_get(&session->ref);
}

static void free_session(struct kref *ref)
{
	struct xo_session *session = container_of(ref, struct xo_session, ref);

	if (session->world)
		xo_world_del(xo_self.vm, session->world);
	iput(session->inode);
	kfree(session);
}

void xo_session_put(struct xo_session *session)
{
	kref_put(&session->ref, free_session);
}

/* Also the place of its mappings in the device; anywhere first, so that an earlier life of this
 * module had others. */
static u64 new_id(void)
{
	static atomic64_t last;

	if (!atomic64_read(&last))
		atomic64_cmpxchg(&last, 0, 1 + get_random_u32());
	return atomic64_inc_return(&last);
}

static struct xo_session *new_session(struct file *file)
{
	struct xo_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);

	if (!session)
		return NULL;
	kref_init(&session->ref);
	INIT_LIST_HEAD(&session->node);
	init_waitqueue_head(&session->wait);
	init_rwsem(&session->map_lock);
	session->inode = file_inode(file);
	ihold(session->inode);
	session->id = new_id();
	return session;
}

/* self.lock is held. */
static int take_over(struct xo_session *session, const struct xo_g_adopt *request)
{
	int index = xo_self_index(request->link);
	struct xo_link *link = index < 0 ? NULL : xo_self.link[index];
	struct xo_self_slot *s;

	if (!link || request->slot >= link->slots)
		return -ESTALE;
	s = &xo_self.slot[index][request->slot];
	if (s->state != SELF_SERVED || s->seq != request->seq || !s->wanted || s->session)
		return -ESTALE;
	if (s->wanted->owner != task_tgid(current))
		return -EPERM;
	/* Whoever ends the caller's incarnation from here on finds the session. */
	if (!READ_ONCE(link->side_up[XO_CALLER]))
		return -ESTALE;
	session->link = link;
	session->index = index;
	session->link_id = link->id;
	session->incarnation = READ_ONCE(link->vm[XO_CALLER]->incarnation);
	session->service = s->wanted->service;
	session->buffer = request->slot;
	session->bound = BIT_ULL(request->slot);
	list_add_tail(&session->node, &xo_self.sessions);
	s->wanted = NULL;
	s->session = session;
	put_pid(s->thread);
	s->thread = get_pid(task_pid(current));
	return 0;
}

struct xo_session *xo_session_adopt(struct file *file, struct xo_g_adopt *request, int *error)
{
	struct xo_session *session;

	*error = request->revision == XO_ABI_REVISION ? -ENOMEM : -EPROTO;
	session = *error == -EPROTO ? NULL : new_session(file);
	if (!session)
		return NULL;
	*error = xo_world_add(xo_self.vm, XO_WORLD_STUB, task_tgid_nr(current), &session->world);
	if (!*error) {
		spin_lock(&xo_self.lock);
		*error = take_over(session, request);
		spin_unlock(&xo_self.lock);
	}
	if (*error) {
		xo_session_put(session);
		return NULL;
	}
	request->session = session->id;
	request->wid = session->world;
	return session;
}

void xo_session_unbind(struct xo_session *session, u32 keep)
{
	u32 i;

	for (i = 0; session->link && i < session->link->slots; i++) {
		struct xo_self_slot *s = &xo_self.slot[session->index][i];

		if (s->session != session)
			continue;
		if (i != keep && s->state != SELF_IDLE)
			xo_self_refuse(session->index, i, -EHOSTDOWN);
		xo_self_let_go(s);
		s->session = NULL;
	}
	session->bound = 0;
	session->pending = 0;
	list_del_init(&session->node);
}

void xo_session_zap(struct xo_session *session)
{
	/* A fault that saw the session alive is through when the lock was held here once. */
	down_write(&session->map_lock);
	up_write(&session->map_lock);
	unmap_mapping_range(session->inode->i_mapping,
			    (loff_t)session->id * WINDOW_PAGES << PAGE_SHIFT,
			    (loff_t)WINDOW_PAGES << PAGE_SHIFT, 1);
}

/* Whose end it is, decided once. */
static bool begin_end(struct xo_session *session)
{
	bool first;

	spin_lock(&xo_self.lock);
	first = !session->dead;
	WRITE_ONCE(session->dead, true);
	spin_unlock(&xo_self.lock);
	return first;
}

/* The session is dead: nobody grants it anything behind this. */
void xo_session_ungrant(struct xo_session *session)
{
	mutex_lock(&xo_mutex);
	xo_grant_del(xo_self.vm, session->link_id, session->id);
	mutex_unlock(&xo_mutex);
}

void xo_session_end(struct xo_session *session, u32 keep)
{
	if (!begin_end(session))
		return;
	xo_session_ungrant(session);
	xo_session_zap(session);
	spin_lock(&xo_self.lock);
	xo_session_unbind(session, keep);
	spin_unlock(&xo_self.lock);
	wake_up_all(&session->wait);
}

/* No mapping holds the file any more. */
void xo_session_release(struct xo_session *session)
{
	xo_session_end(session, XO_NO_SLOT);
	xo_session_put(session);
}

/* ---- mmap */

static vm_fault_t slot_fault(struct vm_fault *vmf)
{
	struct xo_session *session = vmf->vma->vm_private_data;
	unsigned long at = vmf->pgoff - session->id * WINDOW_PAGES;
	vm_fault_t result = VM_FAULT_SIGBUS;
	struct page *page = NULL;
	int error;

	if (at >= WINDOW_PAGES)
		return result;
	down_read(&session->map_lock);
	spin_lock(&xo_self.lock);
	if (!session->dead && (session->bound & BIT_ULL(at / SLOT_PAGES))) {
		page = session->link->window.pages[at];
		get_page(page);
	}
	spin_unlock(&xo_self.lock);
	if (page) {
		error = vm_insert_page(vmf->vma, vmf->address, page);
		result = !error || error == -EBUSY ? VM_FAULT_NOPAGE : vmf_error(error);
		put_page(page);
	}
	up_read(&session->map_lock);
	return result;
}

static const struct vm_operations_struct slot_ops = { .fault = slot_fault };

int xo_session_mmap(struct xo_session *session, struct vm_area_struct *vma)
{
	unsigned long at = vma->vm_pgoff, length = XO_SLOT_SIZE;
	bool bound;

	if (at == XO_MMAP_BUFFER >> PAGE_SHIFT) {
		at = session->buffer * SLOT_PAGES + (XO_SLOT_HEADER >> PAGE_SHIFT);
		length = XO_SLOT_DATA;
	} else if (at % SLOT_PAGES) {
		return -EINVAL;
	}
	if (vma->vm_end - vma->vm_start != length || at >= WINDOW_PAGES ||
	    !(vma->vm_flags & VM_SHARED) || (vma->vm_flags & VM_EXEC))
		return -EINVAL;
	spin_lock(&xo_self.lock);
	bound = !session->dead && (session->bound & BIT_ULL(at / SLOT_PAGES));
	spin_unlock(&xo_self.lock);
	if (!bound)
		return -EACCES;
	xo_vma_set(vma, VM_MIXEDMAP | VM_DONTEXPAND | VM_DONTDUMP | VM_DONTCOPY);
	xo_vma_clear(vma, VM_MAYEXEC);
	vma->vm_pgoff = session->id * WINDOW_PAGES + at;
	vma->vm_private_data = session;
	vma->vm_ops = &slot_ops;
	return 0;
}
