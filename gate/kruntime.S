/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The runtime of a record's context, in the callee's: its window's page XO_KGATE_RT. With XO_IBPB that
 * of links which were made so. All that runs by the stub's page tables is of the other one: so they
 * differ in one instruction on the way in, of the same length. And the home
 * text, page XO_KGATE_HOME, which the caller's guest module maps at home alone.
 *
 * Who arrives at krt_enter	kgate_callee, behind VMFUNC 2: in ring 0 of the caller. All registers,
 *	the flags, control registers and tables are the caller's choice. ORDER: what a hostile caller
 *	may have set is looked at or overwritten before anything of the callee's is used; CR4 before
 *	the flush (so that the flush restores what was compared), the flush before anything is
 *	translated by the callee's page tables.
 * The callee, which may be hostile to its caller, can jump to any byte of it.
 */
#include "klayout.h"

	.globl	krt_enter, krt_ret, krt_done, krt_absent, krt_end
	.globl	khome_enter, khome_mine, khome_end

	.section .krt, "ax"
	.set	kgate_text, krt_page - XO_KGATE_RT
krt_page:
#ifdef XO_IBPB
	.org	XO_KRT_BARRIER, 0xcc	/* What the caller taught the branch predictors: there is no */
0:	mov	ecx, PRED_CMD		/* way into the callee but this. On the way back its own kernel */
	mov	eax, 1			/* does likewise (guest/kgate.S), since a callee need not come */
	xor	edx, edx		/* by krt_ret */
	wrmsr
	mov	rax, cr4		/* as it was compared */
	btc	rax, CR4_PGE
	jmp	1f
#endif
	.org	XO_KRT_ENTER, 0xcc
krt_enter:				/* the gate's page tables */
	cmp	dword ptr [rip + rec_parked], 1
	jne	krt_absent
	mov	rax, [rip + rec_cr4]	/* the host's word, read once; PCIDE is 0 in it */
	mov	rcx, cr4
	cmp	rcx, rax
	jne	krt_absent
#ifdef XO_IBPB
	.byte	0xe9			/* JMP 0b, by four bytes: as long as BTC */
	.long	0b - 1f
1:
#else
	btc	rax, CR4_PGE
#endif
	mov	cr4, rax		/* T1: nothing cached of an earlier visit counts. Of two */
	btc	rax, CR4_PGE		/* values that differ in PGE one is a change, whatever was */
	mov	cr4, rax		/* there before; no exit, since PGE is the guest's own */
	lgdt	[rip + rec_gdt]
	lidt	[rip + rec_idt]
	mov	rax, [rip + rec_gs]
	wrgsbase rax
	mov	rsp, [rip + rec_rsp]
	mov	rdx, [rip + rec_cookie]
	mov	rbx, cr3
	mov	rax, [rip + rec_cr0]	/* WP as the callee has it; TS: the first use of the FPU evicts */
	mov	cr0, rax
	mov	rax, [rip + rec_cr3]
	mov	cr3, rax
	xor	ecx, ecx		/* the stub's page tables and stack from here on */
	xor	ebp, ebp
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
	xor	r12d, r12d
	xor	r13d, r13d
	xor	r14d, r14d
	xor	r15d, r15d
	popfq				/* the stub's own; NT, with which IRET is #GP, among them */
	iretq				/* and CS, SS, RSP: an interrupt pushes the selectors. From */
					/* here on it is the stub's; RBX: the gate's CR3 */

krt_ret:				/* RDX: value. Interrupts are off */
	mov	cr3, rbx
	xor	esi, esi		/* XO_KGATE_OK */
	xor	edi, edi
	xor	r8d, r8d
	xor	r9d, r9d
	xor	r10d, r10d
	xor	r11d, r11d
krt_done:				/* the status stands */
	jmp	kgate_text + XO_KGATE_LEAVE

krt_absent:
	mov	esi, XO_KGATE_ABSENT
	xor	edx, edx
	jmp	kgate_text + XO_KGATE_LEAVE
krt_end:
	.org	0x1000, 0xcc

	KWINDOW	kgate_text

/* ------------------------------------------------------------------ home
 * The callee may have left anything in what follows. Interrupts are off, and there is no exit but
 * the host puts all of it right and lets it be done again; so nothing of the callee's is used. */
	.section .khome, "ax"
	.set	khome_text, khome_page - XO_KGATE_HOME
khome_page:
	.org	XO_KHOME_ENTER, 0xcc
khome_enter:
	lgdt	[rip + hsave_gdt_rw]
	mov	rax, [rip + hsave_tss]
	and	byte ptr [rax + 5], 0xfd /* available, as LTR wants it */
	mov	eax, [rip + hsave_tr]
	ltr	ax
	lgdt	[rip + hsave_gdt]
	lidt	[rip + hsave_idt]
	xor	eax, eax
	lldt	ax
	mov	ds, eax			/* a caller that has any of them does not come this way */
	mov	es, eax
	mov	fs, eax
	mov	gs, eax
	mov	rax, [rip + hsave_cr4]
	mov	cr4, rax
	mov	rax, [rip + hsave_cr0]
	mov	cr0, rax
	mov	rax, [rip + hsave_gs]
	wrgsbase rax
	lea	rsp, [rip + hsave_flags]
	popfq				/* NT, with which IRET is #GP */
	iretq				/* with CS and SS, whose descriptors may be the callee's */
khome_mine:
khome_end:
	.org	0x1000, 0xcc

	KSAVE	khome_text
