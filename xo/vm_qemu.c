// SPDX-License-Identifier: GPL-2.0
/* QEMU's command line for a VM. */
#include "vm.h"
#include <json-c/json.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define MAX_ARGS    64

/*
 * Mitigations stay as the kernel chooses: the VM must be what a user runs. reboot=t: a microvm has
 * no keyboard controller, and waiting for one took the kernel minutes of exits under emulation.
 */
#define KERNEL_ARGS "console=ttyS0 quiet panic=-1 reboot=t cryptomgr.notests no_timer_check"

static void add(char **argv, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void add(char **argv, const char *fmt, ...)
{
	va_list ap;
	int n = 0;

	while (argv[n])
		n++;
	va_start(ap, fmt);
	if (n >= MAX_ARGS || vasprintf(&argv[n], fmt, ap) < 0)
		abort();
	va_end(ap);
}

/*
 * A read-only disk. JSON, because a comma in a path means nothing there. The VM's kernel
 * finds the buses in descending order (QEMU's ACPI table lists them so), and names disks as it
 * finds them: the system disk is vda because its bus is the higher one.
 */
static void add_disk(char **argv, const char *id, const char *path, int bus)
{
	struct json_object *node = json_object_new_object();
	struct json_object *file = json_object_new_object();
	struct stat st;
	bool block = !stat(path, &st) && S_ISBLK(st.st_mode);

	json_object_object_add(file, "driver",
			       json_object_new_string(block ? "host_device" : "file"));
	json_object_object_add(file, "filename", json_object_new_string(path));
	json_object_object_add(node, "driver", json_object_new_string("raw"));
	json_object_object_add(node, "node-name", json_object_new_string(id));
	json_object_object_add(node, "read-only", json_object_new_boolean(true));
	json_object_object_add(node, "file", file);
	add(argv, "-blockdev");
	add(argv, "%s", json_object_to_json_string_ext(node, JSON_C_TO_STRING_PLAIN));
	json_object_put(node);
	add(argv, "-device");
	add(argv, "virtio-blk-device,drive=%s,serial=%s,bus=virtio-mmio-bus.%d", id, id, bus);
}

char **vm_qemu_argv(const struct vm_conf *conf, const struct vm *vm, const char *args, int vhost)
{
	char **argv = calloc(MAX_ARGS + 1, sizeof(*argv));
	struct stat st;

	if (!argv)
		return NULL;
	add(argv, "%s", conf->qemu);
	if (*conf->qemu_data) {
		add(argv, "-L");
		add(argv, "%s", conf->qemu_data);
	}
	add(argv, "-name");
	add(argv, "%s", vm->name);
	add(argv, "-M");
	add(argv, "%s", conf->machine);
	add(argv, "-accel");
	add(argv, "%s", conf->accel);
	add(argv, "-cpu");
	add(argv, "%s", conf->cpu);
	add(argv, "-smp");
	add(argv, "%u", vm->cpus);
	add(argv, "-m");
	add(argv, "%u", vm->mem);
	add(argv, "-nodefaults");
	add(argv, "-no-user-config");
	add(argv, "-display");
	add(argv, "none");
	add(argv, "-daemonize");
	add(argv, "-pidfile");
	add(argv, "%s/pid", vm->dir);
	add(argv, "-qmp");
	add(argv, "unix:%s/qmp,server=on,wait=off", vm->dir);
	add(argv, "-chardev");
	add(argv, "file,id=console,path=%s/console.log", vm->dir);
	add(argv, "-serial");
	add(argv, "chardev:console");
	add(argv, "-global");
	add(argv, "virtio-mmio.force-legacy=false");
	if (*conf->system)
		add_disk(argv, "system", conf->system, 2);
	if (*conf->payload && !stat(conf->payload, &st))
		add_disk(argv, "payload", conf->payload, 1);
	/*
	 * Not bus 0: its line is pin 0 of the second I/O APIC, from which no interrupt reached the
	 * VM (QEMU 7.2 on KVM, Linux 6.1).
	 */
	if (vhost >= 0) {
		add(argv, "-device");
		add(argv, "vhost-vsock-device,guest-cid=%u,vhostfd=%d,bus=virtio-mmio-bus.3",
		    vm->cid, vhost);
	}
	add(argv, "-kernel");
	add(argv, "%s", conf->kernel);
	if (*conf->initrd) {
		add(argv, "-initrd");
		add(argv, "%s", conf->initrd);
	}
	add(argv, "-append");
	add(argv, KERNEL_ARGS " xo.vm=%s%s%s%s%s", vm->name, *conf->append ? " " : "", conf->append,
	    *args ? " " : "", args);
	return argv;
}

void vm_qemu_free(char **argv)
{
	for (char **a = argv; a && *a; a++)
		free(*a);
	free(argv);
}
