/* SPDX-License-Identifier: GPL-2.0 */
/* The parts of the attack services that know every register. */
#include "attack.h"
#include "regs.h"

	.intel_syntax noprefix
	.text

	.globl	attack_entry, service_jump, service_dirty, service_hold
attack_entry:
	pushfq
	cmp	rdi, OP_RECORD
	je	record
	cmp	rdi, OP_DIRTY
	je	dirty
	lea	rsp, [rsp + 8]
	jmp	service_do

record:
	mov	[rip + service_full], rax
	lea	rax, [rip + service_full]
	STORE_REGS
	pop	[rax + REGS_FLAGS]
	mov	[rax + 4 * 8], rsp
	mov	rcx, rax
	STORE_STATE
	mov	rdi, [rsp + 8]
	jmp	service_recorded

	/* Something of ours in every register there is. */
	.macro	FILL
	.irp	reg, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	mov	\reg, [rip + service_pattern]
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vmovdqu	ymm\n, [rip + service_pattern]
	.endr
	fld1
	fld1
	fldpi
	fldcw	[rip + strange_fcw]
	ldmxcsr	[rip + strange_mxcsr]
	mov	rax, 0x123456789000
	wrfsbase rax
	wrgsbase rax
	.endm

dirty:
	pop	rax
	FILL
	push	0x40cd7			/* AC, DF, and all that arithmetic sets */
	mov	eax, RESULT_DIRTY
	popfq
	ret

	/* service_hold(n): bits of what did not stay: 0 */
service_hold:
	PUSH_CALLEE_SAVED
	push	rdi
	fninit
	FILL
	std
	mov	rax, [rsp]
1:	dec	rax
	jnz	1b
	pushfq
	pop	rax
	cld
	test	eax, 0x400
	mov	eax, 0
	setz	al			/* 1: DF */
	.irp	reg, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
	cmp	\reg, [rip + service_pattern]
	je	2f
	or	eax, 2
2:
	.endr
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	vpxor	ymm\n, ymm\n, [rip + service_pattern]
	vptest	ymm\n, ymm\n
	jz	2f
	or	eax, 4
2:
	.endr
	rdfsbase rdx
	rdgsbase rcx
	mov	rsi, 0x123456789000
	cmp	rdx, rsi
	je	2f
	or	eax, 8
2:	cmp	rcx, rsi
	je	2f
	or	eax, 16
2:	stmxcsr	[rsp - 8]
	mov	edx, [rsp - 8]
	cmp	edx, [rip + strange_mxcsr]
	je	2f
	or	eax, 32
2:	fnstcw	[rsp - 8]
	mov	dx, [rsp - 8]
	cmp	dx, [rip + strange_fcw]
	je	2f
	or	eax, 64
2:	fnstsw	[rsp - 8]
	mov	dx, [rsp - 8]
	and	dx, 0x3800		/* three were pushed: TOP is 5 */
	cmp	dx, 0x2800
	je	2f
	or	eax, 128
2:	fninit
	pop	rdi
	POP_CALLEE_SAVED
	ret

	/* service_jump(struct regs *): RSP 0 there means to keep ours */
service_jump:
	mov	rax, [rdi + REGS_RIP]
	mov	[rip + jump_to], rax
	mov	rax, rdi
	push	[rax + REGS_FLAGS]
	popfq
	mov	rcx, [rax + 4 * 8]
	jrcxz	1f
	mov	rsp, rcx
1:	LOAD_REGS
	mov	rax, [rax]
	jmp	[rip + jump_to]

	.section .rodata
strange_mxcsr:	.long	0xffa0		/* flush to zero, round to zero, a flag set */
strange_fcw:	.word	0x0c7f

	.data
	.balign	8
jump_to:	.quad	0
	.section .note.GNU-stack, "", @progbits
