// SPDX-License-Identifier: GPL-2.0
/* The emulated machine's memory as it lies in Bochs, and the end of a machine that resets itself.
 */
#include <string.h>

#include "ucode.h"

#define HARDWARE_RESET 11   /* Bochs: BX_RESET_HARDWARE */
#define WRITE_ACCESS   1    /* Bochs: BX_WRITE */
#define BLOCK_TABLE    0x60 /* BX_MEM_C: pointer to the addresses of all blocks */

static uint8_t *bx_mem;
static void *(*host_address)(void *cpu, uint64_t address, unsigned int access);

void *machine_page(uint64_t page_number)
{
	/* No CPU is named, as in a device's access: system management memory stays hidden. */
	return host_address(NULL, page_number << 12, WRITE_ACCESS);
}

void *machine_block(uint32_t number)
{
	void **table;

	memcpy(&table, bx_mem + BLOCK_TABLE, sizeof(table));
	return table[number];
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

/* The table's offset is compared with the instruction of BX_MEM_C::read_block() that loads it. */
static void check_block_table(void)
{
	const uint8_t *code = ucode_symbol("_ZN8BX_MEM_C10read_blockEj");
	const uint8_t *load = code + 0x29; /* mov OFFSET(%rip),%rax */
	int32_t offset;

	memcpy(&offset, load + 3, sizeof(offset));
	if (load[0] != 0x48 || load[1] != 0x8b || load[2] != 0x05 ||
	    load + 7 + offset != bx_mem + BLOCK_TABLE)
		ucode_refuse(
			"the emulated memory is not where this object expects it in bochs-bin");
}

void machine_init(void)
{
	bx_mem = ucode_symbol("bx_mem");
	host_address = ucode_symbol("_ZN8BX_MEM_C14getHostMemAddrEP8BX_CPU_Cmj");
	check_block_table();
	ucode_take_stub("_Z14bx_instr_resetjj", on_reset);
}
