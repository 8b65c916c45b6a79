// SPDX-License-Identifier: GPL-2.0
/* `xo vm stop`, `kill`, `reset` and `wait`. */
#include "vm.h"
#include "vm_frames.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define QMP_MS	   10000
#define KILL_MS	   15000 /* the kernel frees a killed QEMU's memory meanwhile */
#define QUIT_MS	   10000
#define TRY_MS	   2000 /* one try to connect; then look whether QEMU still lives */
#define BETWEEN_US 100000
#define STOP_S	   30
#define WAIT_S	   300
#define AGENT_MS   5000

static const char stop_usage[] = "Usage: xo vm stop [--timeout S] NAME\n"
				 "Power the VM off: by its agent, and by ending QEMU if it still "
				 "runs S seconds later (30).\n";
static const char kill_usage[] =
	"Usage: xo vm kill NAME\n"
	"End the VM at once (SIGKILL to QEMU), as if its host's power failed.\n";
static const char reset_usage[] = "Usage: xo vm reset NAME\n"
				  "Press the VM's reset button; it boots again at once.\n";
static const char wait_usage[] =
	"Usage: xo vm wait [--timeout S] NAME\n"
	"Wait until the VM takes commands. Exit status 124 after S seconds (300).\n";

static int open_pidfd(const struct vm *vm)
{
	return syscall(SYS_pidfd_open, vm->pid, 0);
}

int vm_wait_gone(const struct vm *vm, int ms, struct vm_err *err)
{
	struct pollfd p = { .events = POLLIN };
	int n;

	p.fd = open_pidfd(vm);
	if (p.fd < 0)
		return errno == ESRCH ? 0
				      : vm_fail(err, "Cannot watch QEMU (pid %d): %s.", vm->pid,
						strerror(errno));
	do {
		n = poll(&p, 1, ms);
	} while (n < 0 && errno == EINTR);
	close(p.fd);
	return n > 0 ? 0
		     : vm_fail(err, "QEMU of VM '%s' (pid %d) does not end.", vm->name, vm->pid);
}

int vm_kill_process(const struct vm *vm, struct vm_err *err)
{
	int fd;

	if (vm->life != VM_ALIVE)
		return 0;
	fd = open_pidfd(vm);
	if (fd < 0 && errno == ESRCH)
		return 0;
	if (fd < 0 || syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0)) {
		vm_fail(err, "Cannot kill QEMU of VM '%s' (pid %d): %s.", vm->name, vm->pid,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return vm_wait_gone(vm, KILL_MS, err);
}

static int kill_vm(const struct vm_conf *conf, const char *name, struct vm_err *err)
{
	struct vm vm, again;
	int lock;

	/* Without the lock first: kill must help where a stop or start hangs. */
	if (vm_look_present(conf, name, &vm, err) || vm_kill_process(&vm, err))
		return -1;
	lock = vm_dir_lock(&vm, KILL_MS, err);
	vm_look(conf, name, &again);
	if (again.life == VM_ABSENT) {
		if (lock >= 0)
			close(lock);
		return 0;
	}
	if (lock < 0)
		return -1;
	/* It was just starting when it was looked at first. */
	if (vm_kill_process(&again, err)) {
		close(lock);
		return -1;
	}
	vm_dir_remove(conf, &again, true);
	close(lock);
	return 0;
}

/* Asks the agent to power off. False: it cannot be asked. */
static bool ask_poweroff(const struct vm_conf *conf, const struct vm *vm)
{
	static struct vm_conn conn;
	struct vm_frame f;
	struct vm_err err;
	bool sent;

	if (vm_connect(conf, vm, AGENT_MS, &conn, &err))
		return false;
	sent = !vm_conn_put(&conn, VMEXEC_POWEROFF, 0, NULL, 0) && !vm_conn_flush(&conn);
	/* The VM's end resets the connection; closing it first could overtake the request. */
	if (sent)
		poll(&(struct pollfd){ .fd = conn.fd, .events = POLLIN }, 1, AGENT_MS);
	/* The only answer is a refusal. */
	if (vm_conn_fill(&conn) > 0 && vm_conn_next(&conn, &f) > 0 && f.head.type == VMEXEC_ERROR) {
		fprintf(stderr, "xo vm stop: VM '%s': %.*s.\n", vm->name, (int)f.head.length,
			(const char *)f.payload);
		sent = false;
	}
	close(conn.fd);
	return sent;
}

static int end_vm(const struct vm_conf *conf, const struct vm *vm, unsigned int timeout,
		  struct vm_err *err)
{
	if (ask_poweroff(conf, vm) && !vm_wait_gone(vm, timeout * 1000, err))
		return 0;
	fprintf(stderr, "xo vm stop: VM '%s' does not power itself off; ending QEMU.\n", vm->name);
	if (!vm_qmp(vm, "quit", QMP_MS, NULL, 0, err) && !vm_wait_gone(vm, QUIT_MS, err))
		return 0;
	return vm_kill_process(vm, err);
}

static int stop_vm(const struct vm_conf *conf, const char *name, unsigned int timeout,
		   struct vm_err *err)
{
	struct vm vm;
	int lock, ret = 0;

	if (vm_look_present(conf, name, &vm, err))
		return -1;
	lock = vm_dir_lock(&vm, QMP_MS, err);
	if (lock < 0)
		return -1;
	vm_look(conf, name, &vm);
	if (vm.life == VM_ALIVE)
		ret = end_vm(conf, &vm, timeout, err);
	if (!ret)
		vm_dir_remove(conf, &vm, true);
	close(lock);
	return ret;
}

/* Those who run commands in the VM watch this file; see vm_exec.c. */
static int count_reset(const struct vm *vm, struct vm_err *err)
{
	char path[PATH_MAX];
	int fd;

	if (vm_dir_path(vm, "resets", path, err))
		return -1;
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, ".", 1) != 1) {
		vm_fail(err, "VM '%s' was reset, but %s cannot be written: %s.", vm->name, path,
			strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	close(fd);
	return 0;
}

/* vm_options(), and what is named is a name. */
static int name_options(int argc, char **argv, const char *usage, const char **name,
			unsigned int *timeout)
{
	int status = vm_options(argc, argv, usage, name, timeout);
	struct vm_err err;

	if (status < 0 && vm_parse_name(*name, &err))
		return vm_report(argv[0], &err, VM_EXIT_USAGE);
	return status;
}

int vm_cmd_stop(const struct vm_conf *conf, int argc, char **argv)
{
	unsigned int timeout = STOP_S;
	struct vm_err err;
	const char *name;
	int status = name_options(argc, argv, stop_usage, &name, &timeout);

	if (status >= 0)
		return status;
	return stop_vm(conf, name, timeout, &err) ? vm_report("stop", &err, 1) : 0;
}

int vm_cmd_kill(const struct vm_conf *conf, int argc, char **argv)
{
	struct vm_err err;
	const char *name;
	int status = name_options(argc, argv, kill_usage, &name, NULL);

	if (status >= 0)
		return status;
	return kill_vm(conf, name, &err) ? vm_report("kill", &err, 1) : 0;
}

int vm_cmd_reset(const struct vm_conf *conf, int argc, char **argv)
{
	struct vm_err err;
	const char *name;
	struct vm vm;
	int status = name_options(argc, argv, reset_usage, &name, NULL);

	if (status >= 0)
		return status;
	if (vm_look_alive(conf, name, &vm, &err) ||
	    vm_qmp(&vm, "system_reset", QMP_MS, NULL, 0, &err) || count_reset(&vm, &err))
		return vm_report("reset", &err, 1);
	return 0;
}

static void add_console(const struct vm *vm, struct vm_err *err)
{
	struct vm_err inner = *err;
	char tail[512];

	vm_console_tail(vm, tail, sizeof(tail));
	if (*tail)
		vm_fail(err, "%.1000s Its console ends with:\n%s", inner.text, tail);
}

static int wait_vm(const struct vm_conf *conf, const char *name, unsigned int timeout,
		   struct vm_err *err)
{
	static struct vm_conn conn;
	int64_t end = vm_now_ms() + timeout * 1000ll;
	struct vm_err why;
	struct vm vm;

	for (;;) {
		int64_t left = end - vm_now_ms();
		int ret = 1;

		if (!vm_look_alive(conf, name, &vm, &why))
			ret = vm_connect(conf, &vm, left < TRY_MS && left > 0 ? left : TRY_MS,
					 &conn, &why);
		else if (vm.life != VM_STARTING)
			ret = -1;
		if (ret == 0) {
			close(conn.fd);
			return 0;
		}
		if (ret < 0) {
			*err = why;
			add_console(&vm, err);
			return -1;
		}
		if (vm_now_ms() >= end)
			break;
		usleep(BETWEEN_US);
	}
	vm_fail(err, "VM '%s' did not answer within %u s: %.500s", name, timeout, why.text);
	add_console(&vm, err);
	return 1;
}

int vm_cmd_wait(const struct vm_conf *conf, int argc, char **argv)
{
	unsigned int timeout = WAIT_S;
	struct vm_err err;
	const char *name;
	int status = name_options(argc, argv, wait_usage, &name, &timeout);

	if (status >= 0)
		return status;
	switch (wait_vm(conf, name, timeout, &err)) {
	case 0:
		return 0;
	case 1:
		return vm_report("wait", &err, VM_EXIT_TIMEOUT);
	}
	return vm_report("wait", &err, 1);
}
