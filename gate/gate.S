/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Gate text: page 0 of every slot window (crossover/gate.h). docs/gates.md explains each line.
 *
 * Who arrives	anybody who can map a page: ring 3 or 0, at any byte, with any registers, flags, stack
 *		and tables, by a VMFUNC 1 from home or from a service.
 * Trusted	what the gate context maps, and that it maps nothing which a guest can write.
 * Leaves	to the slot's service context only from ring 3; home only to the vCPU's own EPT.
 *
 * Registers between home and the runtime (runtime.S):
 *	in	rdi rsi rdx r10 r8 r9: arguments 1 to 6; ebx: 0 call, 1 resume; rsp: caller's
 *	out	rdx: result; esi: status
 * eax and ecx are VMFUNC's. In the gate context there is no stack and nothing of the caller.
 *
 * Every operand is relative to RIP: a base register would be chosen by whoever lands behind its
 * load. No indirect branch. gate-check proves both, from every byte offset.
 *
 * Encodings matter: who lands in the middle of an instruction executes what the bytes there say.
 * So some instructions are longer than they need be. A displacement ends in two zeros, and these
 * with the byte behind them are a store through a register, unless that byte is a REX prefix of
 * RAX (0x40, 0x48), which is known to lead nowhere, or no addressing at all (from 0xc0). gate-check
 * tells when an encoding is bad.
 *
 * Labels that the host compares RIP with are global; they go into gate_blob.h as XO_L_*.
 */
#include "layout.h"

	.globl	gate_resume, gate_entry, gate_restart, gate_in, gate_svc, gate_leave, gate_out, gate_home, gate_mine
	.globl	gate_bad, gate_taken, gate_end

	.section .gate, "ax"
gate_text:

/* ------------------------------------------------------------------ home: entries, C ABI */
gate_resume:				/* the slot has been taken by this caller since its call */
	push	rbx
	mov	ebx, 1
	jmp	1f
gate_taken:
	or	rdx, XO_GATE_TAKEN	/* 64 bits: nobody away can answer that, see gate_mine */
	ret

	.org	XO_GATE_ENTRY, 0xcc
gate_entry:
	rdfsbase r11			/* 3.11: the claim tells whose call it is, and its FS base */
	xor	eax, eax
	lock cmpxchg [rip + save_fs], r11
	REX jnz	gate_taken
	rex push rbx
	xor	rbx, rbx
1:	push	r12
	push	r13
	push	r14
	push	r15
	push	rbp
	mov	r10, rcx		/* argument 4, as for a system call: ecx is VMFUNC's */
	mov	[rip + save_rsp], rsp
	rdgsbase r11			/* as are these three, the service may change it */
	mov	[rip + save_gs], r11
	rex fnstcw [rip + save_fcw]
	rex stmxcsr [rip + save_mxcsr]
gate_restart:				/* the host comes back here while nothing has happened */
	rex mov	ecx, XO_INDEX_GATE
	xor	rax, rax
	VMFUNC

/* ------------------------------------------------------------------ gate context, on the way in */
gate_in:
	/* ORDER: disarm and arm, then what must hold, then verify, then cross (3.3) */
	mov	[rip + list_home], rax	/* 0, VMFUNC's leaf; if not, that is found out below */
	mov	rax, [rip + const_svc]
	mov	[rip + list_svc], rax

	mov	ecx, cs			/* 3.6: EPT cannot tell rings apart */
	cmp	ecx, XO_USER_CS
	jne	gate_bad

	mov	rax, [rip + const_svc]	/* verify: both sides are read anew (3.3) */
	xor	rax, [rip + list_svc]
	or	rax, [rip + list_home]
	REX jnz	gate_bad		/* falls through with rax = 0, the leaf again */
	lea	ecx, [rax + XO_INDEX_SVC]
	VMFUNC

/* ------------------------------------------------------------------ service context */
gate_svc:
	jmp	gate_text + XO_GATE_RT + XO_RT_ENTER

gate_leave:
	lea	rsp, [rip + save_stack]	/* 3.7: a valid stack for the caller before it is home */
	rex mov	ecx, XO_INDEX_GATE
	xor	rax, rax
	VMFUNC

/* ------------------------------------------------------------------ gate context, on the way out */
gate_out:
	mov	[rip + list_svc], rax	/* 0, as above */
	mov	rax, [rip + vcpu_home]
	mov	[rip + list_home], rax

	xor	rcx, rcx		/* XO_INDEX_HOME */
	mov	rax, [rip + vcpu_home]
	xor	rax, [rip + list_home]
	or	rax, [rip + list_svc]
	REX jnz	gate_bad
	VMFUNC

/* ------------------------------------------------------------------ home again */
gate_home:				/* the host too puts RIP here; it may do so again until... */
	lea	rsp, [rip + save_flags]	/* DF, AC, NT may be the service's. The caller's stack is not */
	rex popfq			/* touched: a page fault there could end in a signal, without */
	mov	rsp, [rip + save_rsp]	/* an exit at which the host restores what follows */
	mov	rax, [rip + save_fs]
	wrfsbase rax
	mov	rax, [rip + save_gs]
	wrgsbase rax
gate_mine:				/* ...here: from now on a signal handler finds all in order */
	fninit				/* an exception left pending would hit FLDCW */
	fldcw	[rip + save_fcw]
	rex ldmxcsr [rip + save_mxcsr]
	inc	qword ptr [rip + save_calls]
	{load} mov rax, rdx
	rex mov	edx, esi		/* 32 bits, so never XO_GATE_TAKEN */
	test	edx, edx
	jnz	1f
	mov	[rip + save_fs], rdx	/* OK frees the slot; ORDER: last, another thread may be next */
1:	rex pop	rbp
	pop	r15
	pop	r14
	pop	r13
	pop	r12
	rex pop	rbx
	ret

gate_bad:				/* away VMCALL always exits, and the host ends the call */
	vmcall
	rex mov	esi, XO_GATE_FAULT	/* only who jumped here at home comes by */
	xor	rdx, rdx
	jmp	gate_home
gate_end:
	.org	0x1000, 0xcc		/* not zeros: those decode as stores */

	SLOT	gate_text
