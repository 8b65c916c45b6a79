// SPDX-License-Identifier: GPL-2.0
/* Access to the emulated CPUs, their table of instructions, and stores and exits in their name. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>

#include "cpu.h"

#define SEGMENT_DS    3
#define INDEX_NONE    4
#define INSN_ENTRY    40 /* bytes of an entry: two pointers to members, then operands and flags */
#define INSN_REGISTER 16 /* offset of the second, for the form without memory operand */

static void ***cpus; /* Bochs: bx_cpu_array, allocated when the machine is configured */
static const uint8_t *count_of_cpus;
static void (*write_qword)(void *cpu, unsigned int segment, uint64_t address, uint64_t value);
static void (*write_byte)(void *cpu, unsigned int segment, uint64_t address, uint8_t value);
static uint64_t (*read_qword)(void *cpu, unsigned int segment, uint64_t address);
static void (*flush_tlb)(void *cpu);
static void (*vm_exit)(void *cpu, uint32_t reason, uint64_t qualification);
static void (*vm_exit_event)(void *cpu, unsigned int type, unsigned int vector, uint16_t code,
			     bool has_code, uint64_t qualification);

/* One instruction of Bochs that shows an offset. */
struct witness {
	const char *name;
	uint32_t at;
	uint8_t size, code[8];
};

#define CPU_LOOP  "_ZN8BX_CPU_C8cpu_loopEv"
#define VMFUNC	  "_ZN8BX_CPU_C6VMFUNCEP15bxInstruction_c"
#define SWITCHING "_ZN8BX_CPU_C21vmfunc_eptp_switchingEv"
#define VPID	  "_ZN8BX_CPU_C20VMX_Get_Current_VPIDEv"
#define PREFETCH  "_ZN8BX_CPU_C8PREFETCHEP15bxInstruction_c"
#define ASYNC	  "_ZN8BX_CPU_C16handleAsyncEventEv"
#define MOV_CR3	  "_ZN8BX_CPU_C9MOV_CR3RqEP15bxInstruction_c"
#define INVPCID	  "_ZN8BX_CPU_C7INVPCIDEP15bxInstruction_c"
#define EXCEPTION "_ZN8BX_CPU_C9exceptionEjt"
#define TRANSLATE "_ZN8BX_CPU_C16translate_linearEP12bx_TLB_entrymjj"

static const struct witness witnesses[] = {
	{ CPU_LOOP, 0x34, 8, { 0x48, 0x83, 0x80, 0x30, 0x01, 0x00, 0x00, 0x01 } }, /* icount */
	{ CPU_LOOP, 0x76, 7, { 0x48, 0x8b, 0x81, 0xd8, 0x00, 0x00, 0x00 } },	   /* RIP */
	{ CPU_LOOP, 0x173, 4, { 0x41, 0x8b, 0x7e, 0x30 } },			   /* id */
	{ VMFUNC, 0x09, 7, { 0x80, 0xbf, 0xc1, 0x8f, 0x00, 0x00, 0x00 } },	  /* in_vmx_guest */
	{ VMFUNC, 0x23, 3, { 0x8b, 0x6f, 0x58 } },				  /* registers */
	{ SWITCHING, 0x64, 7, { 0x48, 0x89, 0x93, 0x98, 0x90, 0x00, 0x00 } },	  /* eptptr */
	{ VPID, 0x14, 7, { 0x0f, 0xb7, 0x87, 0xa0, 0x90, 0x00, 0x00 } },	  /* vpid */
	{ PREFETCH, 0x0c, 4, { 0x48, 0x63, 0x50, 0x34 } },			  /* displacement */
	{ MOV_CR3, 0x2b, 4, { 0x0f, 0xb6, 0x46, 0x25 } },			  /* source */
	{ MOV_CR3, 0x78, 6, { 0x8b, 0x83, 0xb0, 0x02, 0x00, 0x00 } },		  /* CR4 */
	{ MOV_CR3, 0x9b, 7, { 0x4c, 0x89, 0xa3, 0xa8, 0x02, 0x00, 0x00 } },	  /* CR3 */
	{ VPID, 0x0b, 7, { 0xf6, 0x87, 0xf0, 0x8f, 0x00, 0x00, 0x20 } },	  /* controls */
	{ INVPCID, 0x67, 4, { 0x0f, 0xb6, 0x55, 0x24 } },			  /* destination */
	{ INVPCID, 0x78, 4, { 0x0f, 0xb6, 0x75, 0x2a } },			  /* index */
	{ INVPCID, 0x80, 4, { 0x0f, 0xb6, 0x4d, 0x29 } },			  /* base */
	{ INVPCID, 0x98, 4, { 0x0f, 0xb6, 0x4d, 0x2b } },			  /* scale */
	{ INVPCID, 0xa7, 5, { 0x44, 0x0f, 0xb6, 0x6d, 0x28 } },			  /* segment */
	{ INVPCID, 0xc9, 8, { 0x48, 0x03, 0x94, 0x03, 0x60, 0x01, 0x00, 0x00 } }, /* bases */
	{ EXCEPTION, 0x186, 7, { 0x48, 0x8b, 0xb3, 0x10, 0x01, 0x00, 0x00 } },	  /* prev_rip */
	{ TRANSLATE, 0x75, 6, { 0x8b, 0xb3, 0x9c, 0x02, 0x00, 0x00 } },		  /* CR0 */
	{ TRANSLATE, 0x13a, 4, { 0x45, 0x89, 0x5f, 0x20 } }, /* TLB entry: mask */
	{ TRANSLATE, 0x152, 4, { 0x4d, 0x89, 0x6f, 0x08 } }, /* frame */
	{ TRANSLATE, 0x37b, 8, { 0x41, 0x81, 0x4f, 0x18, 0x00, 0x00, 0x00, 0x80 } }, /* rights */
	{ ASYNC, 0x8a, 7, { 0x83, 0xbb, 0xc0, 0x93, 0x00, 0x00, 0x04 } },	     /* cpu_mode */
};

static void check_offsets(void)
{
	for (size_t i = 0; i < sizeof(witnesses) / sizeof(witnesses[0]); i++) {
		const struct witness *w = &witnesses[i];

		if (memcmp((uint8_t *)ucode_symbol(w->name) + w->at, w->code, w->size))
			ucode_refuse("the code of %s at offset 0x%x in bochs-bin is not what this "
				     "object was made for",
				     w->name, w->at);
	}
}

unsigned int cpu_count(void)
{
	return *count_of_cpus < CPU_MAX ? *count_of_cpus : CPU_MAX;
}

void *cpu_get(unsigned int id)
{
	return (*cpus)[id];
}

/* A pointer to a member function that is not virtual: its address, and 0 to be added to `this`. */
static bool is_function(const uint8_t *place, const void *function)
{
	const void *pointer[2];

	memcpy(pointer, place, sizeof(pointer));
	return pointer[0] == function && !pointer[1];
}

cpu_insn_fn *cpu_replace_insn(const char *name, bool memory_form, unsigned int count,
			      cpu_insn_fn *handler)
{
	uint8_t *table = ucode_symbol("BxOpcodesTable"), *place;
	void *function = ucode_symbol(name);
	const ElfW(Sym) *symbol = NULL;
	unsigned int found = 0;
	Dl_info info;

	if (!dladdr1(table, &info, (void **)&symbol, RTLD_DL_SYMENT) || !symbol ||
	    info.dli_saddr != table)
		ucode_refuse("bochs-bin does not tell the size of its table of instructions");
	for (size_t at = 0; at + INSN_ENTRY <= symbol->st_size; at += INSN_ENTRY) {
		place = table + at + (memory_form ? 0 : INSN_REGISTER);
		if (!is_function(place, function))
			continue;
		memcpy(place, &handler, sizeof(handler));
		found++;
	}
	if (found != count)
		ucode_refuse("bochs-bin's table of instructions has %s %u times, expected %u", name,
			     found, count);
	return (cpu_insn_fn *)function;
}

void cpu_store(void *cpu, uint64_t address, const void *data, size_t size)
{
	const uint8_t *from = data;
	uint64_t value;

	for (; size >= sizeof(value); size -= sizeof(value), address += sizeof(value)) {
		memcpy(&value, from, sizeof(value));
		write_qword(cpu, SEGMENT_DS, address, value);
		from += sizeof(value);
	}
	for (; size; size--)
		write_byte(cpu, SEGMENT_DS, address++, *from++);
}

uint64_t cpu_load(void *cpu, uint64_t address)
{
	return read_qword(cpu, SEGMENT_DS, address);
}

uint64_t cpu_operand(const void *cpu, const void *insn)
{
	const uint8_t *i = insn;
	uint64_t address, base = 0;
	int32_t displacement;

	memcpy(&displacement, i + INSN_DISPLACEMENT, sizeof(displacement));
	address = (uint64_t)displacement + cpu_register(cpu, i[INSN_BASE]);
	if (i[INSN_INDEX] != INDEX_NONE)
		address += cpu_register(cpu, i[INSN_INDEX]) << i[INSN_SCALE];
	if (i[INSN_SEGMENT] > SEGMENT_DS)
		memcpy(&base, (const uint8_t *)cpu + CPU_SEGMENT_BASES + 0x20 * i[INSN_SEGMENT],
		       sizeof(base));
	return address + base;
}

void cpu_flush_tlb(void *cpu)
{
	flush_tlb(cpu);
}

void cpu_vm_exit(void *cpu, uint32_t reason, uint64_t qualification)
{
	vm_exit(cpu, reason, qualification);
	abort(); /* an exit like a timer's leaves by longjmp */
}

void cpu_vm_exit_interrupt(void *cpu, uint8_t vector)
{
	vm_exit_event(cpu, 0, vector, 0, false, 0);
}

void cpu_init(void)
{
	check_offsets();
	cpus = ucode_symbol("bx_cpu_array");
	count_of_cpus = ucode_symbol("bx_cpu_count");
	write_qword = ucode_symbol("_ZN8BX_CPU_C18write_linear_qwordEjmm");
	write_byte = ucode_symbol("_ZN8BX_CPU_C17write_linear_byteEjmh");
	read_qword = ucode_symbol("_ZN8BX_CPU_C17read_linear_qwordEjm");
	flush_tlb = ucode_symbol("_ZN8BX_CPU_C9TLB_flushEv");
	vm_exit = ucode_symbol("_ZN8BX_CPU_C6VMexitEjm");
	vm_exit_event = ucode_symbol("_ZN8BX_CPU_C12VMexit_EventEjjtbm");
}
