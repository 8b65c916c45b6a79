/* SPDX-License-Identifier: GPL-2.0 */
/* Inside of the self-test: selftest.c makes the VM and judges, selftest_vmcs.c has its VMCS,
 * selftest_vm.S the way in and what runs there. */
#ifndef XO_HOST_SELFTEST_VM_H
#define XO_HOST_SELFTEST_VM_H

/* The VM: 64-bit, ring 0; each page has the same address in it, virtual and physical. */
#define XO_SELFTEST_CR3	  0x0 /* and the other page tables behind it */
#define XO_SELFTEST_CODE  0x4000
#define XO_SELFTEST_LIST  0x5000 /* the EPTP list */
#define XO_SELFTEST_MARK  0x6000 /* where EPT contexts A and B differ; a quadword: */
#define XO_SELFTEST_A	  0x0a0a0a0a
#define XO_SELFTEST_B	  0x0b0b0b0b

#define XO_SELFTEST_ENTRY 1 /* of the list, that changes */

#ifndef __ASSEMBLER__
#include <linux/types.h>
#include <asm/desc.h>

/* What an exit does not bring back. */
struct xo_selftest_host {
	struct desc_ptr gdt, idt;
	u16 tr, ldt, ds, es, fs, gs;
	u64 fs_base, user_gs_base, debugctl;
	unsigned long dr7;
};

void xo_selftest_save_host(struct xo_selftest_host *h);
void xo_selftest_restore_host(const struct xo_selftest_host *h);

/* Of the current VMCS, every field that counts. */
void xo_selftest_write_host(const struct xo_selftest_host *h);
void xo_selftest_write_guest(void);
/* The controls that the processor lacks, 0 if none. */
u32 xo_selftest_write_controls(u64 eptp, u64 eptp_list);

extern const char xo_selftest_vm[], xo_selftest_vm_end[], xo_selftest_home[];
s64 xo_selftest_enter(u64 eptp_a, u64 eptp_b, u64 rounds, u64 rsp_field);
#endif

#endif
