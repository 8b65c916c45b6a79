// SPDX-License-Identifier: GPL-2.0
/*
 * What the host does to the memory of a VM, at the very pages that a service in it stands on.
 *	xo_attack pages PID GPA pageout|collapse: of QEMU's process PID; some pages from GPA on are
 *	swapped out, or the 2 MiB around it become one page
 */
#include "attack.h"
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

#define HUGE 0x200000UL
#define SOME 0x10000UL /* less than a huge page, which is taken apart then */

/* The largest private mapping is the VM's memory, from guest-physical 0 on. */
static uint64_t memory_of(int pid, uint64_t *size)
{
	unsigned long start, end, at = 0;
	char path[64], line[512], perms[8];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	f = fopen(path, "re");
	*size = 0;
	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx %7s", &start, &end, perms) != 3 || strcmp(perms, "rw-p"))
			continue;
		if (end - start > *size) {
			at = start;
			*size = end - start;
		}
	}
	if (!f)
		die("%s: %s", path, strerror(errno));
	fclose(f);
	return at;
}

int attack_pages(int argc, char **argv)
{
	int pid = argc > 3 ? atoi(argv[1]) : 0, fd, advice;
	uint64_t gpa = argc > 3 ? strtoul(argv[2], NULL, 0) : 0, size, at;
	struct iovec where = { .iov_len = SOME };
	int tries = 0;
	ssize_t done;

	if (pid <= 0)
		die("usage: xo_attack pages PID GPA pageout|collapse");
	advice = strcmp(argv[3], "collapse") ? MADV_PAGEOUT : MADV_COLLAPSE;
	at = memory_of(pid, &size);
	if (gpa >= size)
		die("process %d has %#lx bytes of VM memory, and not %#lx", pid, size, gpa);
	if (advice == MADV_COLLAPSE)
		where.iov_len = HUGE;
	where.iov_base = (void *)((at + gpa) & ~(where.iov_len - 1));
	fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		die("pidfd_open %d: %s", pid, strerror(errno));
	/* EAGAIN: somebody has one of the pages just now. */
	do {
		done = syscall(SYS_process_madvise, fd, &where, 1UL, advice, 0U);
	} while (done < 0 && errno == EAGAIN && ++tries < 50 && !usleep(20000));
	if (done != (ssize_t)where.iov_len)
		die("process_madvise %s: %s", argv[3], done < 0 ? strerror(errno) : "in part");
	close(fd);
	return 0;
}
