/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The emulated CPUs as Bochs keeps them: offsets in BX_CPU_C, each compared at the start with an
 * instruction of Bochs that uses it (cpu.c). `cpu` is a BX_CPU_C.
 */
#ifndef CROSSOVER_UCODE_CPU_H
#define CROSSOVER_UCODE_CPU_H

#include <string.h>

#include "ucode.h"

#define CPU_MAX		  8 /* as many as `xo lab` gives */

#define CPU_ID		  0x0030 /* uint32_t */
#define CPU_REGISTERS	  0x0058 /* uint64_t each: RAX RCX RDX RBX RSP RBP RSI RDI R8... */
#define CPU_RIP		  0x00d8
#define CPU_ICOUNT	  0x0130 /* uint64_t; one more with each instruction and each longjmp */
#define CPU_IN_VMX_GUEST  0x8fc1 /* uint8_t */
#define CPU_EPTP	  0x9098
#define CPU_VPID	  0x90a0 /* uint16_t */
#define CPU_MODE	  0x93c0 /* uint32_t */
#define CPU_MODE_LONG64	  4
#define INSN_DISPLACEMENT 0x34 /* in bxInstruction_c: int32_t */

enum cpu_register { CPU_RSI = 6, CPU_RDI = 7 };

#define CPU_FIELD(type, name, offset)                                           \
	static inline type name(const void *cpu)                                \
	{                                                                       \
		type value;                                                     \
                                                                                \
		memcpy(&value, (const uint8_t *)cpu + (offset), sizeof(value)); \
		return value;                                                   \
	}

CPU_FIELD(uint32_t, cpu_id, CPU_ID)
CPU_FIELD(uint64_t, cpu_rip, CPU_RIP)
CPU_FIELD(uint64_t, cpu_icount, CPU_ICOUNT)
CPU_FIELD(uint8_t, cpu_in_guest, CPU_IN_VMX_GUEST)
CPU_FIELD(uint64_t, cpu_eptp, CPU_EPTP)
CPU_FIELD(uint16_t, cpu_vpid, CPU_VPID)
CPU_FIELD(uint32_t, cpu_mode, CPU_MODE)

static inline uint64_t cpu_register(const void *cpu, enum cpu_register n)
{
	uint64_t value;

	memcpy(&value, (const uint8_t *)cpu + CPU_REGISTERS + 8 * n, sizeof(value));
	return value;
}

/* Refuses when Bochs does not use these offsets. */
void cpu_init(void);
unsigned int cpu_count(void);
void *cpu_get(unsigned int id);

/* A handler in Bochs's table of instructions. */
typedef void cpu_insn_fn(void *cpu, void *insn);

/*
 * Let all instructions that Bochs executes by its function `name` be executed by `handler`, only in
 * their form with a memory operand, or only in that without. Returns Bochs's function. Refuses when
 * it does not stand in the table `count` times.
 */
cpu_insn_fn *cpu_replace_insn(const char *name, bool memory_form, unsigned int count,
			      cpu_insn_fn *handler);

/*
 * Store bytes at a linear address as an instruction at this privilege level would. Does not return
 * when that faults: Bochs goes on with the fault, and later with the whole instruction again.
 */
void cpu_store(void *cpu, uint64_t address, const void *data, size_t size);

/* VM exit here and now, at the boundary before the instruction at RIP. Does not return. */
void cpu_vm_exit(void *cpu, uint32_t reason, uint64_t qualification) __attribute__((noreturn));

#endif
