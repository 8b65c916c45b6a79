/* SPDX-License-Identifier: GPL-2.0 */
/* What kgate.S and kruntime.S call the fields of the pages around it, relative to the gate text. */
#ifndef XO_GATE_KLAYOUT_H
#define XO_GATE_KLAYOUT_H

#include <crossover/kgate.h>

/* clang-format off */
	.intel_syntax noprefix

#define VMFUNC .byte 0x0f, 0x01, 0xd4
#define REX    .byte 0x40;  /* a prefix without effect; see gate.S */

#define XO_INDEX_CALLEE 2   /* entries of the EPTP list; home is 0 */
#define XO_INDEX_KGATE	3

	.macro	FIELD name:req, value:req
	.set	\name, \value
	.endm

#define CR4_PGE	     7 /* a bit's number */
#define PRED_CMD     0x49 /* IA32_PRED_CMD; bit 0 is IBPB (SDM 4, table 2-2) */

#define XO_KRT_ENTER	0x100	/* offsets in their pages */
#define XO_KRT_BARRIER	0x80
#define XO_KHOME_ENTER	0x100
/* In gate text. So that no displacement is a bad instruction; gate-check tells. */
#ifndef XO_KGATE_LEAVE
#define XO_KGATE_ENTRY	0x15
#define XO_KGATE_LEAVE	0x85
#endif

	.macro	KWINDOW text:req
	FIELD	list_home, \text + XO_KGATE_LIST + XO_KLIST_HOME
	FIELD	list_gate, \text + XO_KGATE_LIST + XO_KLIST_GATE
	FIELD	list_callee, \text + XO_KGATE_LIST + XO_KLIST_CALLEE
	FIELD	vcpu_callee, \text + XO_KGATE_VCPU + XO_KVCPU_CALLEE
	FIELD	vcpu_home, \text + XO_KGATE_VCPU + XO_KVCPU_HOME
	FIELD	vcpu_gate, \text + XO_KGATE_VCPU + XO_KVCPU_GATE
	FIELD	rec_parked, \text + XO_KGATE_RECORD + XO_KREC_PARKED
	FIELD	rec_cr4, \text + XO_KGATE_RECORD + XO_KREC_CR4
	FIELD	rec_gdt, \text + XO_KGATE_RECORD + XO_KREC_GDT
	FIELD	rec_idt, \text + XO_KGATE_RECORD + XO_KREC_IDT
	FIELD	rec_gs, \text + XO_KGATE_RECORD + XO_KREC_GS
	FIELD	rec_rsp, \text + XO_KGATE_RECORD + XO_KREC_RSP
	FIELD	rec_cookie, \text + XO_KGATE_RECORD + XO_KREC_COOKIE
	FIELD	rec_cr0, \text + XO_KGATE_RECORD + XO_KREC_CR0
	FIELD	rec_cr3, \text + XO_KGATE_RECORD + XO_KREC_CR3
	.endm

	.macro	KSAVE text:req
	FIELD	hsave_gs, \text + XO_KGATE_SAVE + XO_KSAVE_GS
	FIELD	hsave_cr0, \text + XO_KGATE_SAVE + XO_KSAVE_CR0
	FIELD	hsave_cr4, \text + XO_KGATE_SAVE + XO_KSAVE_CR4
	FIELD	hsave_tss, \text + XO_KGATE_SAVE + XO_KSAVE_TSS
	FIELD	hsave_tr, \text + XO_KGATE_SAVE + XO_KSAVE_TR
	FIELD	hsave_flags, \text + XO_KGATE_SAVE + XO_KSAVE_FLAGS
	FIELD	hsave_gdt, \text + XO_KGATE_SAVE + XO_KSAVE_GDT
	FIELD	hsave_idt, \text + XO_KGATE_SAVE + XO_KSAVE_IDT
	FIELD	hsave_gdt_rw, \text + XO_KGATE_SAVE + XO_KSAVE_GDT_RW
	.endm

#endif
