/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A model of what real processors could still have in their TLBs (docs/tlb-model.md). It knows
 * nothing of Bochs, so that unit tests can tell it stories; tlb_bochs.c is what feeds it.
 *
 * It keeps every translation that a VM used until something flushes it that the SDM says must. A
 * translation that stays although software has reason to believe it gone is *condemned*. Two ways
 * lead there: the same virtual CPU flushed its address space under other tags than these; then its
 * use is reported if the page tables say otherwise by now. Or a revocation of EPT contexts was
 * completed (crossover/mark.h); then any use is reported.
 */
#ifndef CROSSOVER_UCODE_TLB_H
#define CROSSOVER_UCODE_TLB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TLB_CPUS    8
#define TLB_NO_EPT  UINT64_MAX /* in place of an EP4TA: the VM has no EPT */
#define TLB_NO_ADDR UINT64_MAX

/* Who uses or flushes, and when. */
struct tlb_context {
	uint32_t cpu;
	uint16_t vpid; /* 0: VPIDs are off */
	uint16_t pcid;
	uint64_t ep4ta; /* page-aligned, or TLB_NO_EPT */
	bool away;	/* under another EPTP than the VM entry's */
	uint64_t rip, icount;
};

enum tlb_access { TLB_READ, TLB_WRITE, TLB_FETCH, TLB_WALK };

/* Everything that flushes. Sections of the SDM, vol. 3: 4.10.4.1 and 29.4.3 (28.3.3 in older ones).
 */
enum tlb_kind {
	TLB_KEEPS, /* flushes nothing */
	/* By the VM, under the VPID of the moment, whatever the EP4TA: */
	TLB_MOV_CR3,	/* all of PCID `pcid` but global ones */
	TLB_MOV_CR_ALL, /* MOV to CR0 or CR4: all PCIDs, global ones too */
	TLB_MOV_CR_OWN, /* MOV to CR4: all of the PCID of the moment but global ones */
	TLB_TASK_SWITCH,
	TLB_INVLPG, /* `address` in the PCID of the moment, and global ones of all */
	TLB_INVPCID_ADDRESS,
	TLB_INVPCID_SINGLE,
	TLB_INVPCID_ALL, /* global ones too */
	TLB_INVPCID_ALL_LOCAL,
	/* By the host: */
	TLB_INVVPID_ADDRESS,
	TLB_INVVPID_SINGLE,
	TLB_INVVPID_ALL,
	TLB_INVVPID_LOCAL, /* all of one VPID but global ones */
	TLB_INVEPT_SINGLE,
	TLB_INVEPT_ALL,
	TLB_VMX_TRANSITION, /* a VM entry or exit with VPIDs off: VPID 0 */
	/* No instruction: */
	TLB_REVOKED,
};

struct tlb_flush {
	enum tlb_kind kind;
	uint16_t vpid, pcid;
	uint64_t address, ep4ta;
};

/* What MOV to a control register flushes, by the SDM. */
struct tlb_flush tlb_cr0_flush(uint64_t before, uint64_t after);
struct tlb_flush tlb_cr3_flush(uint64_t cr4, uint64_t source);
struct tlb_flush tlb_cr4_flush(uint64_t before, uint64_t after);
/* INVPCID, INVVPID, INVEPT with that type and descriptor. */
struct tlb_flush tlb_invpcid_flush(uint64_t type, uint64_t low, uint64_t high);
struct tlb_flush tlb_invvpid_flush(uint64_t type, uint64_t low, uint64_t high);
struct tlb_flush tlb_invept_flush(uint64_t type, uint64_t low);

/* The flush that a translation should have ended with. */
struct tlb_cause {
	struct tlb_flush flush;
	struct tlb_context by;
};

struct tlb_report {
	enum tlb_access access;
	struct tlb_context by;
	bool global;
	uint64_t address; /* linear; of the walk that found it, for a guest-physical one */
	bool physical;	  /* a guest-physical mapping, found by a page walk */
	uint64_t gpa, hpa;
	uint64_t filled; /* instruction count of its CPU */
	struct tlb_cause cause;
};

struct tlb_counts {
	uint64_t uses, fills, flushes, condemned, forgotten;
	uint64_t harmless; /* condemned ones used that a walk would have given as well */
	uint64_t reports;
};

/* What the model calls: a report; and, before a CPU may be found to use what was just condemned on
 * it, that its emulator is to forget its own copies. */
struct tlb_hooks {
	void (*report)(const struct tlb_report *report);
	void (*forget)(unsigned int cpu);
};

void tlb_start(const struct tlb_hooks *hooks); /* also: begin anew */
void tlb_stop(void);
struct tlb_counts tlb_counts(void);

/* Before a page walk: the processor might not need it. `address` may be TLB_NO_ADDR. */
void tlb_use(const struct tlb_context *c, uint64_t address, enum tlb_access access);
void tlb_use_physical(const struct tlb_context *c, uint64_t address, uint64_t gpa,
		      enum tlb_access access);
/* The walk came to an end. `mask`: offset bits of the guest's page, 0xfff at least. */
void tlb_fill(const struct tlb_context *c, uint64_t address, uint64_t mask, bool global,
	      uint64_t gpa, uint64_t hpa);
void tlb_fill_physical(const struct tlb_context *c, uint64_t gpa, uint64_t hpa);
/* It ended with a page fault, or with an EPT violation for `gpa`. */
void tlb_page_fault(const struct tlb_context *c, uint64_t address);
void tlb_ept_violation(const struct tlb_context *c, uint64_t address, uint64_t gpa);

/* Executed by c->cpu; c's tags are those of the VM that does it, if a VM does. */
void tlb_flush(const struct tlb_context *c, const struct tlb_flush *flush);

/*
 * What runs under that VPID and EP4TA (0: all others of that VPID) is the virtual CPU `name`: a
 * flush that it makes under any of its tags is one that it believes in under all. Without that, a
 * VPID is one virtual CPU and its name. name 0: forget that. False: too many.
 */
bool tlb_name(uint16_t vpid, uint64_t ep4ta, uint32_t name);

/*
 * A revocation of an EPT context (0: of all that are away) by `token`. What was there at its begin
 * may be used until its end.
 */
void tlb_revoke_begin(uint64_t token);
void tlb_revoke_end(const struct tlb_context *c, uint64_t token, uint64_t ep4ta);

/* tlb_text.c: one line, without its end. */
void tlb_print_report(const struct tlb_report *r, char *text, size_t size);
void tlb_print_counts(const struct tlb_counts *n, char *text, size_t size);

#endif
