// SPDX-License-Identifier: GPL-2.0
/* Connections to the agent in a VM. */
#include "vm.h"
#include "vm_frames.h"
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

int64_t vm_now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* The agent serves reserved ports only: they prove that an administrator of the host calls. */
static int bind_reserved(int fd, struct vm_err *err)
{
	struct sockaddr_vm addr = { .svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_ANY };
	unsigned int first = getpid() % (VMEXEC_RESERVED - 1);

	for (unsigned int i = 0; i < VMEXEC_RESERVED - 1; i++) {
		addr.svm_port = 1 + (first + i) % (VMEXEC_RESERVED - 1);
		if (addr.svm_port == VMEXEC_PORT)
			continue;
		if (!bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
			return 0;
		if (errno == EACCES || errno == EPERM)
			return vm_fail(err, "Only the host's administrator may run commands in "
					    "VMs. Run this as root.");
		if (errno != EADDRINUSE)
			break;
	}
	return vm_fail(err, "No vsock port is left for another command: %s.", strerror(errno));
}

/* A non-blocking socket whose connection is under way, or made. */
static int open_vsock(const struct vm *vm, int ms, struct vm_err *err)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_cid = vm->cid,
		.svm_port = VMEXEC_PORT,
	};
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return vm_fail(err,
			       "The host has no vsock: %s; load the kernel module vhost_vsock.",
			       strerror(errno));
	if (bind_reserved(fd, err)) {
		close(fd);
		return -1;
	}
	setsockopt(fd, AF_VSOCK, SO_VM_SOCKETS_CONNECT_TIMEOUT, &tv, sizeof(tv));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != EINPROGRESS) {
		vm_fail(err, "VM '%s' cannot be reached by vsock: %s.", vm->name, strerror(errno));
		close(fd);
		return -2;
	}
	return fd;
}

/* Where there is no vsock, an agent started by hand on a local socket plays the VM's. */
static int open_local(const struct vm_conf *conf, const struct vm *vm, struct vm_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.107s", conf->agent_socket);
	if (fd >= 0 && !connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fd;
	vm_fail(err, "The agent of VM '%s' cannot be reached at %s: %s.", vm->name, addr.sun_path,
		strerror(errno));
	if (fd >= 0)
		close(fd);
	return -2;
}

static int wait_ready(int fd, short events, int64_t end)
{
	struct pollfd p = { .fd = fd, .events = events };
	int64_t left = end - vm_now_ms();

	return poll(&p, 1, left > 0 ? left : 0);
}

static int fail_version(const struct vm *vm, struct vm_err *err)
{
	return vm_fail(err,
		       "VM '%s' answers with an agent of another version than this xo; start it "
		       "again with the system image that belongs to this xo.",
		       vm->name);
}

/* Sends our HELLO and takes the agent's. 0, 1 if it did not come, -1 if it is a wrong one. */
static int greet(const struct vm *vm, struct vm_conn *conn, int64_t end, struct vm_err *err)
{
	struct vmexec_hello hello = { .magic = VMEXEC_MAGIC, .version = VMEXEC_VERSION };
	struct vm_frame f;
	int got;

	vm_conn_put(conn, VMEXEC_HELLO, 0, &hello, sizeof(hello));
	if (vm_conn_flush(conn))
		goto gone;
	while (!(got = vm_conn_next(conn, &f))) {
		if (wait_ready(conn->fd, POLLIN, end) <= 0) {
			vm_fail(err, "The agent of VM '%s' does not answer.", vm->name);
			return 1;
		}
		if (vm_conn_fill(conn) < 0)
			goto gone;
	}
	if (got > 0 && f.head.type == VMEXEC_ERROR)
		return vm_fail(err, "VM '%s': %.*s.", vm->name, (int)f.head.length, f.payload);
	if (got < 0 || f.head.type != VMEXEC_HELLO || f.head.length < sizeof(hello))
		return fail_version(vm, err);
	memcpy(&hello, f.payload, sizeof(hello));
	if (hello.magic != VMEXEC_MAGIC || hello.version != VMEXEC_VERSION)
		return fail_version(vm, err);
	return 0;
gone:
	vm_fail(err, "The agent of VM '%s' closed the connection.", vm->name);
	return 1;
}

int vm_connect(const struct vm_conf *conf, const struct vm *vm, int ms, struct vm_conn *conn,
	       struct vm_err *err)
{
	int64_t end = vm_now_ms() + ms;
	socklen_t len = sizeof(int);
	int fd, error = ETIMEDOUT, ret;

	fd = *conf->agent_socket ? open_local(conf, vm, err) : open_vsock(vm, ms, err);
	if (fd < 0)
		return fd == -2 ? 1 : -1;
	if (wait_ready(fd, POLLOUT, end) > 0)
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len);
	if (error) {
		vm_fail(err, "The agent of VM '%s' is not up: %s; `xo vm wait %s` waits for it.",
			vm->name, strerror(error), vm->name);
		close(fd);
		return 1;
	}
	vm_conn_init(conn, fd);
	ret = greet(vm, conn, end, err);
	if (ret)
		close(fd);
	return ret;
}
