// SPDX-License-Identifier: GPL-2.0
/* The VMs of the shape, by way of `xo vm` (here a static program of the system image). */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"

#define LOG_SECONDS 10 /* a VM that answers takes less than one */

/* What a VM does before its job; $1 is the time, $2 the VM's name. */
static const char prepare[] = "date -s \"@$1\" > /dev/null && "
			      "{ ! mountpoint -q " PAYLOAD " || umount " PAYLOAD
			      "; } && blockdev --flushbufs /dev/vdb && "
			      "mount -t erofs -o ro /dev/vdb " PAYLOAD " && "
			      "if [ -e " JOB "/vm-$2 ]; then sh " JOB "/vm-$2; fi";

/* The same programs with nothing to do; no step of this may fail. */
static const char warm[] =
	"date > /dev/null; blockdev --version > /dev/null; mount --version > /dev/null; "
	"mountpoint -q " PAYLOAD " && umount " PAYLOAD
	"; cp --version > /dev/null; chmod --version > /dev/null; "
	"sync; [ -b /dev/vdb ] || echo 'there is no /dev/vdb' >&2; [ -b /dev/vdb ]";

static struct vm vms[MAX_VMS];
static int vm_count;

static void output_of(char *path, const char *name)
{
	snprintf(path, PATH_MAX, WORK "/%s.out", name);
}

static void fail_of_vm(const char *name, const char *what, int status)
{
	char path[PATH_MAX], text[2048];
	size_t n;

	output_of(path, name);
	n = read_file(path, text, sizeof(text));
	while (n && text[n - 1] == '\n')
		text[--n] = 0;
	vms_send_logs();
	fail("VM %s: %s failed with status %d: %s", name, what, status, n ? text : "(no output)");
}

static void read_shape(void)
{
	const struct lab_page *page = channel_call(LAB_SHAPE, 0, NULL, 0);
	char text[LAB_PAGE_DATA + 1];
	char *save = NULL;

	memcpy(text, page->data, page->len);
	text[page->len] = 0;
	for (char *l = strtok_r(text, "\n", &save); l; l = strtok_r(NULL, "\n", &save)) {
		struct vm *vm = &vms[vm_count++];
		unsigned int memory, cpus;
		char name[NAME_BYTES];
		int end = 0;

		if (vm_count > MAX_VMS ||
		    sscanf(l, "%63s %u %u%n", name, &memory, &cpus, &end) != 3)
			fail("the list of VMs has a line the agent does not understand: %s", l);
		memcpy(vm->name, name, sizeof(name));
		if (l[end])
			snprintf(vm->spec, sizeof(vm->spec), "%s:%u:%u:%s", name, memory, cpus,
				 l + end + 1);
		else
			snprintf(vm->spec, sizeof(vm->spec), "%s:%u:%u", name, memory, cpus);
	}
}

/* All VMs boot at once: `start` returns when QEMU runs, `wait` when the VM answers. */
static void each_vm(const char *what, char *const *(*command)(struct vm *))
{
	pid_t pids[MAX_VMS];
	char path[PATH_MAX];

	for (int i = 0; i < vm_count; i++) {
		output_of(path, vms[i].name);
		pids[i] = spawn(path, command(&vms[i]));
	}
	for (int i = 0; i < vm_count; i++) {
		int status = finish(pids[i]);

		if (status)
			fail_of_vm(vms[i].name, what, status);
	}
}

static char *const *start_command(struct vm *vm)
{
	static char *argv[4];

	argv[0] = XO_VM;
	argv[1] = "start";
	argv[2] = vm->spec;
	return argv;
}

/* Emulated seconds: who hangs there idles them away soon, and a kernel that looks for errors takes
 * its time (lab/debug-kernel.sh). */
static char *const *wait_command(struct vm *vm)
{
	static char *argv[6];

	argv[0] = XO_VM;
	argv[1] = "wait";
	argv[2] = "--timeout";
	argv[3] = "3000";
	argv[4] = vm->name;
	return argv;
}

static char *const *shell_command(struct vm *vm, const char *script)
{
	static char *argv[12], now[32];
	struct timespec time;

	clock_gettime(CLOCK_REALTIME, &time);
	snprintf(now, sizeof(now), "%lld.%03ld", (long long)time.tv_sec, time.tv_nsec / 1000000);
	argv[0] = XO_VM;
	argv[1] = "exec";
	argv[2] = vm->name;
	argv[3] = "--";
	argv[4] = "sh";
	argv[5] = "-c";
	argv[6] = (char *)script;
	argv[7] = "sh";
	argv[8] = now;
	argv[9] = vm->name;
	return argv;
}

static char *const *prepare_command(struct vm *vm)
{
	return shell_command(vm, prepare);
}

static char *const *warm_command(struct vm *vm)
{
	return shell_command(vm, warm);
}

void vms_start(void)
{
	read_shape();
	if (!vm_count)
		return;
	each_vm("starting", start_command);
	channel_progress("%d VMs started", vm_count);
	each_vm("booting", wait_command);
	channel_progress("all VMs answer");
}

void vms_warm(void)
{
	each_vm("preparing for the save", warm_command);
}

void vms_prepare(void)
{
	if (!vm_count)
		return;
	each_vm("mounting the payload and putting files", prepare_command);
	channel_progress("payload mounted in %d VMs", vm_count);
}

static void send_log(const char *name, const char *path)
{
	char text[LAB_PAGE_DATA];
	int head = snprintf(text, sizeof(text), "%s\n", name);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	while (fd >= 0 && (n = read(fd, text + head, sizeof(text) - (size_t)head)) > 0)
		channel_write(LAB_VMLOG, text, (size_t)(head + n));
	if (fd >= 0)
		close(fd);
}

/* The console shows why a VM died, and misses what is below its log level; dmesg shows the rest. */
static void send_logs_of(const char *name)
{
	char path[PATH_MAX];
	char *argv[] = { XO_VM, "exec", (char *)name, "--", "dmesg", NULL };

	snprintf(path, sizeof(path), VM_FOLDER "/%s/console.log", name);
	send_log(name, path);
	output_of(path, name);
	if (finish_within(spawn(path, argv), LOG_SECONDS) == 0)
		send_log(name, path);
}

/* Calls `visit` with every name in a folder. */
static void each_entry(const char *path, void (*visit)(const char *name))
{
	DIR *folder = opendir(path);
	struct dirent *entry;

	while (folder && (entry = readdir(folder))) {
		if (entry->d_name[0] != '.' && strlen(entry->d_name) < NAME_BYTES)
			visit(entry->d_name);
	}
	if (folder)
		closedir(folder);
}

/* NAME.log: consoles of the VMs of that name that were stopped or killed. */
static void send_ended(const char *file)
{
	char path[PATH_MAX], name[NAME_BYTES];

	snprintf(name, sizeof(name), "%.*s", (int)strcspn(file, "."), file);
	snprintf(path, sizeof(path), ENDED_FOLDER "/%s", file);
	send_log(name, path);
}

void vms_send_logs(void)
{
	each_entry(ENDED_FOLDER, send_ended);
	each_entry(VM_FOLDER, send_logs_of);
}
