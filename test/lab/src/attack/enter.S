/* SPDX-License-Identifier: GPL-2.0 */
/* Leaves C with every register chosen, and comes back with every one recorded. */
#include "attack.h"

	.intel_syntax noprefix
	.text

	.macro	CALLEE_SAVED op:req
	.irp	reg, rbx, rbp, r12, r13, r14, r15
	\op	\reg
	.endr
	.endm
	.macro	CALLEE_SAVED_BACK
	.irp	reg, r15, r14, r13, r12, rbp, rbx
	pop	\reg
	.endr
	.endm

	/* all but RAX, RSP from the struct regs at RAX */
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
	/* all but RAX, RSP to the struct regs at RAX */
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

	/* enter(const struct regs *in) */
	.globl	enter, enter_landed, enter_recover
enter:
	CALLEE_SAVED push
	mov	[rip + back_rsp], rsp
	rdfsbase rax
	mov	[rip + enter_back_fs], rax
	mov	rax, [rdi + REGS_RIP]
	mov	[rip + target], rax
	mov	rax, [rip + enter_base]	/* 0: FS base stays */
	test	rax, rax
	jz	1f
	wrfsbase rax
1:	wrgsbase rax
	mov	rax, rdi
	push	[rax + REGS_FLAGS]
	popfq
	LOAD_REGS
	mov	rsp, [rax + 4 * 8]
	mov	rax, [rax]
	jmp	[rip + target]

enter_landed:
	mov	[rip + enter_out], rax
	mov	[rip + enter_out + 4 * 8], rsp
	mov	rsp, [rip + back_rsp]
	pushfq
	pop	[rip + enter_out + REGS_FLAGS]
	lea	rax, [rip + enter_out]
	STORE_REGS
enter_recover:
	mov	rsp, [rip + back_rsp]
	mov	rax, [rip + enter_back_fs]
	wrfsbase rax
	xor	eax, eax
	wrgsbase rax
	push	0x202
	popfq
	CALLEE_SAVED_BACK
	ret

	/* enter_full(const struct full *in, struct full *out, const void *entry) */
	.globl	enter_full
enter_full:
	CALLEE_SAVED push
	push	rsi
	mov	[rip + back_rsp], rsp
	mov	[rip + target], rdx
	mov	rcx, rdi
	mov	eax, XSAVE_MASK
	xor	edx, edx
	xrstor	[rcx + FULL_XSAVE]
	ldmxcsr	[rcx + FULL_MXCSR]
	fldcw	[rcx + FULL_FCW]
	mov	rax, rcx
	push	[rax + REGS_FLAGS]
	popfq
	LOAD_REGS
	mov	rax, [rax]
	call	[rip + target]
	mov	[rip + full_rax], rax
	pushfq
	mov	rax, [rsp + 8]		/* out */
	STORE_REGS
	pop	[rax + REGS_FLAGS]
	push	0x202			/* no DF, no AC from here on */
	popfq
	mov	[rax + 4 * 8], rsp
	mov	rcx, rax
	mov	rax, [rip + full_rax]
	mov	[rcx], rax
	rdfsbase rax
	mov	[rcx + REGS_FLAGS + 8], rax
	rdgsbase rax
	mov	[rcx + REGS_FLAGS + 16], rax
	stmxcsr	[rcx + FULL_MXCSR]
	fnstcw	[rcx + FULL_FCW]
	mov	eax, XSAVE_MASK
	xor	edx, edx
	xsave	[rcx + FULL_XSAVE]
	fninit
	push	0x1f80
	ldmxcsr	[rsp]
	pop	rax
	pop	rsi
	CALLEE_SAVED_BACK
	ret

	.bss
	.balign	8
	.globl	enter_out, enter_back_fs, enter_base
back_rsp:	.skip	8
enter_back_fs:	.skip	8
enter_base:	.skip	8
target:		.skip	8
full_rax:	.skip	8
enter_out:	.skip	144
	.section .note.GNU-stack, "", @progbits
