/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The guest kernel's side of the kernel-world gate: how a caller enters it, and where a callee's
 * stub waits, is called, and goes on when a call of it has been evicted. docs/visitors.md.
 *
 * Nothing here is a function for objtool: it changes page tables and stacks.
 */
#include <asm/asm.h>
#include <asm/msr-index.h>
#include <asm/processor-flags.h>
#include <asm/segment.h>
#include <crossover/kgate.h>
#include <crossover/mark.h>
#include "kgate_blob.h"

/*
 * In the build for measuring, and in no other, marks part a visit: the way to the callee's function,
 * that function, the way back. Lab tests and benchmarks read them (test/lab/src/crossing.h).
 */
#ifdef XO_COUNT_CROSSING
#define PART(op, part) XO_MARK(op, part)
#else
#define PART(op, part)
#endif

	.intel_syntax noprefix
	.text

#define XO_ENTRY (XO_KGATE_BASE + XO_L_kgate_entry)
#define XO_PARK	 0x584f000a /* XO_HC_BASE + XO_HC_PARK */
#define XO_RET	 (XO_KGATE_BASE + XO_KGATE_RT + XO_L_krt_ret)

/*
 * u64 xo_visit_enter(u64 slot, u64 seq, void *save, u64 cr3, u64 *value)
 * Interrupts off. Returns the status, and XO_KGATE_HOST or 0. A callee sees none of our registers,
 * and keeps none. Each load of CR3 flushes: there are no PCIDs (docs/visitors.md, "Stale translations").
 *
 * xo_visit_enter_ibpb() clears what the callee taught the branch predictors, before any of ours that
 * could be predicted; the host's runtime did so for the callee. (Of a visit that ended by an exit the
 * host does it too. A vCPU that is bound no more may be refused: that is no error.)
 */
	.macro	ENTER name:req, ibpb=0
	.globl	\name
\name:
	PART(XO_MARK_BEGIN, XO_MARK_WAY_IN)
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	push	r8
	push	rdx
	mov	rax, cr3
	push	rax
	xor	r9d, r9d
	mov	cr2, r9			/* nothing that tells of our addresses */
	rdfsbase rax			/* of the task, as is the user's GS base */
	push	rax
	wrfsbase r9
	swapgs
	rdgsbase rax
	wrgsbase r9
	swapgs
	push	rax
	lea	rax, [rip + 1f]
	mov	[rdx + XO_KSAVE_RIP], rax
	mov	[rdx + XO_KSAVE_RSP], rsp
	mov	[rdx + XO_KSAVE_SLOT], rdi
	mov	[rdx + XO_KSAVE_SEQ], rsi
	mov	r8, rdx
	mov	eax, -1
	mov	edx, eax
	xsave	[r8 + XO_KSAVE_XSAVE]
	xrstor	[r8 + XO_KSAVE_XINIT]
	mov	cr3, rcx
	movabs	rax, XO_ENTRY
	jmp	rax
1:					/* RDX value, ESI status, RDI who says so; the gate's page tables */
	pop	rax
	swapgs
	wrgsbase rax
	swapgs
	pop	rax
	wrfsbase rax
	pop	rax
	mov	cr3, rax
	pop	r9
	pop	r8
	mov	[r8], rdx
	.if	\ibpb
	mov	ecx, MSR_IA32_PRED_CMD
	mov	eax, PRED_CMD_IBPB
	xor	edx, edx
2:	wrmsr
3:	_ASM_EXTABLE(2b, 3b)
	.endif
	mov	eax, -1
	mov	edx, eax
	xrstor	[r9 + XO_KSAVE_XSAVE]
	mov	eax, esi
	or	rax, rdi
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	PART(XO_MARK_END, XO_MARK_WAY_OUT)
	ret
	int3
	.endm

	ENTER	xo_visit_enter
	ENTER	xo_visit_enter_ibpb, ibpb=1

/*
 * long xo_park_stub(u64 record, u64 cookie, u64 seq, u64 slot)
 * Interrupts off; on when it returns. SEQ: of a call that ends as it parks, or 0. Returns 0: there
 * is something to do here; 1: a call was evicted and has ended; a negative errno of XO_HC_PARK. What
 * a visitor pops is pushed last.
 */
	.globl	xo_park_stub
xo_park_stub:
	push	rbx
	push	rbp
	push	r12
	push	r13
	push	r14
	push	r15
	mov	rbp, rsp
	and	rsp, -16
	push	rbp
	push	rbp
	lea	rax, [rsp - 6 * 8]
	lea	r8, [rip + xo_visit_landing]
	push	__KERNEL_DS
	push	rax
	push	X86_EFLAGS_FIXED | X86_EFLAGS_IF
	push	__KERNEL_CS
	push	r8
	push	X86_EFLAGS_FIXED
	mov	rbx, rdi
	mov	rax, rsi
	mov	rsi, rcx
	mov	rcx, rax
	mov	eax, XO_PARK
	sti				/* in its shadow: no interrupt before the host knows */
	vmcall
xo_parked:
	add	rsp, 6 * 8
	pop	rbp
	pop	rsp
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	pop	rbp
	pop	rbx
	ret
	int3

/* A visitor, as the stub, right below its frame. RDI slot, RSI seq, RDX cookie; RBX the gate's,
 * which C keeps. */
	.globl	xo_visit_landing
xo_visit_landing:
	PART(XO_MARK_END, XO_MARK_WAY_IN)
	PART(XO_MARK_BEGIN, XO_MARK_CALLEE)
	call	xo_visit_serve
	PART(XO_MARK_END, XO_MARK_CALLEE)
	PART(XO_MARK_BEGIN, XO_MARK_WAY_OUT)
	cli
	mov	rdx, rax
	movabs	rax, XO_RET
	jmp	rax
	int3

/* And where krt_ret leads at home: it was evicted. */
	.globl	xo_visit_native
xo_visit_native:
	sti
	mov	eax, 1
	jmp	xo_parked
	int3

	.section .note.GNU-stack, "", @progbits
