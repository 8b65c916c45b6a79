// SPDX-License-Identifier: GPL-2.0
/* The TLB model's words. */
#include <inttypes.h>
#include <stdio.h>

#include "tlb.h"

static const char *const kinds[] = {
	[TLB_KEEPS] = "a flush too long ago to be told",
	[TLB_MOV_CR3] = "MOV to CR3",
	[TLB_MOV_CR_ALL] = "MOV to CR0 or CR4 (all PCIDs)",
	[TLB_MOV_CR_OWN] = "MOV to CR4 (own PCID)",
	[TLB_TASK_SWITCH] = "task switch",
	[TLB_INVLPG] = "INVLPG",
	[TLB_INVPCID_ADDRESS] = "INVPCID 0",
	[TLB_INVPCID_SINGLE] = "INVPCID 1",
	[TLB_INVPCID_ALL] = "INVPCID 2",
	[TLB_INVPCID_ALL_LOCAL] = "INVPCID 3",
	[TLB_INVVPID_ADDRESS] = "INVVPID 0",
	[TLB_INVVPID_SINGLE] = "INVVPID 1",
	[TLB_INVVPID_ALL] = "INVVPID 2",
	[TLB_INVVPID_LOCAL] = "INVVPID 3",
	[TLB_INVEPT_SINGLE] = "INVEPT 1",
	[TLB_INVEPT_ALL] = "INVEPT 2",
	[TLB_VMX_TRANSITION] = "VM entry or exit without VPID",
	[TLB_REVOKED] = "revocation of EPT contexts",
};

static void print_tags(const struct tlb_context *c, bool global, char *text, size_t size)
{
	char pcid[16] = "global", ept[32] = "no EPT";

	if (!global)
		snprintf(pcid, sizeof(pcid), "PCID %u", c->pcid);
	if (c->ep4ta != TLB_NO_EPT)
		snprintf(ept, sizeof(ept), "EP4TA 0x%" PRIx64, c->ep4ta);
	snprintf(text, size, "VPID %u, %s, %s%s", c->vpid, pcid, ept, c->away ? " away" : "");
}

static void print_cause(const struct tlb_cause *cause, char *text, size_t size)
{
	const struct tlb_flush *f = &cause->flush;
	char tags[80] = "by the host", what[48] = "";

	switch (f->kind) {
	case TLB_KEEPS:
		snprintf(text, size, "%s", kinds[TLB_KEEPS]);
		return;
	case TLB_INVLPG:
		snprintf(what, sizeof(what), " 0x%" PRIx64, f->address);
		break;
	case TLB_INVPCID_ADDRESS:
		snprintf(what, sizeof(what), " PCID %u 0x%" PRIx64, f->pcid, f->address);
		break;
	case TLB_MOV_CR3:
	case TLB_INVPCID_SINGLE:
		snprintf(what, sizeof(what), " PCID %u", f->pcid);
		break;
	case TLB_INVVPID_ADDRESS:
	case TLB_INVVPID_SINGLE:
	case TLB_INVVPID_LOCAL:
		snprintf(what, sizeof(what), " VPID %u", f->vpid);
		break;
	default:
		break;
	}
	if (f->kind < TLB_INVVPID_ADDRESS)
		print_tags(&cause->by, false, tags, sizeof(tags));
	snprintf(text, size, "%s%s under %s, CPU %u, RIP 0x%" PRIx64 ", instruction %" PRIu64,
		 kinds[f->kind], what, tags, cause->by.cpu, cause->by.rip, cause->by.icount);
}

void tlb_print_report(const struct tlb_report *r, char *text, size_t size)
{
	static const char *const accesses[] = { "reads", "writes", "fetches", "walks" };
	char tags[80], cause[320], where[64] = "without a linear address";

	print_tags(&r->by, r->global, tags, sizeof(tags));
	print_cause(&r->cause, cause, sizeof(cause));
	if (r->address != TLB_NO_ADDR)
		snprintf(where, sizeof(where), "linear 0x%" PRIx64, r->address);
	snprintf(text, size,
		 "stale translation: CPU %u %s %s, RIP 0x%" PRIx64 ", instruction %" PRIu64
		 ", by a %s translation (%s) of gpa 0x%" PRIx64 " to hpa 0x%" PRIx64
		 " that it may have since instruction %" PRIu64 "; believed gone since: %s",
		 r->by.cpu, accesses[r->access], where, r->by.rip, r->by.icount,
		 r->physical ? "guest-physical" : "linear", tags, r->gpa, r->hpa, r->filled, cause);
}

void tlb_print_counts(const struct tlb_counts *n, char *text, size_t size)
{
	snprintf(text, size,
		 "TLB model: %" PRIu64 " translations kept in %" PRIu64 " walks, %" PRIu64
		 " flushes, %" PRIu64 " times some were condemned; %" PRIu64
		 " stale ones used, and %" PRIu64
		 " times one that is as it was; forgotten for want of room %" PRIu64 " times",
		 n->fills, n->uses, n->flushes, n->condemned, n->reports, n->harmless,
		 n->forgotten);
}
