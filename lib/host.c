// SPDX-License-Identifier: MIT OR GPL-2.0
/* The host's side: enrolment, links, lists. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "internal.h"

int xo_host_refused(struct xo *x, int err, unsigned int reason, const char *what,
		    const char *object)
{
	char text[sizeof(x->error)];

	if (!xo_reason_by_code(reason))
		return xo_err_set(x, err, "cannot %s %s: %s", what, object, strerror(-err));
	if (reason == XO_REASON_VERSION)
		object = "crossover.ko"; /* it is about the module, whatever was asked */
	xo_err_set(x, 0, "%s", xo_reason_text(reason, object, text, sizeof(text)));
	x->reason = reason;
	return err;
}

/* One ioctl whose structure begins with revision and reason. */
static int host_call(struct xo *x, unsigned long request, void *arg)
{
	uint32_t *head = arg;

	head[0] = XO_ABI_REVISION;
	head[1] = 0;
	return ioctl(x->fd, request, arg) < 0 ? -errno : 0;
}

int xo_host_version(struct xo *x, struct xo_h_version *out)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	memset(out, 0, sizeof(*out));
	err = host_call(x, XO_H_VERSION, out);
	out->build[sizeof(out->build) - 1] = '\0';
	return err ? xo_host_refused(x, err, out->reason, "ask", "crossover.ko") : 0;
}

int xo_enrol_fd(struct xo *x, const char *name, int vm_fd, pid_t pid, uint64_t *wid)
{
	struct xo_h_enrol e = { .vm_fd = vm_fd, .pid = pid };
	int err = xo_need(x, XO_SIDE_HOST);

	if (!err)
		err = xo_put_name(x, e.name, name);
	if (err)
		return err;
	err = host_call(x, XO_H_ENROL, &e);
	if (err)
		return xo_host_refused(x, err, e.reason, "enrol VM", name);
	if (wid)
		*wid = e.wid;
	return 0;
}

/*
 * The number of the one KVM VM descriptor among /proc/PID/fd. A VM has a vCPU descriptor per CPU
 * too, named "anon_inode:kvm-vcpu:N"; those do not count.
 */
static int find_vm_fd(struct xo *x, pid_t pid)
{
	char path[64], link[64];
	struct dirent *d;
	int found = -EBADF;
	ssize_t n;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return xo_err_set(x, -errno, "cannot look into process %d: %s", (int)pid,
				  strerror(errno));
	while ((d = readdir(dir)) && found != -ENOTUNIQ) {
		n = readlinkat(dirfd(dir), d->d_name, link, sizeof(link) - 1);
		if (n < 0)
			continue;
		link[n] = '\0';
		if (!strcmp(link, "anon_inode:kvm-vm"))
			found = found < 0 ? atoi(d->d_name) : -ENOTUNIQ;
	}
	closedir(dir);
	if (found == -EBADF)
		return xo_err_set(x, found,
				  "process %d runs no KVM virtual machine: name a QEMU process "
				  "that runs with -enable-kvm",
				  (int)pid);
	if (found == -ENOTUNIQ)
		return xo_err_set(x, found,
				  "process %d runs several virtual machines: it cannot be told "
				  "which one is meant",
				  (int)pid);
	return found;
}

int xo_enrol_pid(struct xo *x, const char *name, pid_t pid, uint64_t *wid)
{
	int err = xo_need(x, XO_SIDE_HOST), pidfd, theirs, fd;

	if (err)
		return err;
	/* Held before /proc is read: the number cannot come to mean another process meanwhile. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return xo_err_set(x, -errno, "there is no process %d to enrol as '%s': %s",
				  (int)pid, name, strerror(errno));
	theirs = find_vm_fd(x, pid);
	if (theirs < 0) {
		close(pidfd);
		return theirs;
	}
	fd = (int)syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	err = -errno;
	close(pidfd);
	if (fd < 0)
		return xo_err_set(x, err, "cannot fetch the VM of process %d: %s", (int)pid,
				  strerror(-err));
	err = xo_enrol_fd(x, name, fd, pid, wid);
	close(fd);
	return err;
}

int xo_unenrol(struct xo *x, const char *name)
{
	struct xo_h_enrol e = { .vm_fd = -1 };
	int err = xo_need(x, XO_SIDE_HOST);

	if (!err)
		err = xo_put_name(x, e.name, name);
	if (err)
		return err;
	err = host_call(x, XO_H_UNENROL, &e);
	return err ? xo_host_refused(x, err, e.reason, "unenrol VM", name) : 0;
}

/* LINK or UNLINK, which take the same structure. */
static int link_call(struct xo *x, unsigned long request, const char *what, const char *caller,
		     const char *callee, struct xo_h_link *l)
{
	char object[2 * XO_NAME_MAX + 8];
	int err = xo_need(x, XO_SIDE_HOST);

	if (!err)
		err = xo_put_name(x, l->caller, caller);
	if (!err)
		err = xo_put_name(x, l->callee, callee);
	if (err)
		return err;
	snprintf(object, sizeof(object), "%s -> %s", caller, callee);
	err = host_call(x, request, l);
	if (!err)
		return 0;
	/* NOT_ENROLLED is about one of the two; the module does not say which, the list does. */
	if (l->reason == XO_REASON_NOT_ENROLLED) {
		struct xo_h_vm_info vm = { 0 };
		int seen = 0;

		while (!seen && xo_next_vm(x, &vm) > 0)
			seen = !strcmp(vm.name, caller);
		return xo_host_refused(x, err, l->reason, what, seen ? callee : caller);
	}
	return xo_host_refused(x, err, l->reason, what, object);
}

int xo_link(struct xo *x, const char *caller, const char *callee, unsigned int engine,
	    unsigned int slots, uint64_t *id)
{
	struct xo_h_link l = { .engine = engine & ~(XO_ENGINE_KERNEL | XO_ENGINE_IBPB),
			       .slots = slots };
	int err;

	if (engine & XO_ENGINE_KERNEL)
		l.flags |= XO_LINK_KERNEL;
	if (engine & XO_ENGINE_IBPB)
		l.flags |= XO_LINK_IBPB;
	err = link_call(x, XO_H_LINK, "make link", caller, callee, &l);
	if (err)
		return err;
	if (id)
		*id = l.id;
	return l.switched;
}

int xo_unlink(struct xo *x, const char *caller, const char *callee)
{
	struct xo_h_link l = { 0 };

	return link_call(x, XO_H_UNLINK, "remove link", caller, callee, &l);
}

/* One step of a list; the reason stands second in each of the structures. */
static int next(struct xo *x, unsigned long request, void *arg, const char *what)
{
	int err = host_call(x, request, arg);

	if (err == -ENOENT)
		return 0;
	if (err)
		return xo_host_refused(x, err, ((uint32_t *)arg)[1], "list", what);
	return 1;
}

int xo_next_vm(struct xo *x, struct xo_h_vm_info *vm)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	vm->after = vm->wid;
	err = next(x, XO_H_VM_INFO, vm, "VMs");
	vm->name[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_link(struct xo *x, struct xo_h_link_info *link)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	link->after = link->id;
	err = next(x, XO_H_LINK_INFO, link, "links");
	link->caller[XO_NAME_MAX - 1] = '\0';
	link->callee[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_world(struct xo *x, struct xo_h_world_info *world)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	world->after = world->wid;
	err = next(x, XO_H_WORLD_INFO, world, "worlds");
	world->vm[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_service(struct xo *x, struct xo_h_service_info *service)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	service->after = service->id;
	err = next(x, XO_H_SERVICE_INFO, service, "services");
	service->vm[XO_NAME_MAX - 1] = '\0';
	service->name[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_conn(struct xo *x, struct xo_h_conn_info *conn)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	conn->after = conn->id;
	err = next(x, XO_H_CONN_INFO, conn, "connections");
	conn->caller[XO_NAME_MAX - 1] = '\0';
	conn->callee[XO_NAME_MAX - 1] = '\0';
	conn->name[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_next_record(struct xo *x, struct xo_h_record_info *record)
{
	int err = xo_need(x, XO_SIDE_HOST);

	if (err)
		return err;
	record->after = record->id;
	err = next(x, XO_H_RECORD_INFO, record, "records");
	record->caller[XO_NAME_MAX - 1] = '\0';
	record->callee[XO_NAME_MAX - 1] = '\0';
	return err;
}

int xo_qualify(struct xo *x, const char *name)
{
	struct xo_h_qualify q = { 0 };
	int err = xo_need(x, XO_SIDE_HOST);

	if (!err)
		err = xo_put_name(x, q.name, name);
	if (err)
		return err;
	err = host_call(x, XO_H_QUALIFY, &q);
	return err ? xo_host_refused(x, err, q.reason, "judge VM", name) : 0;
}
