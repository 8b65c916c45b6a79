/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a hostile callee's kernel does in a visit: xo_deeds.ko in the callee does it in place of
 * umask, when that is called with a deed; for the lab only. Its result tells what came of it.
 */
#ifndef XO_DEEDS_H
#define XO_DEEDS_H

#define XD_NR		 95 /* umask: it has one argument, and any value comes back */
#define XD_MAGIC	 0x5844ULL
#define XD(d, arg)	 (XD_MAGIC << 48 | (unsigned long long)(d) << 32 | (unsigned int)(arg))

/* The result: where the deed began and ended; and a value. */
#define XD_BEFORE	 1 /* away */
#define XD_AFTER	 2
#define XD_VALUE(result) ((unsigned long long)(result) >> 8)
#define XD_VALUE_MASK	 ((1ULL << 54) - 1)

enum xd_deed {
	XD_PLAIN,     /* nothing */
	XD_SEEN,      /* one of enum xd_seen */
	XD_FPU,	      /* CLTS; how many words of x87, SSE and AVX are not initial; leaves its own */
	XD_TR,	      /* LGDT and LTR of its own */
	XD_LDT,	      /* LGDT and LLDT of its own */
	XD_TABLES,    /* LGDT and LIDT of its own; 1: IDT with limit 0 */
	XD_SEGMENTS,  /* DS, ES, FS of its own GDT */
	XD_BASES,     /* FS base, the user's GS base */
	XD_CR0,	      /* these bits are inverted */
	XD_CR4,	      /* the same */
	XD_CR3,	      /* loaded, as it is */
	XD_CR8,	      /* that value */
	XD_XCR0,      /* as it is */
	XD_DR_WRITE,  /* that debug register */
	XD_DR_READ,   /* the same */
	XD_MSR_READ,  /* number: its value */
	XD_MSR_WRITE, /* number: another value */
	XD_LINK_LOW,  /* the id of the link */
	XD_LINK_HIGH,
	XD_VMCALL,	 /* that operation; RBX << 8: the errno in RAX */
	XD_VMFUNC,	 /* leaf << 16 | index: 1: #UD */
	XD_EXIT,	 /* enum xd_exit */
	XD_FAULT,	 /* an exception that its own kernel takes: 1 */
	XD_FAULT_NO_IDT, /* the same with IDT limit 0 */
	XD_NO_STACK,	 /* pushes where nothing is mapped */
	XD_SPIN,	 /* so many milliseconds, interrupts off */
	XD_RING3,	 /* goes to ring 3 as a visitor, and stays there */
	XD_RETURN, /* XO_HC_RETURN of the call that is under way, and then returns from it; link */
	/* On the way out, behind the call: */
	XD_LEAVE,  /* enum xd_leave */
	XD_WINDOW, /* variation << 16 | offset in the window: jumps there */
	XD_DEEDS
};

/* RBX of XD_VMCALL */
#define XD_OF_LINK   0xfffffe
#define XD_OF_RECORD 0xffffff

enum xd_seen {
	XD_SEEN_LEAKS, /* general registers at the first instruction that are not 0, as bits */
	XD_SEEN_CR2,
	XD_SEEN_FS,
	XD_SEEN_USER_GS,
	XD_SEEN_CR0, /* bits that it had in every visit */
	XD_SEEN_CR4, /* bits that were not always as the kernel has them */
	XD_SEEN_FLAGS,
	XD_SEEN_LEFT,	   /* how often it left by a deed while away */
	XD_SEEN_RECOVERED, /* and found its way back */
	XD_SEEN_RECORD,	   /* id */
	XD_SEENS
};

enum xd_exit {
	XD_EXIT_CPUID,
	XD_EXIT_HLT,
	XD_EXIT_IN,
	XD_EXIT_OUT,
	XD_EXIT_RDPMC,
	XD_EXIT_VMREAD,
	XD_EXIT_NM, /* x87 with CR0.TS as it is */
	XD_EXITS
};

enum xd_leave {
	XD_LEAVE_REGISTERS, /* all but RBX, and flags: NT, AC, DF, IOPL, ID, and RSP */
	XD_LEAVE_TF,	    /* single step */
	XD_LEAVE_GS,	    /* GS base, FS base */
	XD_LEAVE_CS,	    /* CS, SS of its own GDT */
	XD_LEAVE_IF,	    /* interrupts on */
	XD_LEAVE_NO_TABLES, /* GDT and IDT with limit 0 */
	XD_LEAVES
};

#endif
