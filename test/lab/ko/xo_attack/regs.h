/* SPDX-License-Identifier: GPL-2.0 */
/* For assembly in Intel's syntax: general registers from and to 16 quadwords at RAX, in the
 * processor's order, and those that C keeps across a call. */
#ifndef XO_ATTACK_REGS_H
#define XO_ATTACK_REGS_H
/* clang-format off */

	.macro	PUSH_CALLEE_SAVED
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	push	\reg
	.endr
	.endm
	.macro	POP_CALLEE_SAVED
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	\reg
	.endr
	.endm

	/* all but RAX, RSP */
	.macro	LOAD_REGS
	mov	rcx, [rax + 1 * 8]
	mov	rdx, [rax + 2 * 8]
	mov	rbx, [rax + 3 * 8]
	mov	rbp, [rax + 5 * 8]
	mov	rsi, [rax + 6 * 8]
	mov	rdi, [rax + 7 * 8]
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	r\n, [rax + \n * 8]
	.endr
	.endm
	/* all but RAX, RSP */
	.macro	STORE_REGS
	mov	[rax + 1 * 8], rcx
	mov	[rax + 2 * 8], rdx
	mov	[rax + 3 * 8], rbx
	mov	[rax + 5 * 8], rbp
	mov	[rax + 6 * 8], rsi
	mov	[rax + 7 * 8], rdi
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	mov	[rax + \n * 8], r\n
	.endr
	.endm
	/* FS, GS base, control words, vector state to the struct full at RCX; RAX, RDX are lost */
	.macro	STORE_STATE
	rdfsbase rax
	mov	[rcx + REGS_FLAGS + 8], rax
	rdgsbase rax
	mov	[rcx + REGS_FLAGS + 16], rax
	stmxcsr	[rcx + FULL_MXCSR]
	fnstcw	[rcx + FULL_FCW]
	mov	eax, XSAVE_MASK
	xor	edx, edx
	xsave	[rcx + FULL_XSAVE]
	.endm

#endif
