/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The runtime of a service context: its window's page XO_GATE_RT. docs/gates.md explains each line.
 * Assembled twice: for services that declare general registers only, and with XO_VECTOR.
 *
 * Who arrives	gate_svc, behind VMFUNC 2; so EAX = 0, ECX = 2 and the CPL is 3. All other registers,
 *		the flags, and the tables behind IDTR are the caller's choice, its kernel's too.
 *		The service itself, which is hostile to its caller, may jump to any byte of it.
 * Trusted	this page, the visit page, and for the slot's owner what the host keeps in the SSA.
 * Leaves	to gate_leave: rdx result, esi status, nothing else of the service.
 *
 * What an exit finds, by RIP (the host's table in docs/vmfunc.md):
 *	rt_enter .. rt_acq	nothing has happened; at rt_acq ZF decides
 *	rt_own .. rt_free	the slot is taken: the registers are half a call
 *	rt_free			the result stands
 *	rt_closed .. rt_closed_free	the slot is taken, and the call will not be begun
 *	rt_closed_free		REVOKED stands
 *	rt_slow .. rt_racq	nothing has happened; at rt_racq ZF decides
 *	rt_load .. rt_load_end	half-loaded: the saved registers stand
 *	rt_busy, rt_nores, rt_end	the end of those two ranges is known: BUSY, NORES
 */
#include "layout.h"

	.globl	rt_enter, rt_acq, rt_own, rt_bad, rt_call, rt_free, rt_slow, rt_racq, rt_load
	.globl	rt_closed, rt_closed_free
	.globl	rt_bad_load, rt_load_end, rt_busy, rt_nores, rt_end

	/* The initial state of all vector and x87 registers; EDX needs no value, XCR0 ends at bit 31 */
	.macro	XRSTOR_FROM where:req
	mov	eax, XO_GATE_XSTATE
	xrstor	[rip + \where]
	.endm

	/*
	 * No exception of the service may end in a handler of the caller's kernel: with an IDT in
	 * memory that both see (the buffer) it would run with the service's pages. The IDT must lie
	 * in the upper half, where a service context maps nothing. ORDER: the slot is owned, else a
	 * second vCPU writes over the answer; before anything that can raise an exception.
	 */
	.macro	NO_IDT bad:req
	sidt	[rip + ssa_idtr]
	cmp	byte ptr [rip + ssa_idtr + 9], 0
	js	3f
\bad:	vmcall
3:
	.endm

	.section .rt, "ax"
	.set	gate_text, rt_page - XO_GATE_RT
rt_page:
	.org	XO_RT_ENTER, 0xcc
rt_enter:
	lea	rsp, [rip + stack_top - 8]
	mov	eax, ebx		/* 0 for a call; no other 32-bit number is ever in BUSY */
	lock cmpxchg [rip + ssa_busy], rsp
rt_acq:
	jnz	rt_slow
rt_own:
	push	0x202
	popfq				/* no DF, AC, TF of the caller */
	NO_IDT	rt_bad
	lea	r11, [rip + visit_public]
	push	r11			/* argument 7; the stack is aligned as the ABI wants it */
	XRSTOR_FROM visit_xinit
	wrfsbase ebx			/* 0: a call is here because ebx was */
	wrgsbase ebx
	xor	ebp, ebp
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r14d, r14d
	xor	r15d, r15d
	mov	rcx, r10
rt_call:
	call	[rip + visit_entry]
	mov	rdx, rax
#ifdef XO_VECTOR
	XRSTOR_FROM visit_xinit
#endif
	xor	esi, esi		/* XO_GATE_OK */
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	mov	qword ptr [rip + ssa_busy], 0
rt_free:
	jmp	gate_leave

rt_closed:				/* visit_entry leads here while calls may end and none begin */
	mov	esi, XO_GATE_REVOKED
	xor	edx, edx
	mov	qword ptr [rip + ssa_busy], 0
rt_closed_free:
	jmp	gate_leave

rt_slow:				/* taken: by the call to be resumed, or by another */
	test	ebx, ebx
	jz	rt_busy
	mov	eax, 1
	xor	ecx, ecx
	lock cmpxchg [rip + ssa_valid], rcx
rt_racq:
	jnz	rt_nores
rt_load:
	NO_IDT	rt_bad_load
#ifdef XO_VECTOR
	XRSTOR_FROM xsave
#else
	XRSTOR_FROM visit_xinit
#endif
	mov	rax, [rip + ssa_fs]
	wrfsbase rax
	mov	rax, [rip + ssa_gs]
	wrgsbase rax
	lea	rsp, [rip + ssa_rflags]
	popfq
	mov	rax, [rip + ssa_regs + 0 * 8]
	mov	rcx, [rip + ssa_regs + 1 * 8]
	mov	rdx, [rip + ssa_regs + 2 * 8]
	mov	rbx, [rip + ssa_regs + 3 * 8]
	mov	rsp, [rip + ssa_regs + 4 * 8]
	mov	rbp, [rip + ssa_regs + 5 * 8]
	mov	rsi, [rip + ssa_regs + 6 * 8]
	mov	rdi, [rip + ssa_regs + 7 * 8]
	mov	r8, [rip + ssa_regs + 8 * 8]
	mov	r9, [rip + ssa_regs + 9 * 8]
	mov	r10, [rip + ssa_regs + 10 * 8]
	mov	r11, [rip + ssa_regs + 11 * 8]
	mov	r12, [rip + ssa_regs + 12 * 8]
	mov	r13, [rip + ssa_regs + 13 * 8]
	mov	r14, [rip + ssa_regs + 14 * 8]
	mov	r15, [rip + ssa_regs + 15 * 8]
	jmp	[rip + ssa_rip]
rt_load_end:

rt_busy:
	mov	esi, XO_GATE_BUSY
	xor	edx, edx
	jmp	gate_leave
rt_nores:
	mov	esi, XO_GATE_NORES
	xor	edx, edx
	jmp	gate_leave
rt_end:
	.org	0x1000, 0xcc

	SLOT	gate_text
