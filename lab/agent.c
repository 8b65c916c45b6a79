// SPDX-License-Identifier: GPL-2.0
/*
 * lab-agent, pid 1 of the emulated host. pid 1 itself only reaps; a child goes through the steps
 * below. Everything up to save() happens once per snapshot, everything after it in every run, so
 * nothing before it may depend on the run: the payload disk has not been looked at, no time is
 * kept.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define DISK	"/dev/sdb"
#define CONSOLE "/usr/lib/crossover/lab_console.ko"

static void run_here(const char *what, char *const argv[])
{
	char text[2048];
	int status = finish(spawn(WORK "/host.out", argv));
	size_t n;

	if (!status)
		return;
	n = read_file(WORK "/host.out", text, sizeof(text));
	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	fail("%s failed in the emulated host with status %d: %s", what, status, text);
}

static void set_clock(void)
{
	const struct lab_page *page = channel_call(LAB_TIME, 0, NULL, 0);
	struct timespec now;
	struct lab_time time;

	memcpy(&time, page->data, sizeof(time));
	now.tv_sec = time.seconds;
	now.tv_nsec = time.nanoseconds;
	if (clock_settime(CLOCK_REALTIME, &now))
		fail("the emulated host's clock cannot be set: %s", strerror(errno));
}

/* It first repeats what the kernel has said since it booted. */
static void load_console(void)
{
	int fd = open(CONSOLE, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) && errno != EEXIST))
		fail("the emulated host cannot load " CONSOLE ": %s", strerror(errno));
	close(fd);
}

static void prepare_kernel(void)
{
	/* The channel's page must stay where it is, and a panic must end the run at once. */
	set_kernel("/proc/sys/vm/compact_unevictable_allowed", "0");
	set_kernel("/proc/sys/kernel/panic", "-1");
	/* From here on the lab's console has every message; the serial port is not used again. */
	set_kernel("/proc/sys/kernel/printk", "8");
	load_console();
	set_kernel("/sys/class/tty/ttyS0/console", "N");
}

/* Programs needed after the save are read from disk before it. */
static void warm_host(void)
{
	char *argv[] = { "bash", "-c",
			 "{ cp --version; mkdir --version; chmod --version; mount --version; " XO_VM
			 " ls; cat /dev/null; env; ls -l /; } > /dev/null; sync",
			 NULL };

	run_here("preparing for the save", argv);
}

static void save(void)
{
	int32_t answer;

	sync();
	answer = channel_call(LAB_SAVE, 0, NULL, 0)->status;
	if (answer == LAB_RESUMED)
		channel_progress("machine resumed from the snapshot");
	else if (answer == LAB_OK)
		channel_progress("machine saved");
}

/* What any earlier run left of this disk in memory is of another image: drop it first. */
static void mount_payload(void)
{
	int fd = open(DISK, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, BLKFLSBUF, 0))
		fail("the emulated host cannot flush " DISK ": %s", strerror(errno));
	close(fd);
	mkdir(PAYLOAD, 0755);
	if (mount(DISK, PAYLOAD, "erofs", MS_RDONLY, NULL))
		fail("the emulated host cannot mount " DISK " (erofs) on " PAYLOAD ": %s",
		     strerror(errno));
	channel_progress("payload mounted in the host");
}

static void put_files(void)
{
	char *argv[] = { "sh", JOB "/host", NULL };

	if (!access(JOB "/host", F_OK))
		run_here("putting files", argv);
}

static void work(void)
{
	int status;

	mkdir("/run/crossover", 0755);
	if (mkdir(WORK, 0700) && errno != EEXIST)
		fail("the emulated host cannot make " WORK ": %s", strerror(errno));
	channel_progress("emulated host is up");
	prepare_kernel();
	set_clock();
	vms_start();
	vms_warm();
	warm_host();
	vms_send_logs();
	save();
	set_clock();
	mount_payload();
	vms_prepare();
	put_files();
	status = job_run();
	channel_progress("script ended with status %d", status);
	vms_send_logs();
	channel_call(LAB_END, (uint32_t)status, NULL, 0);
}

/* pid 1: every orphan of the host becomes its child and is waited for here. */
static void reap(pid_t worker)
{
	for (;;) {
		int status;
		pid_t pid = wait(&status);

		if (pid == worker)
			fail("the lab's agent died with wait status %#x", status);
		if (pid < 0 && errno != EINTR)
			fail("pid 1 of the emulated host has no child left: %s", strerror(errno));
	}
}

int main(void)
{
	pid_t pid;

	setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", 1);
	umask(022);
	channel_open();
	pid = fork();
	if (pid < 0)
		fail("the lab's agent cannot fork: %s", strerror(errno));
	if (pid)
		reap(pid);
	setsid();
	work();
	return 1;
}
