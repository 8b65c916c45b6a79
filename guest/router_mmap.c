// SPDX-License-Identifier: GPL-2.0
/*
 * mmap() of a callee's regular file: a private copy, read when it is mapped. Reading page by page
 * when they are touched would have to fail with SIGBUS whenever a signal came, since a fault can be
 * neither interrupted nor restarted; mmap() can. All is read before mmap_lock is taken: under it a
 * call could wait for slots whose holders wait for the lock.
 */
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <asm/unistd.h>
#include "router.h"

#define COPY_MAX    (64UL << 20) /* bytes mapped at once; programs read longer files instead */
#define CHUNK_PAGES (XO_SLOT_DATA / PAGE_SIZE)

/* What is to be mapped, in the hands of the task that maps it. */
struct xo_copy {
	struct task_struct *task;
	unsigned long pages, room;
	struct page *page[];
};

/* Behind the end of the file, as it was. */
static vm_fault_t fault(struct vm_fault *vmf)
{
	return VM_FAULT_SIGBUS;
}

static const struct vm_operations_struct ops = { .fault = fault };

int xo_remote_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct xo_copy *k = READ_ONCE(*xo_remote_copy(file));
	unsigned long i;
	int err = 0;

	if (!k || k->task != current)
		return -ENODEV;
	if ((vma->vm_flags & (VM_SHARED | VM_MAYWRITE)) == (VM_SHARED | VM_MAYWRITE))
		return -ENODEV;
	vma->vm_flags |= VM_MIXEDMAP | VM_DONTEXPAND;
	vma->vm_ops = &ops;
	for (i = 0; i < k->pages && i < vma_pages(vma) && !err; i++)
		err = vm_insert_page(vma, vma->vm_start + i * PAGE_SIZE, k->page[i]);
	return err;
}

static void free_copy(struct xo_copy *k)
{
	while (k->pages)
		put_page(k->page[--k->pages]);
	kvfree(k);
}

static int take(struct xo_call *c, const void *data)
{
	struct xo_copy *k = c->ctx;
	s64 at;

	if (c->result < 0)
		return 0;
	if (c->result > c->args[2] || c->result > c->out_len)
		return -EIO;
	for (at = 0; at < c->result; at += PAGE_SIZE) {
		struct page *page = alloc_page(GFP_KERNEL_ACCOUNT | __GFP_ZERO);

		if (!page)
			return -ENOMEM;
		memcpy(page_address(page), data + at, min_t(s64, PAGE_SIZE, c->result - at));
		k->page[k->pages++] = page;
	}
	return 0;
}

/* The file from `from` on, as far as there is room or it goes. */
static int read_copy(struct file *file, struct xo_copy *k, u64 from)
{
	s64 got = PAGE_SIZE;

	while (k->pages < k->room && got && !(got % PAGE_SIZE)) {
		struct xo_call c = { .drain = take, .ctx = k };

		c.args[0] = xo_remote_fd(file);
		c.args[2] = min(k->room - k->pages, CHUNK_PAGES) * PAGE_SIZE;
		c.args[3] = from + k->pages * PAGE_SIZE;
		got = xo_remote_call(xo_remote_session(file), __NR_pread64, &c);
		if (got < 0)
			return got == -EINTR && signal_pending(current) ? -ERESTARTSYS : (int)got;
		cond_resched();
	}
	return 0;
}

long xo_route_mmap(struct file *file, const u64 *args)
{
	unsigned long room = PAGE_ALIGN(args[1]) >> PAGE_SHIFT;
	struct xo_copy *k;
	long ret;

	if (!S_ISREG(xo_remote_type(file)) || !room || args[1] > COPY_MAX)
		return -ENODEV;
	k = kvzalloc(struct_size(k, page, room), GFP_KERNEL_ACCOUNT);
	if (!k)
		return -ENOMEM;
	k->task = current;
	k->room = room;
	ret = read_copy(file, k, args[5]);
	if (!ret && cmpxchg(xo_remote_copy(file), NULL, k))
		ret = -EAGAIN; /* another thread maps the same descriptor */
	if (!ret) {
		ret = vm_mmap(file, args[0], args[1], args[2], args[3], args[5]);
		WRITE_ONCE(*xo_remote_copy(file), NULL);
	}
	free_copy(k);
	return ret;
}
