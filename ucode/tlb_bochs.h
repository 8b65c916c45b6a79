/* SPDX-License-Identifier: GPL-2.0 */
/* The TLB model (tlb.h) of the emulated CPUs: on if LAB_ENV_TLB is in the environment, else nothing
 * of Bochs is touched for it. */
#ifndef CROSSOVER_UCODE_TLB_BOCHS_H
#define CROSSOVER_UCODE_TLB_BOCHS_H

#include <stdbool.h>
#include <stdint.h>

/* Bochs: causes in bx_instr_tlb_cntrl() */
enum tlb_control {
	TLB_CONTROL_CR0 = 10,
	TLB_CONTROL_CR3,
	TLB_CONTROL_CR4,
	TLB_CONTROL_TASK,
	TLB_CONTROL_CONTEXT, /* the end of a VM entry and of a VM exit */
	TLB_CONTROL_INVLPG,
	TLB_CONTROL_INVEPT,
	TLB_CONTROL_INVVPID,
	TLB_CONTROL_INVPCID,
};

extern bool tlb_on;

/* Called by count.c, which has Bochs's stubs, when it is on. */
void tlb_control(void *cpu, unsigned int what, uint64_t value);
void tlb_vm_exit(void *cpu, unsigned int reason);
void tlb_exception(void *cpu, unsigned int vector);

/* The marks of the same name. */
void tlb_mark_name(void *cpu, unsigned int id);
void tlb_mark_revoke(void *cpu, unsigned int id);
void tlb_mark_read(void *cpu, unsigned int version);

/* Tell xo lab what came of it. */
void tlb_tell(void);

#endif
