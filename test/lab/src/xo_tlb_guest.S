/* SPDX-License-Identifier: GPL-2.0 */
/* What xo_tlb's virtual CPUs execute: each a few instructions, and then HLT. Copied to the VM. */
#include "crossover/mark.h"

	.section .rodata
	.macro	act name
	.globl	\name
\name:
	.endm

act guest_begin
act guest_read
	mov	(%rsi), %rax
	hlt
act guest_write
	mov	%rax, (%rsi)
	hlt
act guest_call				/* a RET is there */
	call	*%rsi
	hlt
act guest_nothing
	hlt
act guest_invlpg
	invlpg	(%rsi)
	hlt
act guest_invpcid			/* RAX: type, RDX: descriptor */
	invpcid	(%rdx), %rax
	hlt
act guest_invpcid_scaled		/* the same, its operand written otherwise */
	mov	%rdx, %rcx
	shr	$3, %rcx
	xor	%ebx, %ebx
	invpcid	(%rbx, %rcx, 8), %rax
	hlt
act guest_cr3
	mov	%rax, %cr3
	hlt
act guest_cr4				/* PGE off and on */
	mov	%cr4, %rax
	mov	%rax, %rdx
	btr	$7, %rax
	mov	%rax, %cr4
	mov	%rdx, %cr4
	hlt
act guest_name				/* RDI, RSI, RDX */
	.byte	0x0f, 0x1f, 0x84, 0x00
	.long	XO_MARK_MAGIC + (XO_MARK_TLB_NAME << 8)
	hlt
act guest_end

	.section .note.GNU-stack, "", @progbits
