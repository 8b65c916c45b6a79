// SPDX-License-Identifier: GPL-2.0
/* What the emulated machine is, as text: for Bochs, for the agent in it, and for the snapshot's
 * key. */
#include <string.h>

#include "lab.h"

/*
 * reset_on_triple_fault: ucode/ takes any reset as the machine's end. sync=none: time in the
 * machine is its instruction count, so a busy build machine changes nothing in it but the waiting.
 */
void lab_bochs_config(const struct lab_options *o, char *text, size_t size)
{
	unsigned int memory = lab_memory(o);

	snprintf(
		text, size,
		"plugin_ctrl: unmapped=1, biosdev=1, speaker=0, extfpuirq=1, parallel=0, serial=1\n"
		"config_interface: textconfig\n"
		"display_library: rfb, options=\"timeout=0\"\n"
		"memory: guest=%u, host=%u\n"
		"romimage: file=$BXSHARE/BIOS-bochs-latest\n"
		"vgaromimage: file=$BXSHARE/VGABIOS-lgpl-latest\n"
		"boot: disk\n"
		"ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n"
		"ata0-master: type=disk, path=system.img, mode=flat, model=XO-SYSTEM\n"
		"ata0-slave: type=disk, path=payload.img, mode=flat, model=XO-PAYLOAD\n"
		"pci: enabled=1, chipset=i440fx\n"
		"cpu: model=corei7_haswell_4770, count=%u:1:1, ips=%u000000, "
		"reset_on_triple_fault=1, ignore_bad_msrs=1\n"
		"clock: sync=none\n"
		"com1: enabled=1, mode=file, dev=serial.txt\n"
		"log: bochs.log\n"
		"panic: action=report\n"
		"error: action=ignore\n"
		"info: action=ignore\n"
		"debug: action=ignore\n",
		memory, memory, o->cpus, o->mips);
}

void lab_shape_text(const struct lab_options *o, char *text, size_t size)
{
	size_t fill = 0;

	text[0] = 0;
	for (unsigned int i = 0; i < o->vm_count && fill < size; i++)
		fill += (size_t)snprintf(text + fill, size - fill, "%s %u %u%s%s\n", o->vms[i].name,
					 o->vms[i].memory, o->vms[i].cpus,
					 o->vms[i].args[0] ? " " : "", o->vms[i].args);
}

/* One line of lab_shape_text() as an option; what it would be without saying is not said. */
static void print_vm(FILE *to, const char *line, size_t size)
{
	char name[LAB_VM_NAME + 1], args[LAB_VM_ARGS + 1] = "", copy[512];
	unsigned int memory, cpus;

	snprintf(copy, sizeof(copy), "%.*s", (int)size, line);
	if (sscanf(copy, "%31s %u %u %127[^\n]", name, &memory, &cpus, args) < 3)
		return;
	if (args[0])
		fprintf(to, " --vm '%s:%u:%u:%s'", name, memory, cpus, args);
	else if (cpus != 1)
		fprintf(to, " --vm %s:%u:%u", name, memory, cpus);
	else if (memory != LAB_VM_MEMORY)
		fprintf(to, " --vm %s:%u", name, memory);
	else
		fprintf(to, " --vm %s", name);
}

void lab_shape_options(const char *inputs, char *text, size_t size)
{
	FILE *to = fmemopen(text, size, "w");
	char version[LAB_KERNEL + 1];
	bool vms = false;
	unsigned int number, ips;

	text[0] = 0;
	for (const char *l = inputs; to && *l; l += strcspn(l, "\n"), l += *l == '\n') {
		if (!strncmp(l, "vms:\n", 5) || !strncmp(l, "machine:\n", 9))
			vms = l[0] == 'v';
		else if (vms)
			print_vm(to, l, strcspn(l, "\n"));
		else if (sscanf(l, "host-kernel %15[0-9.]", version) == 1)
			fprintf(to, " --host-kernel %s", version);
		else if (sscanf(l, "host-memory %u", &number) == 1)
			fprintf(to, " --host-memory %u", number);
		else if (sscanf(l, "cpu: model=%*[^,], count=%u:1:1, ips=%u", &number, &ips) == 2) {
			if (number != 1)
				fprintf(to, " --cpus %u", number);
			if (ips != LAB_MIPS * 1000000)
				fprintf(to, " --mips %u", ips / 1000000);
		}
	}
	if (to)
		fclose(to);
}
