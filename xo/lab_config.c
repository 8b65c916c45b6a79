// SPDX-License-Identifier: GPL-2.0
/* What the emulated machine is, as text: for Bochs, for the agent in it, and for the snapshot's
 * key. */
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
		"cpu: model=corei7_haswell_4770, count=%u:1:1, ips=50000000, "
		"reset_on_triple_fault=1, ignore_bad_msrs=1\n"
		"clock: sync=none\n"
		"com1: enabled=1, mode=file, dev=serial.txt\n"
		"log: bochs.log\n"
		"panic: action=report\n"
		"error: action=ignore\n"
		"info: action=ignore\n"
		"debug: action=ignore\n",
		memory, memory, o->cpus);
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
