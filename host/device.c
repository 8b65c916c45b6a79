// SPDX-License-Identifier: GPL-2.0
/* /dev/crossover of the host: root's alone, and the module stays while it is open. */
#include "self.h"
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

/* The mode of the node could be changed, and containers make nodes of their own. */
static int open(struct inode *inode, struct file *file)
{
	int error;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	error = xo_part_open(file);
	return error ?: nonseekable_open(inode, file);
}

static int release(struct inode *inode, struct file *file)
{
	xo_part_release(file);
	return 0;
}

/* The administrator's, or those of a process that offers a service. */
static long ioctl(struct file *file, unsigned int cmd, unsigned long user)
{
	long result = xo_ioctl(file, cmd, user);

	return result == -ENOTTY ? xo_part_ioctl(file, cmd, user) : result;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = open,
	.release = release,
	.unlocked_ioctl = ioctl,
	.mmap = xo_part_mmap,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "crossover",
	.mode = 0600,
	.fops = &fops,
};

int xo_device_init(void)
{
	int error = misc_register(&device);

	if (error)
		pr_err("/dev/crossover cannot be made (%d): is another crossover module loaded?\n",
		       error);
	return error;
}

void xo_device_exit(void)
{
	misc_deregister(&device);
}
