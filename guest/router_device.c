// SPDX-License-Identifier: GPL-2.0
/*
 * Two files of two kernels may have the same device and inode number, and programs take that for
 * one file: cat(1) refuses to copy a remote file into a local one of the same numbers. So a routed
 * program sees the devices of local files under other numbers: those of the callee's are the
 * callee's own, unchanged, since it compares and shows them.
 *
 * Called in the sys_exit probe, preemption off: the result was written to the program's memory a
 * moment ago and is there, or it has been paged out, and stays as it is.
 */
#include <linux/stat.h>
#include <linux/uaccess.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include "router.h"

/* A bit of the major number that no real device has: majors have 12 bits in the kernel. The same
 * in both forms, as glibc's makedev() composes them. */
#define AWAY_MAJOR BIT(30)
#define AWAY_DEV   BIT_ULL(62)

static void mark_dev(u64 buffer)
{
	unsigned long __user *to = (unsigned long __user *)(buffer + offsetof(struct stat, st_dev));
	unsigned long dev;

	if (copy_from_user_nofault(&dev, to, sizeof(dev)))
		return;
	dev |= AWAY_DEV;
	if (copy_to_user_nofault(to, &dev, sizeof(dev)))
		return;
}

static void mark_major(u64 buffer)
{
	u32 __user *to = (u32 __user *)(buffer + offsetof(struct statx, stx_dev_major));
	u32 major;

	if (copy_from_user_nofault(&major, to, sizeof(major)))
		return;
	major |= AWAY_MAJOR;
	if (copy_to_user_nofault(to, &major, sizeof(major)))
		return;
}

/* A call of a routed program that ran locally has returned 0. */
void xo_mark_local_device(const struct pt_regs *regs, int nr)
{
	switch (nr) {
	case __NR_stat:
	case __NR_fstat:
	case __NR_lstat:
		mark_dev(regs->si);
		return;
	case __NR_newfstatat:
		mark_dev(regs->dx);
		return;
	case __NR_statx:
		mark_major(regs->r8);
		return;
	}
}
