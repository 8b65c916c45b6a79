/* SPDX-License-Identifier: GPL-2.0 */
/* What gate.S and runtime.S call the fields of the pages around them, relative to the gate text. */
#ifndef XO_GATE_LAYOUT_H
#define XO_GATE_LAYOUT_H

#include <crossover/gate.h>

/* clang-format off */
	.intel_syntax noprefix

#define VMFUNC .byte 0x0f, 0x01, 0xd4
#define REX    .byte 0x40;  /* a prefix without effect; see gate.S */

#define XO_INDEX_GATE 1	    /* entries of the EPTP list; home is 0 */
#define XO_INDEX_SVC  2
#define XO_USER_CS    0x33  /* Linux's, 64-bit, RPL 3 */
#define XO_RT_ENTER   0x100 /* offset of rt_enter in its page */

	.macro	FIELD name:req, value:req
	.set	\name, \value
	.endm

	/* ORDER: each is a label of this section plus a number, so that no relocation is left */
	.macro	SLOT text:req
	FIELD	const_svc, \text + XO_GATE_CONST + XO_CONST_SVC
	FIELD	vcpu_home, \text + XO_GATE_VCPU + XO_VCPU_HOME
	FIELD	list_home, \text + XO_GATE_LIST + XO_LIST_HOME
	FIELD	list_svc, \text + XO_GATE_LIST + XO_LIST_SVC
	FIELD	save_rsp, \text + XO_GATE_SAVE + XO_SAVE_RSP
	FIELD	save_fs, \text + XO_GATE_SAVE + XO_SAVE_FS
	FIELD	save_gs, \text + XO_GATE_SAVE + XO_SAVE_GS
	FIELD	save_calls, \text + XO_GATE_SAVE + XO_SAVE_CALLS
	FIELD	save_mxcsr, \text + XO_GATE_SAVE + XO_SAVE_MXCSR
	FIELD	save_fcw, \text + XO_GATE_SAVE + XO_SAVE_FCW
	FIELD	save_flags, \text + XO_GATE_SAVE + XO_SAVE_FLAGS
	FIELD	save_stack, \text + XO_GATE_SAVE + 0xf00
	FIELD	visit_entry, \text + XO_GATE_CONST + XO_VISIT_ENTRY
	FIELD	visit_xinit, \text + XO_GATE_CONST + XO_VISIT_XINIT
	FIELD	visit_public, \text + XO_GATE_CONST + XO_VISIT_PUBLIC
	FIELD	ssa_busy, \text + XO_GATE_SSA + XO_SSA_BUSY
	FIELD	ssa_valid, \text + XO_GATE_SSA + XO_SSA_VALID
	FIELD	ssa_rip, \text + XO_GATE_SSA + XO_SSA_RIP
	FIELD	ssa_rflags, \text + XO_GATE_SSA + XO_SSA_RFLAGS
	FIELD	ssa_regs, \text + XO_GATE_SSA + XO_SSA_REGS
	FIELD	ssa_fs, \text + XO_GATE_SSA + XO_SSA_FS
	FIELD	ssa_gs, \text + XO_GATE_SSA + XO_SSA_GS
	FIELD	ssa_idtr, \text + XO_GATE_SSA + XO_SSA_IDTR
	FIELD	xsave, \text + XO_GATE_XSAVE
	FIELD	stack_top, \text + XO_GATE_STACK_TOP
	.endm

#endif
