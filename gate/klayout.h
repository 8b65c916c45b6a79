/* SPDX-License-Identifier: GPL-2.0 */
/* What kgate.S calls the fields of the pages around it, relative to the gate text. */
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

	.macro	KWINDOW text:req
	FIELD	list_home, \text + XO_KGATE_LIST + XO_KLIST_HOME
	FIELD	list_gate, \text + XO_KGATE_LIST + XO_KLIST_GATE
	FIELD	list_callee, \text + XO_KGATE_LIST + XO_KLIST_CALLEE
	FIELD	vcpu_callee, \text + XO_KGATE_VCPU + XO_KVCPU_CALLEE
	FIELD	vcpu_home, \text + XO_KGATE_VCPU + XO_KVCPU_HOME
	FIELD	vcpu_gate, \text + XO_KGATE_VCPU + XO_KVCPU_GATE
	FIELD	rec_parked, \text + XO_KGATE_RECORD + XO_KREC_PARKED
	FIELD	rec_cr4, \text + XO_KGATE_RECORD + XO_KREC_CR4
	FIELD	rec_none, \text + XO_KGATE_RECORD + XO_KREC_NONE
	FIELD	rec_gdt, \text + XO_KGATE_RECORD + XO_KREC_GDT
	FIELD	rec_idt, \text + XO_KGATE_RECORD + XO_KREC_IDT
	FIELD	rec_gs, \text + XO_KGATE_RECORD + XO_KREC_GS
	FIELD	rec_rsp, \text + XO_KGATE_RECORD + XO_KREC_RSP
	FIELD	rec_cookie, \text + XO_KGATE_RECORD + XO_KREC_COOKIE
	FIELD	rec_cr0, \text + XO_KGATE_RECORD + XO_KREC_CR0
	FIELD	rec_cr3, \text + XO_KGATE_RECORD + XO_KREC_CR3
	FIELD	save_rsp, \text + XO_KGATE_SAVE + XO_KSAVE_RSP
	FIELD	save_gs, \text + XO_KGATE_SAVE + XO_KSAVE_GS
	FIELD	save_cr0, \text + XO_KGATE_SAVE + XO_KSAVE_CR0
	FIELD	save_cr4, \text + XO_KGATE_SAVE + XO_KSAVE_CR4
	FIELD	save_tss, \text + XO_KGATE_SAVE + XO_KSAVE_TSS
	FIELD	save_tr, \text + XO_KGATE_SAVE + XO_KSAVE_TR
	FIELD	save_flags, \text + XO_KGATE_SAVE + XO_KSAVE_FLAGS
	FIELD	save_gdt, \text + XO_KGATE_SAVE + XO_KSAVE_GDT
	FIELD	save_idt, \text + XO_KGATE_SAVE + XO_KSAVE_IDT
	FIELD	save_gdt_rw, \text + XO_KGATE_SAVE + XO_KSAVE_GDT_RW
	.endm

#endif
