/* SPDX-License-Identifier: GPL-2.0 */
/* /dev/xo_attack: what a hostile guest kernel does for a process of its own; for the lab only. */
#ifndef XO_ATTACK_KO_H
#define XO_ATTACK_KO_H

#define XA_FLAGS   128
#define XA_RIP	   136
#define XA_RING3   160

#define XA_USER_CS 0x33
#define XA_USER_SS 0x2b

#ifndef __ASSEMBLER__
#include <linux/ioctl.h>
#include <linux/types.h>

/* VMFUNC in ring 0, in the module's text. */
struct xa_leaf {
	__u64 leaf;
	__u64 index;
	__u32 ud; /* out: 1: #UD */
	__u32 reserved;
};
#define XA_LEAF _IOWR('a', 1, struct xa_leaf)

enum xa_cr3 {
	XA_CR3_USER,   /* the process's, as ring 3 has it */
	XA_CR3_KERNEL, /* as ring 0 has it */
	XA_CR3_VALUE,  /* any; if nothing is there, the VM dies of it */
	XA_CR3_PID,    /* as ring 3 of that process has it; what is needed there must be mapped */
};

/*
 * Goes to `rip` in ring 0 (or 3) with these registers, interrupts off, SMEP and SMAP off; comes
 * back by the first exception, whichever it is. Registers in the processor's order.
 */
struct xa_run {
	__u64 r[16];  /* in and out */
	__u64 flags;  /* in and out */
	__u64 rip;    /* in and out */
	__u64 cr3;    /* XA_CR3_VALUE: it; XA_CR3_PID: the process */
	__u32 which;  /* enum xa_cr3 */
	__u32 vector; /* out */
	__u32 ring3;  /* 1: there */
	__u32 reserved;
};
#define XA_RUN _IOWR('a', 2, struct xa_run)

/*
 * IDTR points to a copy of the IDT at this address of the process (0: the kernel's again), with
 * SMAP off so that it works at home, too. Nobody else may run meanwhile: one CPU, and the process
 * the highest of priorities.
 */
#define XA_IDT _IOW('a', 3, __u64)

/* CR0.TS on (1) or off (0) from here on. As above, and no instruction of x87 or SSE at home. */
#define XA_TS  _IOW('a', 4, __u32)

/* What ring 0 has on this CPU: words in this order. */
#define XA_KERNEL_NAMES                                                                         \
	"CR0", "CR4", "CR3", "CR8", "GDT", "GDT limit", "IDT", "IDT limit", "TR", "LDTR", "CS", \
		"SS", "DS", "ES", "FS", "GS", "XCR0", "flags", "DR0", "DR6", "DR7", "FS base",  \
		"GS base", "user's GS base", "SYSENTER_CS", "SYSENTER_ESP", "SYSENTER_EIP",     \
		"EFER", "LSTAR", "STAR", "CSTAR", "SFMASK", "PAT", "SPEC_CTRL"
#define XA_KERNEL_MSRS	21 /* from there on they are MSRs */
#define XA_KERNEL_WORDS 34

struct xa_kernel {
	__u64 v[XA_KERNEL_WORDS];
};
#define XA_KERNEL	   _IOR('a', 5, struct xa_kernel)

/*
 * The kernel worlds' gate: the next visit is not made, but this tried in its place, in ring 0 with
 * the gate's page tables: VMFUNC 3 right before byte `at` of gate text. Then the call goes by exit.
 */
#define XA_VISIT_ARGUMENTS 1  /* RDI, RSI as for a visit */
#define XA_VISIT_STEP	   2  /* run.flags by POPFQ right before VMFUNC: TF counts from there */
#define XA_VISIT_IDT	   4  /* IDTR leads into the EPTP list */
#define XA_VISIT_GDT	   8  /* GDTR */
#define XA_VISIT_ROOT	   16 /* CR3 is `page` of the region */
#define XA_VISIT_FORGED	   32 /* slot, seq in the save page */

struct xa_visit {
	struct xa_run run; /* in: r, flags; out: r, flags, rip, vector */
	__u32 at;
	__u32 how;
	__u32 page;
	__u32 cr0, cr4; /* these bits are inverted */
	__u32 cr3_bits;
	__u64 slot, seq;
	__u32 done;   /* out: it was tried */
	__u32 landed; /* out: it came home by home text */
};
#define XA_VISIT_ARM	_IOW('a', 6, struct xa_visit)
#define XA_VISIT_RESULT _IOR('a', 7, struct xa_visit)
#define XA_VISIT_NOW	_IOWR('a', 8, struct xa_visit)

struct xa_vmcall {
	__u64 rax, rbx;
};
#define XA_VMCALL _IOWR('a', 9, struct xa_vmcall)

#endif
#endif
