// SPDX-License-Identifier: GPL-2.0
/* /dev/crossover of the host: root's alone, and the module stays while it is open. */
#include "host.h"
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>

/* The mode of the node could be changed, and containers make nodes of their own. */
static int open(struct inode *inode, struct file *file)
{
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return nonseekable_open(inode, file);
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = open,
	.unlocked_ioctl = xo_ioctl,
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
