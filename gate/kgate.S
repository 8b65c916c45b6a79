/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel-world gate text: page 0 of the window of crossover/kgate.h. docs/visitors.md explains it.
 *
 * Who arrives	anybody in ring 0 of the caller's VM or, on the way out, of the callee's, who maps a
 *		page there: at any byte, with any registers, flags, stack and tables, by a VMFUNC 3.
 *		(Ring 3 cannot load the CR3 under which alone something is mapped here.)
 * Trusted	what the gate context maps, and that it maps nothing which a guest can write.
 * Leaves	to the context of the record that the vCPU is bound to; home to the vCPU's own EPT.
 *
 * Registers: in RDI, RSI, to the stub's function as arguments 1 and 2; RDX there is the record's
 * cookie, RBX the gate's CR3. Out: RDX value, ESI status. All others are cleared.
 *
 * As in gate.S: operands relative to RIP only, no indirect branch, verification last.
 */
#include "klayout.h"

	.globl	kgate_entry, kgate_in, kgate_callee, kgate_land, kgate_ret, kgate_leave, kgate_out
	.globl	kgate_home, kgate_mine, kgate_absent, kgate_bad, kgate_end

	.section .kgate, "ax"
kgate_text:
	.org	0x10, 0xcc
kgate_entry:				/* home, interrupts off, the gate's page tables */
	mov	ecx, XO_INDEX_KGATE
	xor	rax, rax
	VMFUNC

/* ------------------------------------------------------------------ gate context, on the way in */
kgate_in:
	mov	[rip + list_home], rax	/* 0, VMFUNC's leaf; if not, that is found out below */
	mov	[rip + list_gate], rax
	mov	rax, [rip + vcpu_callee]
	mov	[rip + list_callee], rax

	mov	rax, [rip + vcpu_callee] /* verify: both sides are read anew */
	xor	rax, [rip + list_callee]
	or	rax, [rip + list_home]
	or	rax, [rip + list_gate]
	REX jnz	kgate_bad
	lea	ecx, [rax + XO_INDEX_CALLEE]
	VMFUNC

/* ------------------------------------------------------------------ callee's context, gate's tables
 * Nobody lands here but behind the VMFUNC above. ORDER: what a hostile caller may have set is looked
 * at or overwritten before anything of the callee's is used. */
kgate_callee:
	cmp	dword ptr [rip + rec_parked], 1
	jne	kgate_absent
	mov	rax, cr4
	cmp	rax, [rip + rec_cr4]
	jne	kgate_absent
	mov	eax, 2			/* T1: nothing cached of an earlier visit counts */
	invpcid	rax, [rip + rec_none]
	lgdt	[rip + rec_gdt]
	lidt	[rip + rec_idt]
	mov	rax, [rip + rec_gs]
	wrgsbase rax
	mov	rsp, [rip + rec_rsp]
	mov	rdx, [rip + rec_cookie]
	mov	rbx, cr3
	mov	rax, [rip + rec_cr0]	/* WP as the callee has it; TS: the first use of the FPU evicts */
	mov	cr0, rax
	mov	rax, [rip + rec_cr3]
	mov	cr3, rax
	push	2			/* the stub's page tables and stack from here on */
	popfq
	xor	ecx, ecx
	xor	ebp, ebp
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r14d, r14d
	xor	r15d, r15d
kgate_land:				/* from here on it is the stub's */
	jmp	kgate_text + XO_KGATE_LANDING

kgate_ret:				/* RDX: value. Interrupts are off */
	mov	cr3, rbx
	xor	esi, esi		/* XO_KGATE_OK */
kgate_leave:
	mov	ecx, XO_INDEX_KGATE
	xor	rax, rax
	VMFUNC

/* ------------------------------------------------------------------ gate context, on the way out */
kgate_out:
	mov	[rip + list_callee], rax /* 0, as above */
	mov	rax, [rip + vcpu_gate]
	mov	[rip + list_gate], rax
	mov	rax, [rip + vcpu_home]
	mov	[rip + list_home], rax

	mov	rcx, [rip + vcpu_gate]
	xor	rcx, [rip + list_gate]
	mov	rax, [rip + vcpu_home]
	xor	rax, [rip + list_home]
	or	rax, [rip + list_callee]
	or	rax, rcx
	REX jnz	kgate_bad
	mov	ecx, eax		/* XO_INDEX_HOME */
	VMFUNC

/* ------------------------------------------------------------------ home again
 * The callee may have left anything in what follows. Interrupts are off, and there is no exit but
 * the host puts all of it right and lets it be done again; so nothing of the callee's is used. */
kgate_home:
	lgdt	[rip + save_gdt_rw]
	mov	rax, [rip + save_tss]
	and	byte ptr [rax + 5], 0xfd /* available, as LTR wants it */
	mov	eax, [rip + save_tr]
	ltr	ax
	lgdt	[rip + save_gdt]
	lidt	[rip + save_idt]
	xor	eax, eax
	lldt	ax
	mov	rax, [rip + save_cr4]
	mov	cr4, rax
	mov	rax, [rip + save_cr0]
	mov	cr0, rax
	mov	rax, [rip + save_gs]
	wrgsbase rax
	lea	rsp, [rip + save_flags]
	popfq
	mov	rsp, [rip + save_rsp]
kgate_mine:
	xor	ebx, ebx
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	ret

kgate_absent:
	mov	esi, XO_KGATE_ABSENT
	xor	edx, edx
	jmp	kgate_leave

kgate_bad:				/* VMCALL exits, and the host ends the call */
	vmcall
	mov	esi, XO_KGATE_FAULT
	xor	edx, edx
	jmp	kgate_home
kgate_end:
	.org	0x1000, 0xcc

	KWINDOW	kgate_text
