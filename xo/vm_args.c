// SPDX-License-Identifier: GPL-2.0
/* Parsing for `xo vm`: names, NAME[:MEM[:CPUS[:ARGS]]], numbers, configuration lines. No side
 * effects. */
#include "vm.h"
#include <crossover/abi.h>
#include <ctype.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int vm_fail(struct vm_err *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	return -1;
}

static bool name_is_good(const char *text, size_t len)
{
	if (len < 1 || len > VM_NAME_MAX || !(text[0] >= 'a' && text[0] <= 'z'))
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = text[i];

		if (!(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9') && c != '-')
			return false;
	}
	return len != strlen(XO_HOST_NAME) || memcmp(text, XO_HOST_NAME, len);
}

static int fail_name(const char *text, size_t len, struct vm_err *err)
{
	if (len == strlen(XO_HOST_NAME) && !memcmp(text, XO_HOST_NAME, len))
		return vm_fail(err,
			       "No VM may be called '%s': that is the host's own name; choose "
			       "another.",
			       XO_HOST_NAME);
	return vm_fail(err,
		       "'%.*s' is not a VM name: a name begins with a letter a-z and goes on with "
		       "at most %d of a-z, 0-9 and '-'.",
		       (int)(len > 60 ? 60 : len), text, VM_NAME_MAX - 1);
}

int vm_parse_name(const char *text, struct vm_err *err)
{
	size_t len = strlen(text);

	return name_is_good(text, len) ? 0 : fail_name(text, len, err);
}

int vm_parse_number(const char *text, const char *what, unsigned long min, unsigned long max,
		    unsigned int *value, struct vm_err *err)
{
	size_t len = strlen(text);
	unsigned long n;

	/* Ten digits cannot overflow a long; strtoul() alone would take signs and blanks. */
	if (len < 1 || len > 10 || strspn(text, "0123456789") != len)
		return vm_fail(err, "'%.60s' is not a number for the %s.", text, what);
	n = strtoul(text, NULL, 10);
	if (n < min || n > max)
		return vm_fail(err, "The %s must be from %lu to %lu, not %lu.", what, min, max, n);
	*value = n;
	return 0;
}

/* Words for the kernel: whatever a user may want to try, but one line of plain text. */
static int parse_args(const char *text, struct vm_spec *spec, struct vm_err *err)
{
	size_t len = strlen(text);

	if (len < 1 || len > VM_ARGS_MAX)
		return vm_fail(err, "The kernel arguments of VM %s must have 1 to %d characters.",
			       spec->name, VM_ARGS_MAX);
	for (size_t i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return vm_fail(err, "The kernel arguments of VM %s must be plain ASCII.",
				       spec->name);
	}
	strcpy(spec->args, text);
	return 0;
}

int vm_parse_spec(const char *text, const struct vm_conf *conf, struct vm_spec *spec,
		  struct vm_err *err)
{
	size_t name_len = strcspn(text, ":");
	char mem[16], cpus[16];
	const char *p = text + name_len;
	size_t len;

	if (!name_is_good(text, name_len))
		return fail_name(text, name_len, err);
	memcpy(spec->name, text, name_len);
	spec->name[name_len] = '\0';
	snprintf(mem, sizeof(mem), "%.15s", conf->mem);
	snprintf(cpus, sizeof(cpus), "%.15s", conf->cpus);
	if (*p == ':') {
		len = strcspn(++p, ":");
		snprintf(mem, sizeof(mem), "%.*s", (int)(len > 15 ? 15 : len), p);
		p += len;
	}
	if (*p == ':') {
		len = strcspn(++p, ":");
		snprintf(cpus, sizeof(cpus), "%.*s", (int)(len > 15 ? 15 : len), p);
		p += len;
	}
	spec->args[0] = '\0';
	if (*p == ':' && parse_args(p + 1, spec, err))
		return -1;
	if (vm_parse_number(mem, "memory in MiB", VM_MIN_MEM, VM_MAX_MEM, &spec->mem, err))
		return -1;
	return vm_parse_number(cpus, "number of CPUs", 1, VM_MAX_CPUS, &spec->cpus, err);
}

#define KEY(name, field, fallback)                              \
	{                                                       \
		name, offsetof(struct vm_conf, field), fallback \
	}

static const struct {
	const char *name;
	size_t offset;
	const char *fallback;
} keys[] = {
	KEY("QEMU", qemu, "qemu-system-x86_64"),
	KEY("QEMU_DATA", qemu_data, ""),
	KEY("KERNEL", kernel, "/boot/vmlinuz-vm"),
	KEY("INITRD", initrd, "/boot/initrd-vm"),
	KEY("APPEND", append, ""),
	KEY("SYSTEM", system, "/dev/sda"),
	KEY("PAYLOAD", payload, "/dev/sdb"),
	KEY("MEM", mem, "192"),
	KEY("CPUS", cpus, "1"),
	KEY("RUN_DIR", run_dir, "/run/crossover/vm"),
	KEY("ACCEL", accel, "kvm"),
	/*
	 * What a VM must not use so that others may visit its CPUs: UMIP and paravirtual TLB
	 * flushes change what a CPU of the VM may assume, asynchronous faults need its own thread.
	 * PCIDs let a kernel change CR3 and keep a gate's translations (docs/gates.md).
	 */
	KEY("CPU", cpu,
	    "host,-umip,-pku,-pcid,-invpcid,-kvm-pv-tlb-flush,-kvm-asyncpf,-kvm-asyncpf-int"),
	KEY("MACHINE", machine, "microvm,x-option-roms=off,pit=off,pic=off,isa-serial=on,rtc=off"),
	KEY("AGENT_SOCKET", agent_socket, ""),
};

#define KEYS (sizeof(keys) / sizeof(keys[0]))

static char *conf_value(struct vm_conf *conf, size_t i)
{
	return (char *)conf + keys[i].offset;
}

void vm_conf_defaults(struct vm_conf *conf)
{
	for (size_t i = 0; i < KEYS; i++)
		snprintf(conf_value(conf, i), VM_VALUE_MAX, "%s", keys[i].fallback);
}

static char *trim(char *text)
{
	char *end;

	while (isspace((unsigned char)*text))
		text++;
	end = text + strlen(text);
	while (end > text && isspace((unsigned char)end[-1]))
		*--end = '\0';
	return text;
}

int vm_conf_line(struct vm_conf *conf, char *line, struct vm_err *err)
{
	char *name = trim(line);
	char *value = strchr(name, '=');

	if (!*name || *name == '#')
		return 0;
	if (!value)
		return vm_fail(err, "'%.60s' is not KEY=VALUE.", name);
	*value++ = '\0';
	name = trim(name);
	value = trim(value);
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(name, keys[i].name))
			continue;
		if (strlen(value) >= VM_VALUE_MAX)
			return vm_fail(err, "The value of %s is longer than %d bytes.", name,
				       VM_VALUE_MAX - 1);
		strcpy(conf_value(conf, i), value);
		return 0;
	}
	return vm_fail(err, "There is no key '%.60s'; xo-vm(1) lists them.", name);
}
