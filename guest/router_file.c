// SPDX-License-Identifier: GPL-2.0
/*
 * Placeholders: a routed program's descriptor of a file that the callee has open. A placeholder is
 * a file of this kernel that can do nothing itself, since the router makes the program's calls
 * remotely; but dup(), close-on-exec, sharing among threads and passing on come from this kernel
 * for nothing, and its last close() is the callee's close(), made before that call returns.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/stat.h>
#include <asm/unistd.h>
#include "router.h"

/* A program that waits for a callee's descriptor asks again after that long. */
#define POLL_AGAIN_MS 20

struct remote {
	struct file *session; /* reference: the session lives as long as its placeholders */
	u32 fd;		      /* the callee's */
	umode_t type;
	bool open;	      /* fd is to be closed */
	struct xo_copy *copy; /* being mapped */
	wait_queue_head_t wait;
	struct delayed_work again;
};

static const struct file_operations plain_fops, waiting_fops;

bool xo_is_remote(const struct file *file, const struct file *session)
{
	if (file->f_op != &plain_fops && file->f_op != &waiting_fops)
		return false;
	return ((struct remote *)file->private_data)->session == session;
}

u32 xo_remote_fd(const struct file *file)
{
	return ((struct remote *)file->private_data)->fd;
}

umode_t xo_remote_type(const struct file *file)
{
	return ((struct remote *)file->private_data)->type;
}

struct xo_session *xo_remote_session(const struct file *file)
{
	return xo_session_of_file(((struct remote *)file->private_data)->session);
}

struct xo_copy **xo_remote_copy(const struct file *file)
{
	return &((struct remote *)file->private_data)->copy;
}

/* When a process ends its session is closed right after its placeholders, and all that the callee
 * has open for it with it. */
static int release(struct inode *inode, struct file *file)
{
	struct remote *r = file->private_data;
	struct xo_call c = { .args = { r->fd } };

	cancel_delayed_work_sync(&r->again);
	if (r->open && !(current->flags & PF_EXITING))
		xo_remote_call(xo_session_of_file(r->session), __NR_close, &c);
	fput(r->session);
	kfree(r);
	return 0;
}

static void poll_again(struct work_struct *work)
{
	struct remote *r = container_of(work, struct remote, again.work);

	wake_up_interruptible(&r->wait);
}

static int poll_fill(struct xo_call *c, void *data)
{
	struct pollfd *p = data;
	struct pollfd *ask = c->ctx;

	*p = *ask;
	return sizeof(*p);
}

static int poll_drain(struct xo_call *c, const void *data)
{
	struct pollfd *ask = c->ctx;

	ask->revents = c->out_len >= sizeof(*ask)
			       ? READ_ONCE(((const struct pollfd *)data)->revents)
			       : POLLERR;
	return 0;
}

/*
 * What the callee says now. Nobody there tells when that changes, so while somebody waits here the
 * question is asked again, every POLL_AGAIN_MS.
 */
static __poll_t poll(struct file *file, struct poll_table_struct *pt)
{
	struct remote *r = file->private_data;
	struct pollfd ask = { .fd = r->fd, .events = (s16)mangle_poll(poll_requested_events(pt)) };
	struct xo_call c = {
		.args = { 0, 1, 0 }, .fill = poll_fill, .drain = poll_drain, .ctx = &ask
	};
	s64 ret;

	poll_wait(file, &r->wait, pt);
	ret = xo_remote_call(xo_session_of_file(r->session), __NR_poll, &c);
	if (ret < 0 && ret != -EINTR)
		return EPOLLERR;
	if (ret > 0 && ask.revents)
		return demangle_poll((u16)ask.revents);
	if (waitqueue_active(&r->wait))
		mod_delayed_work(system_wq, &r->again, msecs_to_jiffies(POLL_AGAIN_MS));
	return 0;
}

static void show_fdinfo(struct seq_file *m, struct file *file)
{
	struct remote *r = file->private_data;

	seq_printf(m, "crossover-vm:\t%s\ncrossover-fd:\t%u\n",
		   xo_session_info(xo_session_of_file(r->session))->callee, r->fd);
}

/* As with local files: regular files and directories are always ready, and epoll refuses them. */
static const struct file_operations plain_fops = {
	.owner = THIS_MODULE,
	.release = release,
	.mmap = xo_remote_mmap,
	.show_fdinfo = show_fdinfo,
	.llseek = noop_llseek,
};

static const struct file_operations waiting_fops = {
	.owner = THIS_MODULE,
	.release = release,
	.poll = poll,
	.show_fdinfo = show_fdinfo,
	.llseek = noop_llseek,
};

int xo_new_fd_get(struct xo_new_fd *n, struct file *session, unsigned int flags)
{
	struct remote *r;

	n->fd = get_unused_fd_flags(flags & O_CLOEXEC);
	if (n->fd < 0)
		return n->fd;
	r = kzalloc(sizeof(*r), GFP_KERNEL);
	if (!r)
		goto no_memory;
	r->session = session;
	init_waitqueue_head(&r->wait);
	INIT_DELAYED_WORK(&r->again, poll_again);
	n->file = anon_inode_getfile("[crossover]", &plain_fops, r,
				     flags & (O_ACCMODE | O_NONBLOCK | O_APPEND));
	if (IS_ERR(n->file)) {
		kfree(r);
		goto no_memory;
	}
	get_file(session);
	return 0;
no_memory:
	put_unused_fd(n->fd);
	return -ENOMEM;
}

int xo_new_fd_install(struct xo_new_fd *n, u32 remote, umode_t mode)
{
	struct remote *r = n->file->private_data;

	r->fd = remote;
	r->type = mode & S_IFMT;
	r->open = true;
	if (!S_ISREG(mode) && !S_ISDIR(mode))
		n->file->f_op = &waiting_fops; /* nobody else sees the file yet */
	fd_install(n->fd, n->file);
	return n->fd;
}

void xo_new_fd_put(struct xo_new_fd *n)
{
	put_unused_fd(n->fd);
	fput(n->file);
}
