// SPDX-License-Identifier: GPL-2.0
/*
 * Marks (crossover/mark.h): NOPs with a displacement of ours. Bochs executes a NOP with a memory
 * operand by a function of its own form, which does nothing; here it looks at the displacement
 * first. NOPs without operand, the most frequent ones, are not touched.
 */
#include "count.h"
#include "cpu.h"
#include "force.h"
#include "tlb_bochs.h"

#define MEMORY_NOPS 2 /* entries of Bochs's table: NOP, and another kind that it decodes as one */

static void on_mark(void *cpu, unsigned int op, unsigned int id)
{
	if (cpu_mode(cpu) != CPU_MODE_LONG64 || cpu_id(cpu) >= CPU_MAX)
		return;
	switch (op) {
	case XO_MARK_BEGIN:
		return count_begin(cpu, id);
	case XO_MARK_END:
		return count_end(cpu, id);
	case XO_MARK_READ:
		return count_read(cpu, id);
	case XO_MARK_AWAY:
		return count_read_away(cpu, id);
	case XO_MARK_FORCE:
		return force_arm(cpu, id);
	case XO_MARK_FORCED:
		return force_read(cpu, id);
	case XO_MARK_TLB_NAME:
		return tlb_mark_name(cpu, id);
	case XO_MARK_TLB_REVOKE:
		return tlb_mark_revoke(cpu, id);
	case XO_MARK_TLB_READ:
		return tlb_mark_read(cpu, id);
	}
}

static void memory_nop(void *cpu, void *insn)
{
	uint32_t displacement;

	memcpy(&displacement, (uint8_t *)insn + INSN_DISPLACEMENT, sizeof(displacement));
	if ((displacement & 0xffff0000) == XO_MARK_MAGIC)
		on_mark(cpu, displacement >> 8 & 0xff, displacement & 0xff);
}

void mark_init(void)
{
	cpu_replace_insn("_ZN8BX_CPU_C3NOPEP15bxInstruction_c", true, MEMORY_NOPS, memory_nop);
}
