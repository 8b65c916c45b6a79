// SPDX-License-Identifier: GPL-2.0
// The TLB model must keep what the SDM lets a processor keep and drop what it must drop; report
// each use of what software believes gone, and nothing else.
// link: ucode/tlb.c ucode/tlb_flush.c ucode/tlb_rules.c ucode/tlb_store.c ucode/tlb_text.c
#include "ucode/tlb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#define ADDRESS 0x7f0000123000ULL
#define OTHER	0x7f0000124000ULL
#define LARGE	0xffff888000200000ULL
#define E1	0x1000ULL /* EP4TAs */
#define E2	0x2000ULL
#define PAGE	0xfffULL
#define PAGE_2M 0x1fffffULL
#define PAGE_1G 0x3fffffffULL

static struct tlb_report last;
static unsigned int reports, forgets[TLB_CPUS];

static void on_report(const struct tlb_report *r)
{
	last = *r;
	reports++;
}

static void on_forget(unsigned int cpu)
{
	forgets[cpu]++;
}

static int begin(void **state)
{
	static const struct tlb_hooks hooks = { on_report, on_forget };

	memset(&last, 0, sizeof(last));
	memset(forgets, 0, sizeof(forgets));
	reports = 0;
	tlb_start(&hooks);
	return 0;
}

static int end(void **state)
{
	tlb_stop();
	return 0;
}

/* ---- telling stories: native runs as VPID 1 under E1, its visitor as VPID 2 under E2, away */

static const struct tlb_context native = { .vpid = 1, .pcid = 5, .ep4ta = E1, .icount = 10 };
static const struct tlb_context visitor = {
	.vpid = 2, .pcid = 5, .ep4ta = E2, .away = true, .icount = 20
};

static void one_cpu(void)
{
	assert_true(tlb_name(2, E2, 1));
}

/* A whole access: the walk came to `frame`. */
static void walk(struct tlb_context c, uint64_t address, uint64_t mask, bool global, uint64_t frame)
{
	tlb_use(&c, address, TLB_READ);
	tlb_fill(&c, address, mask, global, frame + 0x100000, frame);
}

static void use(struct tlb_context c, uint64_t frame)
{
	walk(c, ADDRESS, PAGE, false, frame);
}

static void flush(struct tlb_context c, struct tlb_flush f)
{
	tlb_flush(&c, &f);
}

static void invlpg(struct tlb_context c, uint64_t address)
{
	flush(c, (struct tlb_flush){ .kind = TLB_INVLPG, .address = address });
}

/*
 * Does `c` still have the page after that flush by `by`? It is made to matter by a name that all
 * tags share and a flush of everything elsewhere, on a CPU of which `c` knows nothing.
 */
static bool kept(struct tlb_context c, bool global, struct tlb_context by, struct tlb_flush f)
{
	struct tlb_context elsewhere = { .cpu = 7, .vpid = 99, .ep4ta = E1 };
	unsigned int before = reports;

	tlb_name(99, 0, 77);
	tlb_name(c.vpid, 0, 77);
	walk(c, ADDRESS, PAGE, global, 0x10000);
	flush(by, f);
	flush(elsewhere, (struct tlb_flush){ .kind = TLB_INVPCID_ALL });
	walk(c, ADDRESS, PAGE, global, 0x20000);
	return reports > before;
}

static struct tlb_context with(uint16_t vpid, uint16_t pcid, uint64_t ep4ta)
{
	return (struct tlb_context){ .vpid = vpid, .pcid = pcid, .ep4ta = ep4ta };
}

static bool local_kept(struct tlb_context by, struct tlb_flush f)
{
	begin(NULL);
	return kept(with(1, 5, E1), false, by, f);
}

static bool global_kept(struct tlb_context by, struct tlb_flush f)
{
	begin(NULL);
	return kept(with(1, 5, E1), true, by, f);
}

/* ---- what instructions flush: SDM vol. 3, 4.10.4.1 */

static void nothing_goes_by_itself(void **state)
{
	assert_true(local_kept(with(1, 5, E1), (struct tlb_flush){ .kind = TLB_KEEPS }));
	assert_true(global_kept(with(1, 5, E1), (struct tlb_flush){ .kind = TLB_KEEPS }));
}

static void invlpg_flushes_its_page_under_all_epts(void **state)
{
	struct tlb_flush here = { .kind = TLB_INVLPG, .address = ADDRESS + 0x234 };
	struct tlb_flush there = { .kind = TLB_INVLPG, .address = OTHER };

	assert_false(local_kept(with(1, 5, E1), here));
	assert_false(local_kept(with(1, 5, E2), here));
	assert_true(local_kept(with(1, 5, E1), there));
	assert_true(local_kept(with(1, 6, E1), here)); /* another PCID */
	assert_true(local_kept(with(2, 5, E1), here)); /* another VPID */
	assert_false(global_kept(with(1, 6, E1), here));
	assert_true(global_kept(with(2, 6, E1), here));
	assert_true(global_kept(with(1, 5, E1), there));
}

static void invpcid_flushes_by_type(void **state)
{
	struct tlb_context same = with(1, 3, E2), other = with(2, 3, E2);

	assert_false(local_kept(same, tlb_invpcid_flush(0, 5, ADDRESS)));
	assert_true(local_kept(same, tlb_invpcid_flush(0, 5, OTHER)));
	assert_true(local_kept(same, tlb_invpcid_flush(0, 6, ADDRESS)));
	assert_true(local_kept(other, tlb_invpcid_flush(0, 5, ADDRESS)));
	assert_true(global_kept(same, tlb_invpcid_flush(0, 5, ADDRESS)));
	assert_false(local_kept(same, tlb_invpcid_flush(1, 5, 0)));
	assert_true(local_kept(same, tlb_invpcid_flush(1, 6, 0)));
	assert_true(local_kept(other, tlb_invpcid_flush(1, 5, 0)));
	assert_true(global_kept(same, tlb_invpcid_flush(1, 5, 0)));
	assert_false(local_kept(same, tlb_invpcid_flush(2, 0, 0)));
	assert_false(global_kept(same, tlb_invpcid_flush(2, 0, 0)));
	assert_true(local_kept(other, tlb_invpcid_flush(2, 0, 0)));
	assert_true(global_kept(other, tlb_invpcid_flush(2, 0, 0)));
	assert_false(local_kept(same, tlb_invpcid_flush(3, 0, 0)));
	assert_true(global_kept(same, tlb_invpcid_flush(3, 0, 0)));
	assert_int_equal(tlb_invpcid_flush(4, 0, 0).kind, TLB_KEEPS);
}

static void mov_to_cr3_flushes_a_pcid(void **state)
{
	const uint64_t pcide = 1 << 17, keep = 1ULL << 63;
	struct tlb_context same = with(1, 3, E2);

	assert_false(local_kept(same, tlb_cr3_flush(pcide, 0x7000 | 5)));
	assert_true(local_kept(same, tlb_cr3_flush(pcide, 0x7000 | 6)));
	assert_true(local_kept(same, tlb_cr3_flush(pcide, 0x7000 | 5 | keep)));
	assert_true(local_kept(with(2, 5, E1), tlb_cr3_flush(pcide, 0x7000 | 5)));
	assert_true(global_kept(same, tlb_cr3_flush(pcide, 0x7000 | 5)));
	/* Without PCIDs all is PCID 0, and bit 63 means nothing. */
	begin(NULL);
	assert_false(kept(with(1, 0, E1), false, with(1, 0, E1), tlb_cr3_flush(0, 0x7005)));
	begin(NULL);
	assert_false(kept(with(1, 0, E1), false, with(1, 0, E1), tlb_cr3_flush(0, 0x7000 | keep)));
	begin(NULL);
	assert_true(kept(with(1, 0, E1), true, with(1, 0, E1), tlb_cr3_flush(0, 0x7000)));
}

static void mov_to_cr4_flushes_by_what_changes(void **state)
{
	const uint64_t pae = 1 << 5, pge = 1 << 7, pcide = 1 << 17, smep = 1 << 20,
		       osxsave = 1 << 18;
	struct tlb_context same = with(1, 5, E2);

	assert_int_equal(tlb_cr4_flush(pge, pge).kind, TLB_KEEPS);
	assert_int_equal(tlb_cr4_flush(pge, pge | osxsave).kind, TLB_KEEPS);
	assert_int_equal(tlb_cr4_flush(pge, 0).kind, TLB_MOV_CR_ALL);
	assert_int_equal(tlb_cr4_flush(0, pge).kind, TLB_MOV_CR_ALL);
	assert_int_equal(tlb_cr4_flush(pcide, 0).kind, TLB_MOV_CR_ALL);
	assert_int_equal(tlb_cr4_flush(0, pcide).kind, TLB_KEEPS);
	assert_int_equal(tlb_cr4_flush(0, pae).kind, TLB_MOV_CR_OWN);
	assert_int_equal(tlb_cr4_flush(pae, 0).kind, TLB_MOV_CR_OWN);
	assert_int_equal(tlb_cr4_flush(0, smep).kind, TLB_MOV_CR_OWN);
	assert_int_equal(tlb_cr4_flush(smep, 0).kind, TLB_KEEPS);
	assert_false(local_kept(with(1, 9, E2), tlb_cr4_flush(pge, 0)));
	assert_false(global_kept(with(1, 9, E2), tlb_cr4_flush(pge, 0)));
	assert_true(global_kept(with(2, 9, E2), tlb_cr4_flush(pge, 0)));
	assert_false(local_kept(same, tlb_cr4_flush(0, smep)));
	assert_true(local_kept(with(1, 9, E2), tlb_cr4_flush(0, smep)));
	assert_true(global_kept(same, tlb_cr4_flush(0, smep)));
}

static void mov_to_cr0_and_task_switches_flush(void **state)
{
	const uint64_t pg = 1ULL << 31, ts = 8;

	assert_int_equal(tlb_cr0_flush(pg, pg | ts).kind, TLB_KEEPS);
	assert_int_equal(tlb_cr0_flush(0, pg).kind, TLB_KEEPS);
	assert_false(global_kept(with(1, 9, E2), tlb_cr0_flush(pg, 0)));
	assert_true(local_kept(with(1, 0, E1), (struct tlb_flush){ .kind = TLB_TASK_SWITCH }));
	begin(NULL);
	assert_false(kept(with(1, 0, E1), false, with(1, 0, E1),
			  (struct tlb_flush){ .kind = TLB_TASK_SWITCH }));
}

/* ---- 29.4.3 */

static void invvpid_flushes_by_type(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	assert_false(local_kept(host, tlb_invvpid_flush(0, 1, ADDRESS)));
	assert_false(global_kept(host, tlb_invvpid_flush(0, 1, ADDRESS)));
	assert_true(local_kept(host, tlb_invvpid_flush(0, 1, OTHER)));
	assert_true(local_kept(host, tlb_invvpid_flush(0, 2, ADDRESS)));
	assert_false(local_kept(host, tlb_invvpid_flush(1, 1, 0)));
	assert_false(global_kept(host, tlb_invvpid_flush(1, 1, 0)));
	assert_true(global_kept(host, tlb_invvpid_flush(1, 2, 0)));
	assert_false(local_kept(host, tlb_invvpid_flush(2, 0, 0)));
	assert_false(global_kept(host, tlb_invvpid_flush(2, 0, 0)));
	assert_false(local_kept(host, tlb_invvpid_flush(3, 1, 0)));
	assert_true(global_kept(host, tlb_invvpid_flush(3, 1, 0)));
	assert_int_equal(tlb_invvpid_flush(4, 0, 0).kind, TLB_KEEPS);
	/* Without EPT, too. */
	begin(NULL);
	assert_false(kept(with(1, 5, TLB_NO_EPT), false, host, tlb_invvpid_flush(1, 1, 0)));
}

static void invept_flushes_all_vpids_but_nothing_without_ept(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	assert_false(local_kept(host, tlb_invept_flush(1, E1 | 0x5e)));
	assert_false(global_kept(host, tlb_invept_flush(1, E1 | 0x5e)));
	assert_true(local_kept(host, tlb_invept_flush(1, E2)));
	assert_false(local_kept(host, tlb_invept_flush(2, 0)));
	begin(NULL);
	assert_true(kept(with(1, 5, TLB_NO_EPT), false, host, tlb_invept_flush(2, 0)));
	assert_int_equal(tlb_invept_flush(0, E1).kind, TLB_KEEPS);
	assert_int_equal(tlb_invept_flush(3, E1).kind, TLB_KEEPS);
}

static void entries_and_exits_flush_vpid_0_only(void **state)
{
	struct tlb_flush transition = { .kind = TLB_VMX_TRANSITION };

	assert_true(local_kept(with(0, 0, TLB_NO_EPT), transition));
	begin(NULL);
	walk(with(0, 5, E1), ADDRESS, PAGE, false, 0x10000);
	tlb_revoke_begin(1);
	flush(with(0, 0, TLB_NO_EPT), transition);
	tlb_revoke_end(&native, 1, E1);
	use(with(0, 5, E1), 0x20000);
	assert_int_equal(reports, 0);
}

/* No belief, and no end, comes from another CPU's flush of VPID 0: that is several VMs. */
static void vpid_0_is_nobody(void **state)
{
	struct tlb_context a = with(0, 0, E1), b = with(0, 0, E1);

	b.cpu = 1;
	use(b, 0x10000);
	invlpg(a, ADDRESS);
	use(b, 0x20000);
	assert_int_equal(reports, 0);
}

static void large_pages_go_as_a_whole(void **state)
{
	static const struct {
		uint64_t mask, flushed;
		bool goes;
	} cases[] = { { PAGE, LARGE + 0x5000, false },	    { PAGE_2M, LARGE + 0x5000, true },
		      { PAGE_2M, LARGE + 0x200000, false }, { PAGE_1G, LARGE + 0x5000000, true },
		      { 0x3fffff, LARGE + 0x100000, true }, { PAGE_1G, LARGE + PAGE_1G, false } };

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(NULL);
		one_cpu();
		walk(visitor, LARGE + 0x3000, cases[i].mask, true, 0x10000);
		invlpg(visitor, cases[i].flushed);
		invlpg(native, LARGE + 0x3000);
		walk(visitor, LARGE + 0x3000, cases[i].mask, true, 0x20000);
		assert_int_equal(reports, cases[i].goes ? 0 : 1);
	}
}

static void a_belief_in_a_large_page_is_in_all_of_it(void **state)
{
	one_cpu();
	walk(visitor, LARGE + 0x3000, PAGE_2M, false, 0x10000);
	invlpg(native, LARGE + 0x8000);
	walk(visitor, LARGE + 0x3000, PAGE_2M, false, 0x20000);
	assert_int_equal(reports, 1);
}

/* ---- hazard S2 */

static void a_flush_under_other_tags_is_reported(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
	assert_int_equal(last.access, TLB_READ);
	assert_int_equal(last.address, ADDRESS);
	assert_int_equal(last.hpa, 0x10000);
	assert_int_equal(last.filled, 20);
	assert_int_equal(last.by.vpid, 2);
	assert_true(last.by.away);
	assert_int_equal(last.cause.flush.kind, TLB_INVLPG);
	assert_int_equal(last.cause.by.vpid, 1);
	assert_int_equal(last.cause.by.icount, 10);
	/* Once: the walk gave it the new one. */
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
}

static void the_other_way_round_too(void **state)
{
	one_cpu();
	use(native, 0x10000);
	invlpg(visitor, ADDRESS);
	use(native, 0x20000);
	assert_int_equal(reports, 1);
}

static void every_access_is_looked_at(void **state)
{
	for (enum tlb_access access = TLB_READ; access <= TLB_FETCH; access++) {
		begin(NULL);
		one_cpu();
		use(visitor, 0x10000);
		invlpg(native, ADDRESS);
		tlb_use(&visitor, ADDRESS + 8, access);
		tlb_fill(&visitor, ADDRESS + 8, PAGE, false, 0x120000, 0x20008);
		assert_int_equal(reports, 1);
		assert_int_equal(last.access, access);
	}
}

static void what_would_fault_by_now_is_reported(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	tlb_use(&visitor, ADDRESS, TLB_READ);
	tlb_page_fault(&visitor, ADDRESS);
	assert_int_equal(reports, 1);
	begin(NULL);
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	tlb_use(&visitor, ADDRESS, TLB_READ);
	tlb_ept_violation(&visitor, ADDRESS, 0x110000);
	assert_int_equal(reports, 1);
}

static void what_is_as_it_was_is_no_harm_but_stays_condemned(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	use(visitor, 0x10000);
	assert_int_equal(reports, 0);
	assert_int_equal(tlb_counts().harmless, 1);
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
}

/* The processor did not look the page table up in between, so it has the first. */
static void a_lawful_use_in_between_brings_no_new_translation(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	use(visitor, 0x20000);
	assert_int_equal(reports, 0);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
}

static void flushing_first_is_right(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	flush(visitor, tlb_invpcid_flush(2, 0, 0));
	use(visitor, 0x20000);
	assert_int_equal(reports, 0);
	/* In whichever order. */
	flush(visitor, tlb_invpcid_flush(2, 0, 0));
	invlpg(native, ADDRESS);
	use(visitor, 0x30000);
	assert_int_equal(reports, 0);
}

static void flushing_something_else_is_not(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	flush(visitor, tlb_invpcid_flush(1, 6, 0));
	flush(visitor, tlb_cr3_flush(1 << 17, 5 | 1ULL << 63));
	flush(native, tlb_invpcid_flush(2, 0, 0));
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
}

static void only_what_was_flushed_is_believed_gone(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	walk(visitor, OTHER, PAGE, true, 0x11000);
	invlpg(native, OTHER + 0x1000);
	flush(native, tlb_invpcid_flush(1, 6, 0));
	flush(native, tlb_cr3_flush(1 << 17, 5 | 1ULL << 63));
	use(visitor, 0x20000);
	flush(native, tlb_invpcid_flush(3, 0, 0)); /* all but global ones */
	walk(visitor, OTHER, PAGE, true, 0x21000);
	assert_int_equal(reports, 0);
}

static void strangers_flush_for_themselves(void **state)
{
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	assert_int_equal(reports, 0);
	/* Of VPID 2 only what is under E2 is native's. */
	one_cpu();
	use(with(2, 5, E1), 0x10000);
	invlpg(native, ADDRESS);
	use(with(2, 5, E1), 0x20000);
	assert_int_equal(reports, 0);
}

static void names_can_be_taken_back(void **state)
{
	one_cpu();
	assert_true(tlb_name(2, E2, 0));
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	assert_int_equal(reports, 0);
	for (unsigned int i = 0; i < 64; i++)
		assert_true(tlb_name(3, 0x1000 * (i + 1), 1));
	assert_false(tlb_name(4, E1, 1));
	assert_true(tlb_name(3, 0x1000, 2)); /* one that is there can change */
	assert_true(tlb_name(3, 0x2000, 0));
	assert_true(tlb_name(4, E1, 1));
}

static void the_host_flushes_for_the_virtual_cpu(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	one_cpu();
	use(visitor, 0x10000);
	flush(host, tlb_invvpid_flush(1, 1, 0));
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
	/* All VPIDs at once, or an EPT: that is its own business. */
	use(visitor, 0x20000);
	host.cpu = 1;
	flush(host, tlb_invvpid_flush(2, 0, 0));
	flush(host, tlb_invept_flush(2, 0));
	use(visitor, 0x30000);
	assert_int_equal(reports, 1);
}

/* ---- processors */

static void what_stayed_on_another_processor_is_stale(void **state)
{
	struct tlb_context there = with(1, 5, E1), here = there;

	here.cpu = 1;
	use(there, 0x10000);
	invlpg(here, ADDRESS);
	assert_int_equal(forgets[0], 1);
	assert_int_equal(forgets[1], 0);
	use(there, 0x20000);
	assert_int_equal(reports, 1);
}

static void coming_back_with_a_flush_is_right(void **state)
{
	struct tlb_context there = with(1, 5, E1), here = there, host = with(0, 0, TLB_NO_EPT);

	here.cpu = 1;
	use(there, 0x10000);
	invlpg(here, ADDRESS);
	flush(host, tlb_invept_flush(2, 0));
	use(there, 0x20000);
	assert_int_equal(reports, 0);
}

static void processors_flush_for_themselves(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT), there = with(1, 5, E1);

	host.cpu = 1;
	use(there, 0x10000);
	tlb_revoke_begin(1);
	flush(host, tlb_invept_flush(2, 0)); /* on another */
	tlb_revoke_end(&host, 1, E1);
	use(there, 0x10000);
	assert_int_equal(reports, 1);
}

/* ---- revocation */

static void a_revocation_without_invept_is_reported(void **state)
{
	use(visitor, 0x10000);
	tlb_revoke_begin(1);
	use(visitor, 0x10000); /* not yet over */
	assert_int_equal(reports, 0);
	tlb_revoke_end(&native, 1, E2);
	assert_int_equal(forgets[0], 1);
	tlb_use(&visitor, ADDRESS, TLB_FETCH);
	assert_int_equal(reports, 1);
	assert_int_equal(last.cause.flush.kind, TLB_REVOKED);
	tlb_ept_violation(&visitor, ADDRESS, 0x110000);
	assert_int_equal(reports, 1);
}

static void even_if_nothing_changed(void **state)
{
	use(visitor, 0x10000);
	tlb_revoke_begin(1);
	tlb_revoke_end(&native, 1, E2);
	use(visitor, 0x10000);
	assert_int_equal(reports, 1);
}

static void a_revocation_with_invept_is_right(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	use(visitor, 0x10000);
	tlb_revoke_begin(1);
	flush(host, tlb_invept_flush(2, 0));
	tlb_revoke_end(&native, 1, 0);
	use(visitor, 0x20000);
	assert_int_equal(reports, 0);
}

/* Calls go on on other processors while one is being flushed: what they have is new. */
static void what_came_after_the_begin_is_right(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	tlb_revoke_begin(1);
	flush(host, tlb_invept_flush(2, 0));
	use(visitor, 0x10000);
	tlb_revoke_end(&native, 1, 0);
	use(visitor, 0x10000);
	assert_int_equal(reports, 0);
}

static void a_revocation_means_one_context_or_all_that_are_away(void **state)
{
	struct tlb_context home = with(2, 5, E1);

	use(visitor, 0x10000);
	use(home, 0x10000);
	tlb_revoke_begin(1);
	tlb_revoke_end(&native, 1, 0x9000);
	use(visitor, 0x10000);
	assert_int_equal(reports, 0);
	tlb_revoke_begin(1);
	tlb_revoke_end(&native, 1, 0);
	use(home, 0x10000);
	assert_int_equal(reports, 0);
	use(visitor, 0x10000);
	assert_int_equal(reports, 1);
}

static void revocations_do_not_mix(void **state)
{
	tlb_revoke_begin(1);
	use(visitor, 0x10000);
	tlb_revoke_begin(2);
	tlb_revoke_end(&native, 1, E2); /* the page came later */
	use(visitor, 0x10000);
	assert_int_equal(reports, 0);
	tlb_revoke_end(&native, 1, E2); /* there is none any more */
	use(visitor, 0x10000);
	assert_int_equal(reports, 0);
	tlb_revoke_end(&native, 2, E2);
	use(visitor, 0x10000);
	assert_int_equal(reports, 1);
}

static void guest_physical_ones_end_by_invept_only(void **state)
{
	struct tlb_context host = with(0, 0, TLB_NO_EPT);

	tlb_fill_physical(&visitor, 0x110000, 0x10000);
	flush(visitor, tlb_invpcid_flush(2, 0, 0));
	flush(host, tlb_invvpid_flush(2, 0, 0));
	flush(host, tlb_invept_flush(1, E1));
	tlb_revoke_begin(1);
	tlb_revoke_end(&native, 1, E2);
	tlb_use_physical(&visitor, ADDRESS, 0x110008, TLB_WALK);
	assert_int_equal(reports, 1);
	assert_true(last.physical);
	tlb_fill_physical(&visitor, 0x110000, 0x10000);
	tlb_revoke_begin(1);
	flush(host, tlb_invept_flush(1, E2));
	tlb_revoke_end(&native, 1, E2);
	tlb_use_physical(&visitor, ADDRESS, 0x110008, TLB_WALK);
	assert_int_equal(reports, 1);
}

/* ---- faults flush, too: 4.10.4.1, 29.4.3.1 */

static void a_fault_ends_what_it_was_about(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	tlb_use(&visitor, ADDRESS, TLB_WRITE);
	tlb_page_fault(&visitor, ADDRESS);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	tlb_use(&visitor, ADDRESS, TLB_WRITE);
	tlb_ept_violation(&visitor, ADDRESS, 0x120000);
	invlpg(native, ADDRESS);
	use(visitor, 0x30000);
	assert_int_equal(reports, 0);
}

static void but_nothing_else(void **state)
{
	one_cpu();
	use(visitor, 0x10000);
	tlb_page_fault(&visitor, OTHER);
	tlb_ept_violation(&visitor, TLB_NO_ADDR, 0x110000);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	assert_int_equal(reports, 1);
}

/* ---- size */

static void nothing_is_forgotten_for_want_of_room(void **state)
{
	const uint64_t many = 300000;

	one_cpu();
	for (uint64_t i = 0; i < many; i++)
		walk(visitor, i << 12, PAGE, false, i << 12);
	assert_int_equal(tlb_counts().fills, many);
	flush(native, tlb_invpcid_flush(2, 0, 0));
	for (uint64_t i = 0; i < many; i++)
		walk(visitor, i << 12, PAGE, false, (i + 1) << 12);
	assert_int_equal(reports, many);
	assert_int_equal(tlb_counts().forgotten, 0);
	assert_int_equal(tlb_counts().harmless, 0);
}

static void address_spaces_come_and_go_for_ever(void **state)
{
	struct tlb_context c = with(1, 0, E1), host = with(0, 0, TLB_NO_EPT);

	for (uint64_t i = 1; i < 20000; i++) {
		c.ep4ta = i << 12;
		use(c, 0x10000);
		tlb_revoke_begin(1);
		if (i % 1000)
			flush(host, tlb_invept_flush(1, i << 12));
		tlb_revoke_end(&native, 1, i << 12);
		use(c, 0x10000);
		flush(host, tlb_invept_flush(1, i << 12));
	}
	assert_int_equal(reports, 19);
	assert_int_equal(tlb_counts().forgotten, 0);
}

static void all_is_told_in_a_line(void **state)
{
	char text[1024];
	struct tlb_counts n;

	one_cpu();
	use(visitor, 0x10000);
	invlpg(native, ADDRESS);
	use(visitor, 0x20000);
	tlb_print_report(&last, text, sizeof(text));
	assert_string_equal(
		text,
		"stale translation: CPU 0 reads linear 0x7f0000123000, RIP 0x0, instruction 20, by "
		"a "
		"linear translation (VPID 2, PCID 5, EP4TA 0x2000 away) of gpa 0x110000 to hpa "
		"0x10000 that it may have since instruction 20; believed gone since: INVLPG "
		"0x7f0000123000 under VPID 1, PCID 5, EP4TA 0x1000, CPU 0, RIP 0x0, instruction "
		"10");
	n = tlb_counts();
	tlb_print_counts(&n, text, sizeof(text));
	assert_non_null(strstr(text, "1 stale ones used"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_goes_by_itself),
		TEST(invlpg_flushes_its_page_under_all_epts),
		TEST(invpcid_flushes_by_type),
		TEST(mov_to_cr3_flushes_a_pcid),
		TEST(mov_to_cr4_flushes_by_what_changes),
		TEST(mov_to_cr0_and_task_switches_flush),
		TEST(invvpid_flushes_by_type),
		TEST(invept_flushes_all_vpids_but_nothing_without_ept),
		TEST(entries_and_exits_flush_vpid_0_only),
		TEST(vpid_0_is_nobody),
		TEST(large_pages_go_as_a_whole),
		TEST(a_belief_in_a_large_page_is_in_all_of_it),
		TEST(a_flush_under_other_tags_is_reported),
		TEST(the_other_way_round_too),
		TEST(every_access_is_looked_at),
		TEST(what_would_fault_by_now_is_reported),
		TEST(what_is_as_it_was_is_no_harm_but_stays_condemned),
		TEST(a_lawful_use_in_between_brings_no_new_translation),
		TEST(flushing_first_is_right),
		TEST(flushing_something_else_is_not),
		TEST(only_what_was_flushed_is_believed_gone),
		TEST(strangers_flush_for_themselves),
		TEST(names_can_be_taken_back),
		TEST(the_host_flushes_for_the_virtual_cpu),
		TEST(what_stayed_on_another_processor_is_stale),
		TEST(coming_back_with_a_flush_is_right),
		TEST(processors_flush_for_themselves),
		TEST(a_revocation_without_invept_is_reported),
		TEST(even_if_nothing_changed),
		TEST(a_revocation_with_invept_is_right),
		TEST(what_came_after_the_begin_is_right),
		TEST(a_revocation_means_one_context_or_all_that_are_away),
		TEST(revocations_do_not_mix),
		TEST(guest_physical_ones_end_by_invept_only),
		TEST(a_fault_ends_what_it_was_about),
		TEST(but_nothing_else),
		TEST(nothing_is_forgotten_for_want_of_room),
		TEST(address_spaces_come_and_go_for_ever),
		TEST(all_is_told_in_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
