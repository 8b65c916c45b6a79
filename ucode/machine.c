// SPDX-License-Identifier: GPL-2.0
/* The emulated machine's memory as it lies in Bochs, and the end of a machine that resets itself.
 */
#define _GNU_SOURCE
#include <string.h>

#include "ucode.h"

#define HARDWARE_RESET 11   /* Bochs: BX_RESET_HARDWARE */
#define WRITE_ACCESS   1    /* Bochs: BX_WRITE */
#define MEMORY_VECTOR  0x58 /* BX_MEM_C: start of the emulated memory */

static uint8_t *bx_mem;
static void *(*host_address)(void *cpu, uint64_t address, unsigned int access);

void *machine_page(uint64_t page_number)
{
	/* No CPU is named, as in a device's access: system management memory stays hidden. */
	return host_address(NULL, page_number << 12, WRITE_ACCESS);
}

void *machine_memory(void)
{
	void *start;

	if (!bx_mem)
		return NULL;
	memcpy(&start, bx_mem + MEMORY_VECTOR, sizeof(start));
	return start;
}

/*
 * Bochs resets its hardware once when it starts. A second time means that the machine gave up: a
 * triple fault, or a kernel that reboots after a panic. Whatever ran in it is gone, so is the run.
 */
static void on_reset(unsigned int cpu, unsigned int source)
{
	static unsigned int hardware_resets;

	if (source != HARDWARE_RESET || cpu != 0)
		return;
	if (++hardware_resets > 1)
		channel_fail("the emulated host reset itself (reboot or triple fault)");
}

/* The offset of the vector is read from the one instruction of Bochs that is known to use it. */
static void check_vector_offset(void)
{
	const uint8_t *code = ucode_symbol("_Z28memory_param_restore_handlerPvP10bx_param_cl");
	const uint8_t *load = code + 0x46; /* mov OFFSET(%rip),%rdx */
	int32_t offset;

	memcpy(&offset, load + 3, sizeof(offset));
	if (load[0] != 0x48 || load[1] != 0x8b || load[2] != 0x15 ||
	    load + 7 + offset != bx_mem + MEMORY_VECTOR)
		ucode_refuse(
			"the emulated memory is not where this object expects it in bochs-bin");
}

void machine_init(void)
{
	bx_mem = ucode_symbol("bx_mem");
	host_address = ucode_symbol("_ZN8BX_MEM_C14getHostMemAddrEP8BX_CPU_Cmj");
	check_vector_offset();
	ucode_take_stub("_Z14bx_instr_resetjj", on_reset);
}
