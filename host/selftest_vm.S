/* SPDX-License-Identifier: GPL-2.0 */
/* The self-test of the EPTP list: the way into its VM, and what runs there. See selftest.c. */
#include <linux/linkage.h>
#include "selftest_vm.h"

/*
 * s64 xo_selftest_enter(u64 eptp_a, u64 eptp_b, u64 rounds, u64 rsp_field)
 *
 * Enters the VM of the current VMCS, with these arguments in their registers, and comes back by its
 * exit: how many rounds were left then, or -1 if the processor did not enter. The VM changes no
 * register that a called function must preserve, and an exit changes RSP and RFLAGS alone.
 */
	.text
SYM_FUNC_START(xo_selftest_enter)
	vmwrite	%rsp, %rcx
	vmlaunch
	/* Falls through if it failed, with CF or ZF set. HOST_RIP is here: an exit clears both. */
SYM_INNER_LABEL(xo_selftest_home, SYM_L_GLOBAL)
	ENDBR
	mov	$-1, %rax
	cmova	%rdx, %rax
	RET
SYM_FUNC_END(xo_selftest_enter)

/*
 * What runs in the VM; copied to XO_SELFTEST_CODE, so relative jumps only. RDI, RSI: EPTPs of
 * contexts A, B; RDX: rounds. It begins in A. Nothing stands between a store to the list and the
 * VMFUNC: a gate has the verification there, so what holds here holds in a gate.
 *
 * It ends by the last VMFUNC, which must exit since its entry was just cleared; by VMCALL when
 * a mark was wrong; or by any other exit.
 */
	.section .rodata
SYM_DATA_START(xo_selftest_vm)
	xor	%eax, %eax			/* EPTP switching */
	mov	$XO_SELFTEST_ENTRY, %ecx
	mov	$XO_SELFTEST_LIST + 8 * XO_SELFTEST_ENTRY, %r8d
	mov	$XO_SELFTEST_MARK, %r9d
1:	test	%rdx, %rdx
	jz	2f

	mov	%rsi, (%r8)
	vmfunc
	cmpq	$XO_SELFTEST_B, (%r9)
	jne	3f

	mov	%rdi, (%r8)
	vmfunc
	cmpq	$XO_SELFTEST_A, (%r9)
	jne	3f

	dec	%rdx
	jmp	1b

2:	movq	$0, (%r8)
	vmfunc
3:	vmcall
SYM_DATA_END_LABEL(xo_selftest_vm, SYM_L_GLOBAL, xo_selftest_vm_end)
