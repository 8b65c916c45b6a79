// SPDX-License-Identifier: GPL-2.0
/*
 * A descriptor of the host's /dev/crossover, and the part that it plays: none (the administrator's
 * ioctls), a service's master, or a session of it; chosen by its first ioctl, for its life.
 */
#include "self.h"
#include <linux/fs.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

enum part { NONE, MASTER, SESSION };

struct xo_part {
	struct mutex lock;  /* for becoming something */
	struct pid *opener; /* thread group */
	enum part part;	    /* published last, by smp_store_release() */
	union {
		struct xo_master *master;
		struct xo_session *session;
	};
};

static enum part part_of(struct xo_part *p)
{
	return smp_load_acquire(&p->part);
}

int xo_part_open(struct file *file)
{
	struct xo_part *p = kzalloc(sizeof(*p), GFP_KERNEL_ACCOUNT);

	if (!p)
		return -ENOMEM;
	mutex_init(&p->lock);
	p->opener = get_pid(task_tgid(current));
	file->private_data = p;
	return 0;
}

void xo_part_release(struct file *file)
{
	struct xo_part *p = file->private_data;

	if (p->part == MASTER)
		xo_master_release(p->master);
	else if (p->part == SESSION)
		xo_session_release(p->session);
	put_pid(p->opener);
	kfree(p);
}

static int service(struct file *file, struct xo_part *p, void *arg)
{
	int error = -EINVAL;

	mutex_lock(&p->lock);
	if (p->part == NONE) {
		p->master = xo_master_make(arg, &error);
		if (!error)
			smp_store_release(&p->part, MASTER);
	}
	mutex_unlock(&p->lock);
	return error;
}

static int adopt(struct file *file, struct xo_part *p, void *arg)
{
	int error = -EINVAL;

	mutex_lock(&p->lock);
	if (p->part == NONE) {
		p->session = xo_session_adopt(file, arg, &error);
		if (!error)
			smp_store_release(&p->part, SESSION);
	}
	mutex_unlock(&p->lock);
	return error;
}

static int serve(struct file *file, struct xo_part *p, void *arg)
{
	switch (part_of(p)) {
	case MASTER:
		return xo_self_serve_master(p->master, arg);
	case SESSION:
		return xo_self_serve_session(p->session, arg);
	default:
		return -EINVAL; /* the host serves no system calls */
	}
}

static int is_cancelled(struct file *file, struct xo_part *p, void *arg)
{
	return xo_self_is_cancelled(arg);
}

static int service_info(struct file *file, struct xo_part *p, void *arg)
{
	struct xo_service *s;

	if (part_of(p) != MASTER)
		return -EINVAL;
	mutex_lock(&xo_mutex);
	s = xo_service_by_id(xo_self.vm, p->master->service);
	if (s)
		xo_service_describe(s, arg);
	mutex_unlock(&xo_mutex);
	return s ? 0 : -ENOENT;
}

static const struct {
	unsigned int cmd;
	int (*run)(struct file *file, struct xo_part *p, void *arg);
} table[] = {
	{ XO_G_SERVICE, service },
	{ XO_G_ADOPT, adopt },
	{ XO_G_SERVE, serve },
	{ XO_G_CANCELLED, is_cancelled },
	{ XO_G_SERVICE_INFO, service_info },
};

union argument {
	struct xo_g_service service;
	struct xo_g_adopt adopt;
	struct xo_g_serve serve;
	struct xo_service_info info;
};

long xo_part_ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	struct xo_part *p = file->private_data;
	union argument arg = {};
	long result;
	u32 i;

	for (i = 0; i < ARRAY_SIZE(table) && table[i].cmd != cmd; i++)
		;
	if (i == ARRAY_SIZE(table))
		return -ENOTTY;
	/* A child has the descriptor, too, but not the pages that are offered. */
	if (task_tgid(current) != p->opener)
		return -EPERM;
	if ((_IOC_DIR(cmd) & _IOC_WRITE) &&
	    copy_from_user(&arg, (void __user *)user, _IOC_SIZE(cmd)))
		return -EFAULT;
	result = table[i].run(file, p, &arg);
	if (result >= 0 && (_IOC_DIR(cmd) & _IOC_READ) &&
	    copy_to_user((void __user *)user, &arg, _IOC_SIZE(cmd)))
		return -EFAULT;
	return result;
}

int xo_part_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct xo_part *p = file->private_data;

	return part_of(p) == SESSION ? xo_session_mmap(p->session, vma) : -EINVAL;
}
