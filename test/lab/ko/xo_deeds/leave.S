/* SPDX-License-Identifier: GPL-2.0 */
/* Leaves a visit with every register chosen; and the ways back of who got lost. */
#include <crossover/kgate.h>
#include "kgate_blob.h"
#include "regs.h"

	.intel_syntax noprefix
	.text

#define XO_RET (XO_KGATE_BASE + XO_KGATE_RT + XO_L_krt_ret)

/* In place of xo_visit_landing behind its call. RAX: the status; RBX: the gate's CR3. */
	.globl	xd_leave
xd_leave:
	cli
	mov	[rip + xd_home_rsp], rsp
	mov	[rip + xd_home_rbx], rbx
	mov	[rip + xd_home_rdx], rax
	mov	rax, [rip + xd_leave_gs]
	wrgsbase rax
	lea	rax, [rip + xd_regs]
	LOAD_REGS
	mov	rsp, [rip + xd_flags_at]
	popfq
	mov	rsp, [rax + 4 * 8]
	mov	rax, [rax]
	jmp	[rip + xd_target]
	int3

/* With CS and SS of its own GDT. */
	.globl	xd_own_segments
xd_own_segments:
	mov	rsp, [rip + xd_home_rsp]
	lgdt	[rip + xd_own_gdt]
	push	0xa8			/* XD_SS, RSP, flags, XD_CS, RIP */
	push	[rip + xd_home_rsp]
	push	2
	push	0xa0
	movabs	rax, XO_RET
	push	rax
	iretq
	int3

/* With a single step behind it. */
	.globl	xd_step
xd_step:
	mov	rsp, [rip + xd_home_rsp]
	push	0x102
	popfq
	jmp	[rip + ret_at]
	int3

/* By the book, from wherever it was: natively too. */
	.globl	xd_recover
xd_recover:
	push	2
	popfq
	lgdt	[rip + xd_kernel_gdt]
	lidt	[rip + xd_kernel_idt]
	mov	rax, [rip + xd_gs]
	wrgsbase rax
	mov	rax, [rip + xd_cr4]
	mov	cr4, rax
	inc	qword ptr [rip + xd_recovered]
	mov	rsp, [rip + xd_home_rsp]
	mov	rbx, [rip + xd_home_rbx]
	mov	rdx, [rip + xd_home_rdx]
	movabs	rax, XO_RET
	jmp	rax
	int3

/* u64 xd_push_nowhere(u64 rsp) */
	.globl	xd_push_nowhere
xd_push_nowhere:
	mov	[rip + saved_rsp], rsp
	mov	dword ptr [rip + xd_df_expected], 1
	mov	rsp, rdi
	push	rdi
	mov	rsp, [rip + saved_rsp]	/* it was mapped after all */
	xor	eax, eax
	ret
	int3

/* In the callee's IDT, on a stack of its own: of xd_push_nowhere(), or of who lost RSP in the window. */
	.globl	xd_double_fault
xd_double_fault:
	cmp	dword ptr [rip + xd_df_expected], 0
	je	1f
	mov	dword ptr [rip + xd_df_expected], 0
	mov	rsp, [rip + saved_rsp]
	mov	eax, 1
	ret
1:	push	rax
	push	rcx
	mov	rax, [rsp + 24]		/* RIP, above the error code */
	movabs	rcx, XO_KGATE_BASE
	sub	rax, rcx
	cmp	rax, 0x10000
	pop	rcx
	pop	rax
	jb	xd_recover
	jmp	[rip + xd_old_df]
	int3

/* void xd_ring3(u64 rip, u64 rsp): IRETQ; never back */
	.globl	xd_ring3
xd_ring3:
	push	0x2b
	push	rsi
	push	0x202
	push	0x33
	push	rdi
	iretq
	int3

	.data
	.balign	8
	.globl	xd_leave_gs, xd_regs, xd_flags, xd_flags_at, xd_target, xd_gs, xd_cr4
	.globl	xd_home_rsp, xd_home_rbx, xd_home_rdx, xd_recovered, xd_old_df, xd_df_expected
xd_regs:	.skip	128
xd_flags_at:	.quad	xd_flags
xd_flags:	.quad	0
xd_target:	.quad	0
xd_gs:		.quad	0
xd_leave_gs:	.quad	0
xd_cr4:		.quad	0
ret_at:		.quad	XO_RET
xd_home_rsp:	.quad	0
xd_home_rbx:	.quad	0
xd_home_rdx:	.quad	0
xd_recovered:	.quad	0
xd_old_df:	.quad	0
saved_rsp:	.quad	0
xd_df_expected:	.long	0
	.section .note.GNU-stack, "", @progbits
