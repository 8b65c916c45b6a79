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
 * RDI, RSI: to the stub's function as arguments 1 and 2. Out: RDX value, ESI status.
 *
 * As in gate.S: operands relative to RIP only, no indirect branch, verification last, and encodings
 * that have nothing bad in their middle; gate-check proves it.
 */
#include "klayout.h"

	.globl	kgate_entry, kgate_in, kgate_callee, kgate_leave, kgate_out, kgate_home, kgate_bad, kgate_end

	.section .kgate, "ax"
kgate_text:
	.org	XO_KGATE_ENTRY, 0xcc
kgate_entry:				/* home, interrupts off, the gate's page tables */
	rex mov	ecx, XO_INDEX_KGATE
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

/* ------------------------------------------------------------------ callee's context */
kgate_callee:
	jmp	kgate_text + XO_KGATE_RT + XO_KRT_ENTER

	.org	XO_KGATE_LEAVE, 0xcc	/* the runtime jumps here */
kgate_leave:
	rex mov	ecx, XO_INDEX_KGATE
	xor	rax, rax
	VMFUNC

/* ------------------------------------------------------------------ gate context, on the way out */
kgate_out:
	mov	[rip + list_callee], rax /* 0, as above */
	mov	rax, [rip + vcpu_gate]
	mov	[rip + list_gate], rax
	mov	rax, [rip + vcpu_home]
	mov	[rip + list_home], rax

	mov	rdi, [rip + vcpu_gate]
	xor	rdi, [rip + list_gate]
	mov	rax, [rip + vcpu_home]
	xor	rax, [rip + list_home]
	or	rax, [rip + list_callee]
	or	rax, rdi
	REX jnz	kgate_bad
	mov	ecx, eax		/* XO_INDEX_HOME */
	VMFUNC

/* ------------------------------------------------------------------ home again */
kgate_home:
	jmp	kgate_text + XO_KGATE_HOME + XO_KHOME_ENTER

kgate_bad:				/* VMCALL exits, and the host ends the call */
	rex vmcall
	int3
kgate_end:
	.org	0x1000, 0xcc

	KWINDOW	kgate_text
