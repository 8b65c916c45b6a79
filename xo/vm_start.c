// SPDX-License-Identifier: GPL-2.0
/* `xo vm start`: claims name and address, runs QEMU, undoes all of it on failure. */
#include "vm.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const char usage[] =
	"Usage: xo vm start NAME[:MEM[:CPUS[:ARGS]]]\n"
	"Start the virtual machine NAME with MEM MiB of memory (192) and CPUS processors (1);\n"
	"ARGS are words for its kernel, behind those of the configuration.\n"
	"Returns as soon as QEMU runs; `xo vm wait NAME` waits until the VM answers.\n";

static int check_readable(const char *path, const char *what, const char *key, struct vm_err *err)
{
	if (!access(path, R_OK))
		return 0;
	return vm_fail(err, "The VM's %s %s cannot be read: %s; %s= in the configuration names it.",
		       what, path, strerror(errno), key);
}

/* All that can be known to fail is checked before anything is created. */
static int check_host(const struct vm_conf *conf, struct vm_err *err)
{
	if (!strncmp(conf->accel, "kvm", 3) && access("/dev/kvm", R_OK | W_OK)) {
		if (errno == ENOENT)
			return vm_fail(err, "There is no /dev/kvm: the processor lacks VMX, or the "
					    "kernel module kvm_intel is not loaded.");
		return vm_fail(err, "Cannot use /dev/kvm: %s. Run this as root.", strerror(errno));
	}
	if (check_readable(conf->kernel, "kernel", "KERNEL", err))
		return -1;
	if (*conf->initrd && check_readable(conf->initrd, "initial RAM disk", "INITRD", err))
		return -1;
	if (*conf->system && check_readable(conf->system, "system image", "SYSTEM", err))
		return -1;
	return 0;
}

/* Reads what QEMU says until it has said all; keeps the first part, on one line. */
static void read_messages(int fd, char *text, size_t size)
{
	size_t len = 0;
	char buf[512];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n && len + 1 < size; i++)
			text[len++] = buf[i] == '\n' ? ' ' : buf[i];
	while (len && text[len - 1] == ' ')
		len--;
	text[len] = '\0';
}

/* QEMU's parent ends when the VM's devices exist (-daemonize), with status 0 if all is well. */
static int run_qemu(const struct vm_conf *conf, const struct vm_spec *spec, const struct vm *vm,
		    int vhost, struct vm_err *err)
{
	char **argv = vm_qemu_argv(conf, vm, spec->args, vhost);
	char text[1500];
	int fds[2], status = 0;
	pid_t pid;

	if (!argv || pipe2(fds, O_CLOEXEC)) {
		vm_qemu_free(argv);
		return vm_fail(err, "Cannot run QEMU: %s.", strerror(errno));
	}
	pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		/* vhost is above 2; dup2() is what makes 0 to 2 survive exec(). */
		dup2(null, 0);
		dup2(null, 1);
		dup2(fds[1], 2);
		if (vhost >= 0)
			fcntl(vhost, F_SETFD, 0);
		execvp(argv[0], argv);
		dprintf(2, "%s: %s", argv[0], strerror(errno));
		_exit(127);
	}
	vm_qemu_free(argv);
	close(fds[1]);
	if (pid < 0) {
		close(fds[0]);
		return vm_fail(err, "Cannot run QEMU: %s.", strerror(errno));
	}
	read_messages(fds[0], text, sizeof(text));
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status) && !WEXITSTATUS(status)) {
		if (*text)
			fprintf(stderr, "xo vm start: QEMU says: %s\n", text);
		return 0;
	}
	return vm_fail(err, "QEMU did not start VM '%s': %s", vm->name,
		       *text ? text : "it ended without a message.");
}

static int start(const struct vm_conf *conf, const struct vm_spec *spec, struct vm_err *err)
{
	struct vm vm, now;
	int vhost, dir;

	if (check_host(conf, err))
		return -1;
	dir = vm_dir_create(conf, spec, &vm, &vhost, err);
	if (dir < 0)
		return -1;
	if (run_qemu(conf, spec, &vm, vhost, err)) {
		/* A QEMU that failed late may still be about to end. */
		vm_look(conf, spec->name, &now);
		vm_kill_process(&now, &(struct vm_err){ 0 });
		vm_dir_remove(conf, &vm, false);
		close(dir);
		if (vhost >= 0)
			close(vhost);
		return -1;
	}
	close(dir);
	if (vhost >= 0)
		close(vhost);
	return 0;
}

int vm_cmd_start(const struct vm_conf *conf, int argc, char **argv)
{
	struct vm_spec spec;
	struct vm_err err;
	const char *text;
	int status = vm_options(argc, argv, usage, &text, NULL);

	if (status >= 0)
		return status;
	if (vm_parse_spec(text, conf, &spec, &err))
		return vm_report("start", &err, VM_EXIT_USAGE);
	if (start(conf, &spec, &err))
		return vm_report("start", &err, 1);
	return 0;
}
