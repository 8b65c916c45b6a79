// SPDX-License-Identifier: GPL-2.0
/* A VM's directory: claim, look, lock, remove (its files are listed in vm.h). */
#include "vm.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/vhost.h>
#include <linux/vm_sockets.h>

#define FIRST_CID   3u /* 0 to 2 mean hypervisor, loopback and host */
#define LAST_CID    65535u
#define CONSOLE_MAX (1 << 20) /* bytes kept of the consoles of one name's ended VMs */

int vm_dir_path(const struct vm *vm, const char *file, char *path, struct vm_err *err)
{
	if (snprintf(path, PATH_MAX, "%s/%s", vm->dir, file) >= PATH_MAX)
		return vm_fail(err, "The path %s/%s is too long.", vm->dir, file);
	return 0;
}

static void set_dir(const struct vm_conf *conf, const char *name, struct vm *vm)
{
	memset(vm, 0, sizeof(*vm));
	snprintf(vm->name, sizeof(vm->name), "%s", name);
	snprintf(vm->dir, sizeof(vm->dir), "%s/%s", conf->run_dir, name);
}

/* The number in a file of the directory, 0 if there is none. */
static unsigned int read_number(int dir, const char *file)
{
	char text[16] = "";
	int fd = openat(dir, file, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = '\0';
	close(fd);
	return strtoul(text, NULL, 10);
}

static int write_number(int dir, const char *file, unsigned int value, struct vm_err *err)
{
	int fd = openat(dir, file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	if (fd < 0 || dprintf(fd, "%u\n", value) < 0) {
		vm_fail(err, "Cannot write the VM's file %s: %s.", file, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* QEMU holds a lock on its pid file as long as it lives; a pid alone could be someone else's. */
static pid_t live_pid(int dir)
{
	struct flock ofd = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct flock posix = ofd;
	int fd = openat(dir, "pid", O_RDWR | O_CLOEXEC);
	bool locked;

	if (fd < 0)
		return 0;
	locked = (!fcntl(fd, F_OFD_GETLK, &ofd) && ofd.l_type != F_UNLCK) ||
		 (!fcntl(fd, F_GETLK, &posix) && posix.l_type != F_UNLCK);
	close(fd);
	return locked ? (pid_t)read_number(dir, "pid") : 0;
}

void vm_look(const struct vm_conf *conf, const char *name, struct vm *vm)
{
	int dir;

	set_dir(conf, name, vm);
	dir = open(vm->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		vm->life = errno == EACCES ? VM_HIDDEN : VM_ABSENT;
		return;
	}
	vm->cid = read_number(dir, "cid");
	vm->mem = read_number(dir, "memory");
	vm->cpus = read_number(dir, "cpus");
	vm->pid = live_pid(dir);
	if (vm->pid)
		vm->life = VM_ALIVE;
	else
		vm->life = flock(dir, LOCK_SH | LOCK_NB) ? VM_STARTING : VM_ENDED;
	close(dir);
}

int vm_look_present(const struct vm_conf *conf, const char *name, struct vm *vm, struct vm_err *err)
{
	memset(vm, 0, sizeof(*vm));
	if (vm_parse_name(name, err))
		return -1;
	vm_look(conf, name, vm);
	if (vm->life == VM_HIDDEN)
		return vm_fail(err, "VM '%s' is the administrator's. Run this as root.", name);
	if (vm->life == VM_ABSENT)
		return vm_fail(err, "There is no VM '%s'; `xo vm ls` lists them.", name);
	return 0;
}

int vm_look_alive(const struct vm_conf *conf, const char *name, struct vm *vm, struct vm_err *err)
{
	if (vm_look_present(conf, name, vm, err))
		return -1;
	switch (vm->life) {
	case VM_STARTING:
		return vm_fail(err, "VM '%s' is just being started or taken down; try again.",
			       name);
	case VM_ENDED:
		return vm_fail(err, "VM '%s' has ended; start it again with `xo vm start %s`.",
			       name, name);
	default:
		return 0;
	}
}

static const char *root_hint(void)
{
	return errno == EACCES ? " Run this as root." : "";
}

/* mkdir -p, for RUN_DIR. */
static int make_dirs(const char *path, struct vm_err *err)
{
	char part[VM_VALUE_MAX + 1];

	snprintf(part, sizeof(part), "%s", path);
	for (char *p = part + 1;; p++) {
		char c = *p;

		if (c && c != '/')
			continue;
		*p = '\0';
		if (mkdir(part, 0755) && errno != EEXIST)
			return vm_fail(err, "Cannot create %s: %s.%s", part, strerror(errno),
				       root_hint());
		*p = c;
		if (!c)
			return 0;
	}
}

static bool cid_is_ours(const struct vm_conf *conf, char **names, unsigned int cid)
{
	struct vm vm;

	for (char **n = names; *n; n++) {
		vm_look(conf, *n, &vm);
		if (vm.cid == cid && vm.life != VM_ENDED)
			return true;
	}
	return false;
}

static void free_names(char **names)
{
	for (char **n = names; n && *n; n++)
		free(*n);
	free(names);
}

/*
 * Takes the lowest CID that no VM of ours has and that the kernel grants: others on this host may
 * use vsock too. The granted fd goes to QEMU, so nobody can take the CID in between.
 */
static int claim_cid(const struct vm_conf *conf, unsigned int *cid, int *vhost, struct vm_err *err)
{
	char **names = NULL;
	int ret = -1;

	*vhost = -1;
	if (vm_dir_names(conf, &names, err))
		return -1;
	if (!*conf->agent_socket)
		*vhost = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
	if (*vhost < 0 && !*conf->agent_socket) {
		vm_fail(err,
			"Cannot open /dev/vhost-vsock: %s; load the kernel module vhost_vsock.",
			strerror(errno));
		goto out;
	}
	for (uint64_t try = FIRST_CID; try <= LAST_CID; try++) {
		if (cid_is_ours(conf, names, try))
			continue;
		*cid = try;
		if (*vhost < 0 || !ioctl(*vhost, VHOST_VSOCK_SET_GUEST_CID, &try)) {
			ret = 0;
			goto out;
		}
		if (errno != EADDRINUSE) {
			vm_fail(err, "The kernel refuses the vsock address %u: %s.", *cid,
				strerror(errno));
			goto out;
		}
	}
	vm_fail(err, "No vsock address is free for another VM.");
out:
	if (ret && *vhost >= 0)
		close(*vhost);
	free_names(names);
	return ret;
}

/* An ended VM makes room for a new one of its name. */
static int make_room(const struct vm_conf *conf, const char *name, struct vm_err *err)
{
	struct vm old;

	vm_look(conf, name, &old);
	if (old.life == VM_ALIVE)
		return vm_fail(err,
			       "The name '%s' is in use by a running VM (pid %d); "
			       "`xo vm stop %s` ends it.",
			       name, old.pid, name);
	if (old.life == VM_STARTING)
		return vm_fail(err,
			       "The name '%s' is in use by a VM that is just being started or "
			       "taken down.",
			       name);
	if (old.life == VM_ENDED)
		vm_dir_remove(conf, &old, true);
	return 0;
}

static int fill_dir(const struct vm_conf *conf, const struct vm_spec *spec, struct vm *vm,
		    int *vhost, struct vm_err *err)
{
	int dir;

	if (claim_cid(conf, &vm->cid, vhost, err))
		return -1;
	if (mkdir(vm->dir, 0700)) {
		vm_fail(err, "Cannot create %s: %s.%s", vm->dir, strerror(errno), root_hint());
		goto fail;
	}
	dir = open(vm->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0 || flock(dir, LOCK_EX)) {
		vm_fail(err, "Cannot lock %s: %s.", vm->dir, strerror(errno));
		goto fail_dir;
	}
	if (write_number(dir, "cid", vm->cid, err) || write_number(dir, "memory", spec->mem, err) ||
	    write_number(dir, "cpus", spec->cpus, err))
		goto fail_dir;
	return dir;
fail_dir:
	vm_dir_remove(conf, vm, false);
	if (dir >= 0)
		close(dir);
fail:
	if (*vhost >= 0)
		close(*vhost);
	return -1;
}

int vm_dir_create(const struct vm_conf *conf, const struct vm_spec *spec, struct vm *vm, int *vhost,
		  struct vm_err *err)
{
	int all, dir = -1;

	set_dir(conf, spec->name, vm);
	vm->mem = spec->mem;
	vm->cpus = spec->cpus;
	if (make_dirs(conf->run_dir, err))
		return -1;
	/* Names and CIDs are handed out by one process at a time. */
	all = open(conf->run_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (all < 0 || flock(all, LOCK_EX)) {
		vm_fail(err, "Cannot lock %s: %s.", conf->run_dir, strerror(errno));
		if (all >= 0)
			close(all);
		return -1;
	}
	if (!make_room(conf, spec->name, err))
		dir = fill_dir(conf, spec, vm, vhost, err);
	close(all);
	return dir;
}

int vm_dir_lock(const struct vm *vm, int ms, struct vm_err *err)
{
	int64_t end = vm_now_ms() + ms;
	int fd = open(vm->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return vm_fail(err, "VM '%s' was removed meanwhile.", vm->name);
	while (flock(fd, LOCK_EX | LOCK_NB)) {
		if (vm_now_ms() >= end) {
			close(fd);
			return vm_fail(err, "VM '%s' is being started or taken down by another xo.",
				       vm->name);
		}
		usleep(20000);
	}
	return fd;
}

/* Appends the console to RUN_DIR/../console/NAME.log, which begins anew when it grew large. */
static void keep_console(const struct vm_conf *conf, const struct vm *vm, int dir)
{
	char path[VM_VALUE_MAX + 64], buf[4096];
	struct stat st;
	ssize_t n;
	int in, out;

	in = openat(dir, "console.log", O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return;
	snprintf(path, sizeof(path), "%s/../console", conf->run_dir);
	if (mkdir(path, 0700) && errno != EEXIST)
		fprintf(stderr, "xo vm: Cannot create %s: %s.\n", path, strerror(errno));
	snprintf(path, sizeof(path), "%s/../console/%s.log", conf->run_dir, vm->name);
	out = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (out < 0 || fstat(out, &st) || (st.st_size > CONSOLE_MAX && ftruncate(out, 0)))
		fprintf(stderr, "xo vm: Cannot keep the console in %s: %s.\n", path,
			strerror(errno));
	while (out >= 0 && (n = read(in, buf, sizeof(buf))) > 0)
		if (write(out, buf, n) != n)
			break;
	close(in);
	if (out >= 0)
		close(out);
}

void vm_dir_remove(const struct vm_conf *conf, const struct vm *vm, bool console)
{
	static const char *const files[] = { "cid", "memory",	   "cpus",  "pid",
					     "qmp", "console.log", "resets" };
	int dir = open(vm->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return;
	if (console)
		keep_console(conf, vm, dir);
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		unlinkat(dir, files[i], 0);
	close(dir);
	if (rmdir(vm->dir))
		fprintf(stderr, "xo vm: Cannot remove %s: %s.\n", vm->dir, strerror(errno));
}

static int is_name(const struct dirent *d)
{
	struct vm_err err;

	return !vm_parse_name(d->d_name, &err);
}

int vm_dir_names(const struct vm_conf *conf, char ***names, struct vm_err *err)
{
	struct dirent **list = NULL;
	int n = scandir(conf->run_dir, &list, is_name, alphasort);

	if (n < 0 && errno == ENOENT)
		n = 0;
	if (n < 0)
		return vm_fail(err, "Cannot read %s: %s.", conf->run_dir, strerror(errno));
	*names = calloc(n + 1, sizeof(**names));
	for (int i = 0; i < n; i++) {
		if (*names)
			(*names)[i] = strdup(list[i]->d_name);
		free(list[i]);
	}
	free(list);
	return *names ? 0 : vm_fail(err, "No memory for the list of VMs.");
}

void vm_console_tail(const struct vm *vm, char *buf, size_t size)
{
	struct vm_err err;
	char path[PATH_MAX];
	ssize_t n = 0;
	int fd = -1;

	if (!vm_dir_path(vm, "console.log", path, &err))
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		off_t end = lseek(fd, 0, SEEK_END);

		n = pread(fd, buf, size - 1, end > (off_t)size - 1 ? end - (off_t)size + 1 : 0);
		close(fd);
	}
	buf[n > 0 ? n : 0] = '\0';
}
