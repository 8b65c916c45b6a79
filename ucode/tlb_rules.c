// SPDX-License-Identifier: GPL-2.0
/*
 * What an instruction flushes at least, by the SDM, vol. 3, 4.10.4.1 (MOV to control registers,
 * INVLPG, INVPCID) and 29.4.3 (VMX). A processor may flush more; software may not rely on that.
 */
#include "tlb.h"

#define CR0_PG	   (1ULL << 31)
#define CR3_KEEP   (1ULL << 63)
#define CR4_PAE	   (1ULL << 5)
#define CR4_PGE	   (1ULL << 7)
#define CR4_PCIDE  (1ULL << 17)
#define CR4_SMEP   (1ULL << 20)
#define PCID_MASK  0xfff
#define EP4TA_MASK 0x000ffffffffff000ULL

struct tlb_flush tlb_cr0_flush(uint64_t before, uint64_t after)
{
	bool off = (before & CR0_PG) && !(after & CR0_PG);

	return (struct tlb_flush){ .kind = off ? TLB_MOV_CR_ALL : TLB_KEEPS };
}

/* `source`: what the instruction was given; bit 63 does not reach the register. */
struct tlb_flush tlb_cr3_flush(uint64_t cr4, uint64_t source)
{
	if (!(cr4 & CR4_PCIDE))
		return (struct tlb_flush){ .kind = TLB_MOV_CR3 };
	if (source & CR3_KEEP)
		return (struct tlb_flush){ .kind = TLB_KEEPS };
	return (struct tlb_flush){ .kind = TLB_MOV_CR3, .pcid = source & PCID_MASK };
}

struct tlb_flush tlb_cr4_flush(uint64_t before, uint64_t after)
{
	uint64_t changed = before ^ after;

	if ((changed & CR4_PGE) || (changed & before & CR4_PCIDE))
		return (struct tlb_flush){ .kind = TLB_MOV_CR_ALL };
	if ((changed & CR4_PAE) || (changed & after & CR4_SMEP))
		return (struct tlb_flush){ .kind = TLB_MOV_CR_OWN };
	return (struct tlb_flush){ .kind = TLB_KEEPS };
}

struct tlb_flush tlb_invpcid_flush(uint64_t type, uint64_t low, uint64_t high)
{
	static const enum tlb_kind kinds[] = { TLB_INVPCID_ADDRESS, TLB_INVPCID_SINGLE,
					       TLB_INVPCID_ALL, TLB_INVPCID_ALL_LOCAL };

	return (struct tlb_flush){ .kind = type < 4 ? kinds[type] : TLB_KEEPS,
				   .pcid = low & PCID_MASK,
				   .address = high };
}

struct tlb_flush tlb_invvpid_flush(uint64_t type, uint64_t low, uint64_t high)
{
	static const enum tlb_kind kinds[] = { TLB_INVVPID_ADDRESS, TLB_INVVPID_SINGLE,
					       TLB_INVVPID_ALL, TLB_INVVPID_LOCAL };

	return (struct tlb_flush){ .kind = type < 4 ? kinds[type] : TLB_KEEPS,
				   .vpid = (uint16_t)low,
				   .address = high };
}

struct tlb_flush tlb_invept_flush(uint64_t type, uint64_t low)
{
	switch (type) {
	case 1:
		return (struct tlb_flush){ .kind = TLB_INVEPT_SINGLE, .ep4ta = low & EP4TA_MASK };
	case 2:
		return (struct tlb_flush){ .kind = TLB_INVEPT_ALL };
	default:
		return (struct tlb_flush){ .kind = TLB_KEEPS };
	}
}
