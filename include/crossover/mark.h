/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * Marks: a program, a kernel or a world tells the emulator of the lab where a counted region begins
 * and ends, reads its counts, and arms forced exits. docs/counting.md tells the story.
 *
 * A mark is one NOP with a displacement that no compiler and no assembler chooses:
 *
 *	0f 1f 84 00 imm32	nopl imm32(%rax,%rax,1)		imm32 = 0x584f0000 | op << 8 | id
 *
 * A processor does nothing on it, and so does an emulator without crossover-ucode.so: no exit, no
 * memory access, no register and no flag changes, in every ring, root or not. Only reads write to
 * memory, and as an ordinary store of the program would: through its page tables and EPT, with the
 * page faults and EPT violations of one. Marks work in 64-bit mode only.
 */
#ifndef CROSSOVER_MARK_H
#define CROSSOVER_MARK_H

#define XO_MARK_MAGIC 0x584f0000 /* "XO" */
#define XO_MARK_IDS   16	 /* regions: 0 to 15; `xo count` takes 15, 14, ... that are idle */

/* Operations. Unknown ones are plain NOPs. */
#define XO_MARK_BEGIN 1 /* id: region. Counts from here on; begins anew if it runs */
#define XO_MARK_END   2 /* id: region. Counts stand still */
#define XO_MARK_READ  3 /* id: XO_COUNTS_VERSION. RSI: region, RDI: struct xo_counts to fill */
#define XO_MARK_AWAY                                                                \
	4 /* id: XO_COUNTS_VERSION. RSI: region, RDI: struct xo_counts_away to fill \
	   */
#define XO_MARK_FORCE	     5 /* id: XO_MARK_FORCE_*. RDI, RSI: see xo_mark_force() */
#define XO_MARK_FORCED	     6 /* id: XO_COUNTS_VERSION. RDI: struct xo_forced to fill; disarms */
/* For the TLB model (docs/tlb-model.md), if `xo lab run --tlb-model` has it on: */
#define XO_MARK_TLB_NAME     7 /* id: 0. RDI, RSI, RDX: see xo_mark_tlb_name() */
#define XO_MARK_TLB_REVOKE   8 /* id: XO_MARK_REVOKE_*. RDI, RSI: see xo_mark_revoke_begin() */
#define XO_MARK_TLB_READ     9 /* id: XO_COUNTS_VERSION. RDI: struct xo_tlb to fill */

/* Regions of the guest module that is built for measuring (guest/kgate.S). */
#define XO_MARK_WAY_IN	     3
#define XO_MARK_CALLEE	     4
#define XO_MARK_WAY_OUT	     5

#define XO_MARK_FORCE_TWICE  0
#define XO_MARK_FORCE_HOST   1

#define XO_MARK_REVOKE_BEGIN 0
#define XO_MARK_REVOKE_END   1

#ifndef __ASSEMBLER__

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Version of the structs below: a reader gets what it was compiled for, or nothing. */
#define XO_COUNTS_VERSION   1

#define XO_COUNT_EXITS	    80 /* basic exit reasons told apart; higher ones count as the last */
#define XO_COUNT_INTERRUPTS 256

/*
 * Counts of events. An instruction counts when it has completed: not one that faults or exits, and
 * each iteration of a REP as one. Exits that the processor takes between two instructions add none.
 */
struct xo_count_set {
	uint64_t instructions;	     /* in all rings and worlds */
	uint64_t guest_instructions; /* of these, in VMX non-root operation */
	uint64_t away_instructions;  /* of these, under an EPTP other than the VM entry's */
	uint64_t vmfuncs;	     /* VMFUNCs that completed */
	uint64_t vmfuncs_failed;     /* VMFUNCs that ended in an exit or exception */
	uint64_t eptp_switches;	     /* VMFUNCs after which the EPTP was another */
	uint64_t entries;	     /* VM entries that reached the guest */
	uint64_t exits;		     /* VM exits: the sum of exit[] */
	uint64_t exits_away;	     /* of these, under an EPTP other than the VM entry's */
	uint64_t cr3_loads;	     /* MOV to CR3; VM entries and exits load it besides */
	uint64_t cr4_loads;	     /* MOV to CR4: toggling PGE flushes */
	uint64_t invlpg, invpcid, invept, invvpid;
	uint64_t interrupts;	       /* taken through the host's IDT: the sum of interrupt[] */
	uint64_t virtual_interrupts;   /* delivered in a VM by the processor, without an entry */
	uint64_t exceptions;	       /* faults, and traps other than INT n */
	uint64_t exit[XO_COUNT_EXITS]; /* by basic reason (SDM vol. 3, appendix C) */
	uint64_t interrupt[XO_COUNT_INTERRUPTS]; /* by vector; Linux's tick: 0xec */
};

/* All bytes zero before a read: what nobody filled in stays so. */
struct xo_counts {
	uint32_t valid;	  /* XO_COUNTS_VERSION: the emulator filled this in; 0: there is none */
	uint32_t running; /* the region has begun and not ended */
	uint32_t begins;  /* how often it began since the machine started */
	uint32_t cpu;	  /* the CPU it began on */
	uint32_t cpus;	  /* how many CPUs the emulated host has */
	uint32_t vpid;	  /* of the vCPU that it began on; 0: began in the host */
	struct xo_count_set all; /* all CPUs */
	struct xo_count_set own; /* the CPU it began on */
	/* Exits of the vCPU that it began on, wherever that runs. */
	uint64_t vcpu_exit[XO_COUNT_EXITS];
};

/* Where away instructions ran: EPT contexts in the order of their first use since counting. */
#define XO_COUNT_EPTPS 64

struct xo_counts_away {
	uint32_t valid; /* as above */
	uint32_t count; /* entries in use */
	uint64_t lost;	/* switches to EPTPs for which there was no entry any more */
	struct {
		uint64_t eptp;
		uint64_t instructions; /* all CPUs, completed while away there */
		uint64_t switches;     /* VMFUNCs that led there */
	} context[XO_COUNT_EPTPS];
};

#define XO_FORCED_MAX 2

struct xo_forced {
	uint32_t valid; /* as above */
	uint32_t fired; /* exits forced so far; `at` has the first XO_FORCED_MAX */
	uint64_t away;	/* away instructions begun since arming, those forced out of included */
	struct {
		uint64_t rip; /* of the instruction before which the exit came */
		uint64_t eptp;
	} at[XO_FORCED_MAX];
};

/* What the TLB model did since the machine started. */
struct xo_tlb {
	uint32_t valid; /* as above */
	uint32_t on;
	uint64_t fills, flushes;
	uint64_t condemned; /* times that some translations stayed that software believes gone */
	uint64_t harmless;  /* uses of such that are as the page tables have it */
	uint64_t reports;   /* others: each fails the run */
};

#define XO_MARK_INSN(op, id) \
	".byte 0x0f, 0x1f, 0x84, 0x00\n\t.long " XO_MARK_TEXT(XO_MARK_MAGIC + ((op) << 8) + (id))
#define XO_MARK_TEXT(x)	  XO_MARK_TEXT_(x)
#define XO_MARK_TEXT_(x)  #x

/* One NOP each: the counts are of exactly what stands between the two. `id` must be a constant. */
#define xo_mark_begin(id) __asm__ volatile(XO_MARK_INSN(XO_MARK_BEGIN, id)::: "memory")
#define xo_mark_end(id)	  __asm__ volatile(XO_MARK_INSN(XO_MARK_END, id)::: "memory")

/* What a region has counted until now, or until its end. Its memory must be writable. */
static inline void xo_mark_read(unsigned int id, struct xo_counts *counts)
{
	counts->valid = 0;
	__asm__ volatile(XO_MARK_INSN(XO_MARK_READ, XO_COUNTS_VERSION)
			 :
			 : "D"(counts), "S"((uint64_t)id)
			 : "memory");
}

static inline void xo_mark_away(unsigned int id, struct xo_counts_away *counts)
{
	counts->valid = 0;
	__asm__ volatile(XO_MARK_INSN(XO_MARK_AWAY, XO_COUNTS_VERSION)
			 :
			 : "D"(counts), "S"((uint64_t)id)
			 : "memory");
}

/*
 * From the VM that executes it: just before the k-th away instruction from now on, a VM exit (VMX
 * preemption timer, reason 52) is forced; if `again` is not 0, another before the again-th away
 * instruction after that one. k = 0 forces nothing and only counts. Arming anew forgets the old.
 */
static inline void xo_mark_force(uint64_t k, uint64_t again)
{
	__asm__ volatile(XO_MARK_INSN(XO_MARK_FORCE, XO_MARK_FORCE_TWICE)
			 :
			 : "D"(k), "S"(again)
			 : "memory");
}

/*
 * The same with exits by an interrupt of the host that means nothing (reason 1); and if `again` is
 * not 0, more of them, each so many away instructions after the one before.
 */
static inline void xo_mark_force_host(uint64_t k, uint64_t again)
{
	__asm__ volatile(XO_MARK_INSN(XO_MARK_FORCE, XO_MARK_FORCE_HOST)
			 :
			 : "D"(k), "S"(again)
			 : "memory");
}

/* What came of it; disarms. */
static inline void xo_mark_forced(struct xo_forced *forced)
{
	forced->valid = 0;
	__asm__ volatile(XO_MARK_INSN(XO_MARK_FORCED, XO_COUNTS_VERSION)
			 :
			 : "D"(forced)
			 : "memory");
}

/*
 * What runs under that VPID (0: that of the VM that executes this) and EPTP (0: all others of that
 * VPID) is the virtual CPU `name`: the VPID of the one whose flushes it takes part in. 0: none any
 * more but the VPID's own.
 */
static inline void xo_mark_tlb_name(uint32_t name, uint16_t vpid, uint64_t eptp)
{
	__asm__ volatile(XO_MARK_INSN(XO_MARK_TLB_NAME, 0)
			 :
			 : "D"((uint64_t)name), "S"((uint64_t)vpid), "d"(eptp)
			 : "memory");
}

/*
 * Around what makes every processor forget the translations of an EPTP (0: of all that are away).
 * No translation from before the begin may be used behind the end. `token` tells revocations apart
 * that are under way at once: an address on the stack, say.
 */
static inline void xo_mark_revoke_begin(const void *token)
{
	__asm__ volatile(XO_MARK_INSN(XO_MARK_TLB_REVOKE, XO_MARK_REVOKE_BEGIN)
			 :
			 : "D"(token)
			 : "memory");
}

static inline void xo_mark_revoke_end(const void *token, uint64_t eptp)
{
	__asm__ volatile(XO_MARK_INSN(XO_MARK_TLB_REVOKE, XO_MARK_REVOKE_END)
			 :
			 : "D"(token), "S"(eptp)
			 : "memory");
}

static inline void xo_mark_tlb_read(struct xo_tlb *tlb)
{
	tlb->valid = 0;
	__asm__ volatile(XO_MARK_INSN(XO_MARK_TLB_READ, XO_COUNTS_VERSION) : : "D"(tlb) : "memory");
}

#else /* __ASSEMBLER__ */

#define XO_MARK(op, id)               \
	.byte 0x0f, 0x1f, 0x84, 0x00; \
	.long XO_MARK_MAGIC + ((op) << 8) + (id)

#endif
#endif
