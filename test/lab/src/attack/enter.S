/* SPDX-License-Identifier: GPL-2.0 */
/* Leaves C with every register chosen, and comes back with every one recorded. */
#include "attack.h"
#include "regs.h"

	.intel_syntax noprefix
	.text

	/* enter(const struct regs *in) */
	.globl	enter, enter_landed, enter_recover
enter:
	PUSH_CALLEE_SAVED
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
	POP_CALLEE_SAVED
	ret

	/* enter_full(const struct full *in, struct full *out, const void *entry) */
	.globl	enter_full
enter_full:
	PUSH_CALLEE_SAVED
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
	STORE_STATE
	fninit
	push	0x1f80
	ldmxcsr	[rsp]
	pop	rax
	pop	rsi
	POP_CALLEE_SAVED
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
