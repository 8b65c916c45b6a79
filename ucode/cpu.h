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
#define CPU_PREV_RIP	  0x0110 /* of the instruction that is executed now */
#define CPU_ICOUNT	  0x0130 /* uint64_t; one more with each instruction and each longjmp */
#define CPU_SEGMENT_BASES 0x0160 /* uint64_t, one each 0x20 bytes: ES CS SS DS FS GS */
#define CPU_CR0		  0x029c /* uint32_t */
#define CPU_CR3		  0x02a8
#define CPU_CR4		  0x02b0 /* uint32_t */
#define CPU_IN_VMX_GUEST  0x8fc1 /* uint8_t */
#define CPU_PROC2_CTLS	  0x8ff0 /* uint32_t: secondary processor-based VM-execution controls */
#define CPU_EPTP	  0x9098
#define CPU_VPID	  0x90a0 /* uint16_t */
#define CPU_MODE	  0x93c0 /* uint32_t */
#define CPU_MODE_LONG64	  4
#define CPU_PROC2_EPT	  (1U << 1)
#define CPU_PROC2_VPID	  (1U << 5)

#define TLB_ENTRY_FRAME	  0x08 /* in bx_TLB_entry: uint64_t */
#define TLB_ENTRY_RIGHTS  0x18 /* uint32_t */
#define TLB_ENTRY_MASK	  0x20 /* uint32_t */
#define TLB_RIGHTS_GLOBAL (1U << 31)

/* In bxInstruction_c: numbers of registers, and int32_t. */
#define INSN_DST	  0x24
#define INSN_SRC	  0x25
#define INSN_SEGMENT	  0x28
#define INSN_BASE	  0x29
#define INSN_INDEX	  0x2a /* 4: none */
#define INSN_SCALE	  0x2b
#define INSN_DISPLACEMENT 0x34

enum cpu_register { CPU_RDX = 2, CPU_RSI = 6, CPU_RDI = 7 };

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
CPU_FIELD(uint64_t, cpu_prev_rip, CPU_PREV_RIP)
CPU_FIELD(uint64_t, cpu_icount, CPU_ICOUNT)
CPU_FIELD(uint32_t, cpu_cr0, CPU_CR0)
CPU_FIELD(uint64_t, cpu_cr3, CPU_CR3)
CPU_FIELD(uint32_t, cpu_cr4, CPU_CR4)
CPU_FIELD(uint32_t, cpu_proc2_ctls, CPU_PROC2_CTLS)
CPU_FIELD(uint8_t, cpu_in_guest, CPU_IN_VMX_GUEST)
CPU_FIELD(uint64_t, cpu_eptp, CPU_EPTP)
CPU_FIELD(uint16_t, cpu_vpid, CPU_VPID)
CPU_FIELD(uint32_t, cpu_mode, CPU_MODE)

/* RAX RCX RDX RBX RSP RBP RSI RDI R8..R15, RIP, and some that Bochs has for its own use. */
static inline uint64_t cpu_register(const void *cpu, unsigned int n)
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

/* Load as an instruction would. Does not return when that faults. */
uint64_t cpu_load(void *cpu, uint64_t address);

/* The linear address of the memory operand, in 64-bit mode. */
uint64_t cpu_operand(const void *cpu, const void *insn);

/* Let Bochs look all translations up again. */
void cpu_flush_tlb(void *cpu);

/* VM exit here and now, at the boundary before the instruction at RIP. Does not return. */
void cpu_vm_exit(void *cpu, uint32_t reason, uint64_t qualification) __attribute__((noreturn));

/* The same by an external interrupt of that vector, as if just acknowledged. Returns if the VM
 * takes its interrupts itself. */
void cpu_vm_exit_interrupt(void *cpu, uint8_t vector);

#endif
