/* SPDX-License-Identifier: GPL-2.0 */
/* Ring 0 or 3 with every register chosen, and back by the first exception. */
#include "xo_attack.h"
#include "regs.h"

	.intel_syntax noprefix
	.text

	/* xa_go(struct xa_run *rdi, u64 cr3) */
	.globl	xa_go
xa_go:
	PUSH_CALLEE_SAVED
	pushfq
	mov	[rip + saved_rsp], rsp
	rdgsbase rax
	mov	[rip + saved_gs], rax
	rdfsbase rax
	mov	[rip + saved_fs], rax
	mov	rax, cr3
	mov	[rip + saved_cr3], rax
	sidt	[rip + saved_idt]
	mov	rax, [rdi + XA_RIP]
	mov	[rip + target], rax
	lidt	[rip + xa_idtr]
	mov	cr3, rsi
	mov	rax, rdi
	cmp	dword ptr [rax + XA_RING3], 0
	jne	ring3
	push	[rax + XA_FLAGS]
	popfq
	LOAD_REGS
	mov	rsp, [rax + 4 * 8]
	mov	rax, [rax]
	jmp	[rip + target]

ring3:	push	XA_USER_SS
	push	[rax + 4 * 8]
	push	[rax + XA_FLAGS]
	push	XA_USER_CS
	push	[rax + XA_RIP]
	LOAD_REGS
	mov	rax, [rax]
	iretq

	/* Where home text of a gate leads to: "landed" */
	.globl	xa_landing
xa_landing:
	ud2

	/* On a stack of its own: vector, error, RIP, CS, RFLAGS, RSP, SS */
caught:
	mov	[rip + xa_out], rax
	lea	rax, [rip + xa_out]
	STORE_REGS
	pop	rcx
	mov	[rip + xa_vector], rcx
	pop	rcx
	pop	rcx
	mov	[rax + XA_RIP], rcx
	pop	rcx
	pop	rcx
	mov	[rax + XA_FLAGS], rcx
	pop	rcx
	mov	[rax + 4 * 8], rcx
	mov	rax, [rip + saved_cr3]
	mov	cr3, rax
	lidt	[rip + saved_idt]
	mov	rax, [rip + saved_gs]
	wrgsbase rax
	mov	rax, [rip + saved_fs]
	wrfsbase rax
	mov	rsp, [rip + saved_rsp]
	popfq
	POP_CALLEE_SAVED
	ret
	int3

	/* 32 entries of 16 bytes */
	.balign	16
	.globl	xa_stubs
xa_stubs:
	.set	n, 0
	.rept	32
	.balign	16, 0xcc
	.if	!((0x60227d00 >> n) & 1) /* 8, 10 to 14, 17, 21, 29, 30 push an error code */
	push	0
	.endif
	push	n
	jmp	caught
	.set	n, n + 1
	.endr

	.data
	.balign	8
	.globl	xa_out, xa_vector, xa_idtr
xa_out:		.skip	144
xa_vector:	.quad	0
saved_rsp:	.quad	0
saved_gs:	.quad	0
saved_fs:	.quad	0
saved_cr3:	.quad	0
target:		.quad	0
saved_idt:	.skip	16
xa_idtr:	.skip	16
	.section .note.GNU-stack, "", @progbits
