// SPDX-License-Identifier: GPL-2.0
/* /dev/crossover: every ioctl of abi.h, part 5, to the part that its descriptor plays. */
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include "guest.h"
#include "visit.h"

enum part { IDLE, SESSION, MASTER, STUB };

struct xo_file {
	struct mutex lock;  /* for becoming something */
	struct pid *opener; /* thread group */
	enum part part;	    /* published by smp_store_release(), last */
	union {
		struct xo_session *session;
		struct xo_master *master;
		struct xo_stub *stub;
	};
};

static enum part part_of(struct xo_file *f)
{
	return smp_load_acquire(&f->part);
}

static bool is_opener(const struct xo_file *f)
{
	return task_tgid(current) == f->opener;
}

static long do_version(struct xo_file *f, void __user *arg)
{
	struct xo_g_version v;
	bool same;

	if (copy_from_user(&v, arg, sizeof(v)))
		return -EFAULT;
	same = v.revision == XO_ABI_REVISION;
	memset(&v, 0, sizeof(v));
	v.revision = XO_ABI_REVISION;
	xo_hello();
	if (mutex_lock_killable(&xo.host))
		return -EINTR;
	v.host_revision = xo.host_revision;
	if (xo.board) {
		v.wid = xo.board->wid;
		strscpy(v.name, xo.board->name, sizeof(v.name));
	}
	mutex_unlock(&xo.host);
	if (copy_to_user(arg, &v, sizeof(v)))
		return -EFAULT;
	return same ? 0 : -EPROTO;
}

static long connect_session(struct file *file, struct xo_file *f, struct xo_g_connect *req)
{
	int ret;

	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	switch (f->part) {
	case IDLE:
		ret = xo_session_connect(file, req, &f->session);
		if (!ret)
			smp_store_release(&f->part, SESSION);
		break;
	case SESSION:
		ret = -EISCONN;
		break;
	default:
		ret = -EINVAL;
	}
	mutex_unlock(&f->lock);
	return ret;
}

static long do_connect(struct file *file, struct xo_file *f, void __user *arg)
{
	struct xo_g_connect *req = memdup_user(arg, sizeof(*req));
	long ret;

	if (IS_ERR(req))
		return PTR_ERR(req);
	ret = connect_session(file, f, req);
	if (!ret && copy_to_user(arg, req, sizeof(*req)))
		ret = -EFAULT;
	kfree(req);
	return ret;
}

static int fill_raw(struct xo_call *c, void *data)
{
	const struct xo_g_call *req = c->ctx;

	if (copy_from_user(data, u64_to_user_ptr(req->in), req->in_len))
		return -EFAULT;
	return req->in_len;
}

static int drain_raw(struct xo_call *c, const void *data)
{
	const struct xo_g_call *req = c->ctx;

	if (c->out_len > req->out_len)
		return -EMSGSIZE;
	return copy_to_user(u64_to_user_ptr(req->out), data, c->out_len) ? -EFAULT : 0;
}

static long do_call(struct xo_file *f, void __user *arg)
{
	struct xo_call c = { .fill = fill_raw, .drain = drain_raw };
	struct xo_g_call req;
	int ret;

	if (part_of(f) != SESSION)
		return -ENOTCONN;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	c.nowait = req.op & XO_CALL_NOWAIT;
	req.op &= ~XO_CALL_NOWAIT;
	if (req.op == XO_OP_OPEN || req.op == XO_OP_CLOSE || req.op == XO_OP_INVOKE)
		return -EINVAL;
	if (req.in_len > XO_SLOT_DATA || req.out_len > XO_SLOT_DATA)
		return -E2BIG;
	c.op = req.op;
	c.nr = req.nr;
	memcpy(c.args, req.args, sizeof(c.args));
	c.ctx = &req;
	ret = xo_session_call(f->session, &c);
	if (ret)
		return ret;
	req.result = c.result;
	req.out_len = c.out_len;
	return copy_to_user(arg, &req, sizeof(req)) ? -EFAULT : 0;
}

/* The first XO_G_SERVE on a descriptor that is nothing yet makes it a master. */
static int become_master(struct xo_file *f)
{
	int ret = 0;

	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	if (f->part == IDLE) {
		f->master = xo_master_make();
		if (f->master)
			smp_store_release(&f->part, MASTER);
		else
			ret = -ENOMEM;
	}
	mutex_unlock(&f->lock);
	return ret;
}

static long serve(struct xo_file *f, struct xo_g_serve *req)
{
	int ret;

	if (part_of(f) == IDLE) {
		if (req->revision != XO_ABI_REVISION)
			return -EPROTO;
		ret = become_master(f);
		if (ret)
			return ret;
	}
	switch (part_of(f)) {
	case MASTER:
		return xo_serve_master(f->master, req);
	case STUB:
		return xo_serve_stub(f->stub, req);
	default:
		return -EINVAL;
	}
}

static long do_serve(struct xo_file *f, void __user *arg)
{
	struct xo_g_serve req;
	long ret;

	if (!is_opener(f))
		return -EPERM;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = serve(f, &req);
	if (!ret && copy_to_user(arg, &req, sizeof(req)))
		ret = -EFAULT;
	return ret;
}

static int adopt(struct file *file, struct xo_file *f, struct xo_g_adopt *req)
{
	int ret;

	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	if (f->part == IDLE) {
		ret = xo_stub_adopt(file, req, &f->stub);
		if (!ret)
			smp_store_release(&f->part, STUB);
	} else {
		ret = -EINVAL;
	}
	mutex_unlock(&f->lock);
	return ret;
}

static long do_adopt(struct file *file, struct xo_file *f, void __user *arg)
{
	struct xo_g_adopt req;
	int ret;

	if (!is_opener(f))
		return -EPERM;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = adopt(file, f, &req);
	if (!ret && copy_to_user(arg, &req, sizeof(req)))
		ret = -EFAULT;
	return ret;
}

static long do_visits(struct xo_file *f, void __user *arg)
{
	struct xo_g_visits req;

	if (part_of(f) != STUB)
		return -EINVAL;
	if (!is_opener(f))
		return -EPERM;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (req.revision != XO_ABI_REVISION)
		return -EPROTO;
	return xo_visits_allow(f->stub, &req);
}

static long do_service(struct xo_file *f, void __user *arg)
{
	struct xo_g_service req;
	int ret = -EINVAL;

	if (!is_opener(f))
		return -EPERM;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	if (mutex_lock_killable(&f->lock))
		return -EINTR;
	if (f->part == IDLE) {
		ret = xo_master_make_service(&req, &f->master);
		if (!ret)
			smp_store_release(&f->part, MASTER);
	}
	mutex_unlock(&f->lock);
	if (!ret && copy_to_user(arg, &req, sizeof(req)))
		ret = -EFAULT;
	return ret;
}

static long do_attach(struct xo_file *f, void __user *arg)
{
	struct xo_g_attach req;
	long ret;

	if (part_of(f) != SESSION)
		return -ENOTCONN;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = xo_conn_attach(f->session, &req);
	if (!ret && copy_to_user(arg, &req, sizeof(req)))
		ret = -EFAULT;
	return ret;
}

static long do_slot_reset(struct xo_file *f, void __user *arg)
{
	u32 slot;

	if (part_of(f) != SESSION)
		return -ENOTCONN;
	if (copy_from_user(&slot, arg, sizeof(slot)))
		return -EFAULT;
	return xo_conn_reset(f->session, slot);
}

static long do_service_info(struct xo_file *f, void __user *arg)
{
	struct xo_service_info info;

	if (part_of(f) != MASTER || !f->master->service)
		return -EINVAL;
	if (!is_opener(f))
		return -EPERM;
	xo_service_info(f->master->service, &info);
	return copy_to_user(arg, &info, sizeof(info)) ? -EFAULT : 0;
}

static long do_invoke(struct xo_file *f, void __user *arg)
{
	struct xo_g_invoke req;
	long ret;

	if (part_of(f) != SESSION)
		return -ENOTCONN;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	ret = xo_conn_invoke(f->session, &req);
	if (!ret && copy_to_user(arg, &req, sizeof(req)))
		ret = -EFAULT;
	return ret;
}

static long do_cancelled(struct xo_file *f, void __user *arg)
{
	struct xo_g_adopt req;

	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	return xo_serve_is_cancelled(&req);
}

static long do_link_info(void __user *arg)
{
	struct xo_g_link_info info;
	int ret;

	if (copy_from_user(&info, arg, sizeof(info)))
		return -EFAULT;
	if (info.revision != XO_ABI_REVISION)
		return -EPROTO;
	info.reason = 0;
	xo_hello();
	ret = xo_link_info(&info);
	if (!ret && copy_to_user(arg, &info, sizeof(info)))
		ret = -EFAULT;
	return ret;
}

static long do_arm(struct file *file, struct xo_file *f, void __user *arg)
{
	struct xo_g_arm req;

	if (part_of(f) != SESSION)
		return -ENOTCONN;
	if (copy_from_user(&req, arg, sizeof(req)))
		return -EFAULT;
	/* A service makes no system calls for its callers. */
	return f->session->conn ? -EINVAL : xo_router_arm(file, f->session, &req);
}

static long do_route_stat(void __user *arg)
{
	struct xo_g_route_stat st;
	int ret;

	if (copy_from_user(&st, arg, sizeof(st)))
		return -EFAULT;
	ret = xo_router_stat(&st);
	if (!ret && copy_to_user(arg, &st, sizeof(st)))
		ret = -EFAULT;
	return ret;
}

static long xo_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct xo_file *f = file->private_data;
	void __user *user = (void __user *)arg;

	switch (cmd) {
	case XO_G_VERSION:
		return do_version(f, user);
	case XO_G_CONNECT:
		return do_connect(file, f, user);
	case XO_G_ARM:
		return do_arm(file, f, user);
	case XO_G_ROUTED:
		return part_of(f) == SESSION ? xo_router_routed(file, f->session, arg) : -EINVAL;
	case XO_G_CALL:
		return do_call(f, user);
	case XO_G_SERVE:
		return do_serve(f, user);
	case XO_G_ADOPT:
		return do_adopt(file, f, user);
	case XO_G_CANCELLED:
		return do_cancelled(f, user);
	case XO_G_VISITS:
		return do_visits(f, user);
	case XO_G_LINK_INFO:
		return do_link_info(user);
	case XO_G_SERVICE:
		return do_service(f, user);
	case XO_G_ATTACH:
		return do_attach(f, user);
	case XO_G_SERVICE_INFO:
		return do_service_info(f, user);
	case XO_G_SLOT_RESET:
		return do_slot_reset(f, user);
	case XO_G_INVOKE:
		return do_invoke(f, user);
	case XO_G_ROUTE_STAT:
		return do_route_stat(user);
	default:
		return -ENOTTY;
	}
}

static int xo_mmap(struct file *file, struct vm_area_struct *vma)
{
	struct xo_file *f = file->private_data;

	switch (part_of(f)) {
	case STUB:
		return is_opener(f) ? xo_stub_mmap(f->stub, vma) : -EPERM;
	case SESSION:
		return xo_conn_mmap(f->session, vma);
	default:
		return -EACCES;
	}
}

static int xo_open(struct inode *inode, struct file *file)
{
	struct xo_file *f = kzalloc(sizeof(*f), GFP_KERNEL);

	if (!f)
		return -ENOMEM;
	mutex_init(&f->lock);
	f->opener = get_pid(task_tgid(current));
	file->private_data = f;
	return nonseekable_open(inode, file);
}

static int xo_release(struct inode *inode, struct file *file)
{
	struct xo_file *f = file->private_data;

	switch (f->part) {
	case SESSION:
		xo_router_release(f->session);
		xo_session_release(f->session);
		break;
	case MASTER:
		xo_master_release(f->master);
		break;
	case STUB:
		xo_stub_release(f->stub);
		break;
	default:
		break;
	}
	put_pid(f->opener);
	kfree(f);
	return 0;
}

/* No compat_ioctl: 32-bit programs get ENOTTY. */
static const struct file_operations xo_fops = {
	.owner = THIS_MODULE,
	.open = xo_open,
	.release = xo_release,
	.unlocked_ioctl = xo_ioctl,
	.mmap = xo_mmap,
	.llseek = no_llseek,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "crossover",
	.fops = &xo_fops,
	.mode = 0600,
};

bool xo_is_device(const struct file *file)
{
	return file->f_op == &xo_fops;
}

struct xo_session *xo_session_of_file(struct file *file)
{
	struct xo_file *f = file->private_data;

	if (!xo_is_device(file) || part_of(f) != SESSION)
		return NULL;
	return f->session;
}

int xo_dev_init(void)
{
	return misc_register(&device);
}

void xo_dev_exit(void)
{
	misc_deregister(&device);
}
