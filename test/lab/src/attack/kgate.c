// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel worlds' gate, entered by a hostile caller's kernel (test/lab/ko/xo_attack): at any
 * byte, with one thing varied at a time. No host address comes home, and nobody else notices.
 *
 *	xo_attack kgate STEP		every STEPth byte
 *	xo_attack kgate-unlinked	the gate once more, when there is no link any more
 */
#include "attack.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <crossover/abi.h>
#include <crossover/kgate.h>
#include "kgate_blob.h"
#include "visits.h"

#define WINDOW(offset) (XO_KGATE_BASE + (offset))
#define FLAGS_TF       0x102
#define FLAGS_ODD      0x247cd7 /* CF PF AF ZF SF DF OF IOPL NT AC ID */
#define STATUSES       (XO_KGATE_DOWN + 1)
#define MIDDLE	       0x800
#define TRIES	       100

static int device;

struct sums {
	uint64_t tries, missed, leaks, harmed, lost, wrong;
	uint64_t status[STATUSES + 1]; /* of those that came by home text; the last: any other */
};

/* ------------------------------------------------------------------ one try */

/* The host says of a fault which exit and where it was, in RDX. */
static bool is_hosts_fault(const struct xa_visit *out)
{
	return out->landed && out->run.r[RSI] == XO_KGATE_FAULT && out->run.r[RDI] == XO_KGATE_HOST;
}

static void look(struct sums *sum, const struct xa_visit *in, const struct xa_visit *out)
{
	uint64_t status = out->run.r[RSI], given[16];
	size_t i;

	for (i = 0; i < 16; i++)
		given[i] = in->run.r[i];
	for (i = 0; i < 16; i++)
		if (!(i == RDX && is_hosts_fault(out)) && looks_like_eptp(out->run.r[i], given) &&
		    sum->leaks++ < 3)
			printf("  byte %#x: register %zu is %#llx\n", in->at, i, out->run.r[i]);
	if (!out->landed)
		sum->lost++;
	else
		sum->status[(uint32_t)status < STATUSES ? (uint32_t)status : STATUSES]++;
}

/* In the place of a visit; the call goes by exit then, and has to be right. */
static void try(struct sums *sum, const struct xa_visit *in, struct xa_visit *out)
{
	uint64_t result;
	long err;
	int i;

	memset(out, 0, sizeof(*out));
	sum->tries++;
	for (i = 0; i < TRIES && !out->done; i++) {
		if (ioctl(device, XA_VISIT_ARM, in))
			die("XA_VISIT_ARM: %s", strerror(errno));
		err = visits_call(XD(XD_PLAIN, 0), &result);
		sum->wrong += err || result & ~3UL;
		if (ioctl(device, XA_VISIT_RESULT, out))
			die("XA_VISIT_RESULT: %s", strerror(errno));
		if (!out->done)
			usleep(3000);
	}
	sum->missed += !out->done;
	if (out->done)
		look(sum, in, out);
}

static bool tell(const char *name, const struct sums *s)
{
	static const char *const status[STATUSES + 1] = { "OK",	     "AGAIN", "ABSENT", "EVICTED",
							  "UNBOUND", "FAULT", "DOWN",	"?" };
	uint64_t n = s->lost + s->missed;
	size_t i;

	printf("%-32s tries %lu:", name, s->tries);
	for (i = 0; i <= STATUSES; i++) {
		n += s->status[i];
		if (s->status[i])
			printf(" %s %lu", status[i], s->status[i]);
	}
	printf("; exception where VMFUNC was %lu; host addresses seen %lu\n", s->lost, s->leaks);
	check(n == s->tries && !s->missed && !s->leaks && !s->harmed && !s->wrong,
	      "%s: not done %lu, harm done %lu, calls wrong %lu", name, s->missed, s->harmed,
	      s->wrong);
	return s->status[XO_KGATE_OK];
}

/* As VMFUNC 3 wants RAX and RCX. */
static void fill(struct xa_visit *v, uint64_t with)
{
	size_t i;

	for (i = 0; i < 16; i++)
		v->run.r[i] = with;
	v->run.r[RAX] = with & ~0xffffffffUL;
	v->run.r[RCX] = (with & ~0xffffffffUL) | 3;
	v->run.flags = 2;
	v->page = XO_KREGION_TABLE;
	v->slot = ~0UL;
}

/* ------------------------------------------------------------------ every byte */

static const struct variation {
	const char *name;
	uint64_t with, rsp, flags;
	uint32_t how, cr3_bits;
} variations[] = {
	{ .name = "registers: 0" },
	{ .name = "registers: ones", .with = ~0UL },
	{ .name = "registers: the list", .with = WINDOW(XO_KGATE_LIST) },
	{ .name = "registers: constants", .with = WINDOW(XO_KGATE_VCPU) },
	{ .name = "registers: an EPTP", .with = 0x10035e01e },
	{ .name = "RSP in the list", .rsp = WINDOW(XO_KGATE_LIST) + MIDDLE },
	{ .name = "RSP at the list's start", .rsp = WINDOW(XO_KGATE_LIST) + 0x20 },
	{ .name = "RSP in the constants", .rsp = WINDOW(XO_KGATE_VCPU) },
	{ .name = "single step", .flags = FLAGS_TF, .how = XA_VISIT_STEP },
	{ .name = "odd flags", .flags = FLAGS_ODD },
	{ .name = "IDT in the list", .how = XA_VISIT_IDT },
	{ .name = "GDT in the list", .how = XA_VISIT_GDT },
	{ .name = "CR3 with PWT and PCD", .cr3_bits = 0x18 },
	{ .name = "arguments of a visit", .how = XA_VISIT_ARGUMENTS },
};

static void vary(const struct variation *how, uint32_t step)
{
	struct sums sum = { 0 };
	struct xa_visit in = { 0 }, out;
	uint32_t k;

	fill(&in, how->with);
	if (how->rsp)
		in.run.r[RSP] = how->rsp;
	if (how->flags)
		in.run.flags = how->flags;
	in.how = how->how;
	in.cr3_bits = how->cr3_bits;
	for (k = 4; k <= XO_L_kgate_end; k += step) {
		in.at = k;
		try(&sum, &in, &out);
		sum.harmed += !visits_unharmed();
	}
	/* the labels always, and the list's page */
	static const uint32_t always[] = { XO_L_kgate_in,  XO_L_kgate_callee - 3, XO_L_kgate_callee,
					   XO_L_kgate_out, XO_L_kgate_home - 3,	  XO_L_kgate_home,
					   0x1000 };

	for (k = 0; k < COUNT(always); k++) {
		in.at = always[k];
		try(&sum, &in, &out);
		sum.harmed += !visits_unharmed();
	}
	/* A visit at last; the first may be evicted by whatever happens in the host just then. */
	in.at = XO_L_kgate_in;
	for (k = 0; k < TRIES && how->how == XA_VISIT_ARGUMENTS && !sum.status[XO_KGATE_OK]; k++) {
		try(&sum, &in, &out);
		sum.harmed += !visits_unharmed();
	}
	tell(how->name, &sum);
	if (how->how == XA_VISIT_ARGUMENTS)
		check(sum.status[XO_KGATE_OK],
		      "the gate's first byte leads to the callee: %lu visits",
		      sum.status[XO_KGATE_OK]);
}

/* ------------------------------------------------------------------ page tables */

static void roots(uint32_t step)
{
	uint32_t page, k;

	for (page = XO_KREGION_TABLE; page <= XO_KREGION_RECORD; page++) {
		struct sums sum = { 0 };
		struct xa_visit in = { .how = XA_VISIT_ROOT }, out;
		char name[64];

		fill(&in, 0);
		in.page = page;
		for (k = XO_L_kgate_in; k <= XO_L_kgate_end; k += step) {
			in.at = k;
			try(&sum, &in, &out);
			sum.harmed += !visits_unharmed();
		}
		snprintf(name, sizeof(name), "CR3: page %u of the region", page);
		tell(name, &sum);
		check(sum.lost == sum.tries, "with it there is no gate");
	}
}

/* ------------------------------------------------------------------ control registers */

/* By the gate's first byte, as a visit; `flaw` is set before. */
static void controls(void)
{
	static const struct {
		const char *name;
		uint32_t cr0, cr4;
	} flaws[] = {
		{ "CR0.WP", 1 << 16, 0 },    { "CR0.TS", 1 << 3, 0 },  { "CR0.MP", 1 << 1, 0 },
		{ "CR0.AM", 1 << 18, 0 },    { "CR4.PVI", 0, 1 << 1 }, { "CR4.TSD", 0, 1 << 2 },
		{ "CR4.DE", 0, 1 << 3 },     { "CR4.PGE", 0, 1 << 7 }, { "CR4.PCE", 0, 1 << 8 },
		{ "CR4.OSFXSR", 0, 1 << 9 }, { "CR4.PSE", 0, 1 << 4 }, { "CR4.SMEP", 0, 1 << 20 },
	};
	size_t i;

	for (i = 0; i < COUNT(flaws); i++) {
		struct sums sum = { 0 };
		struct xa_visit in = { .how = XA_VISIT_ARGUMENTS, .at = XO_L_kgate_in }, out;
		uint64_t cr0, cr4;

		fill(&in, 0);
		in.cr0 = flaws[i].cr0;
		in.cr4 = flaws[i].cr4;
		try(&sum, &in, &out);
		cr0 = visits_seen(XD_SEEN_CR0);
		cr4 = visits_seen(XD_SEEN_CR4);
		sum.harmed += !visits_unharmed();
		tell(flaws[i].name, &sum);
		check(in.cr0 || !sum.status[XO_KGATE_OK], "%s: visits that came of it: %lu",
		      flaws[i].name, sum.status[XO_KGATE_OK]);
		check(cr0 & 1 << 16 && cr0 & 1 << 3 && !cr4,
		      "the callee ran with WP, TS and its own CR4: %#lx, %#lx", cr0, cr4);
	}
}

/* ------------------------------------------------------------------ hypercalls, forged slots */

static long vmcall(uint64_t op, uint64_t rbx)
{
	struct xa_vmcall v = { .rax = XO_HC_BASE + op, .rbx = rbx };

	if (ioctl(device, XA_VMCALL, &v))
		die("XA_VMCALL: %s", strerror(errno));
	return (long)v.rax;
}

static void records(uint64_t own)
{
	uint64_t refused = 0, tries = 0, id;

	for (id = own - 100; id <= own + 100; id++) {
		if (id == own)
			continue;
		tries++;
		refused += vmcall(XO_HC_BIND, id) == -ENOENT;
		refused += vmcall(XO_HC_PARK, id) == -ENOENT;
	}
	check(refused == 2 * tries, "records that are not ours: %lu of %lu refused", refused,
	      2 * tries);
	check(vmcall(XO_HC_PARK, own) == -ENOENT, "a record of ours, parked by us: refused");
	check(visits_unharmed(), "visits go on");
}

/* The visitor is evicted, and what the save page says is posted: no slot of nobody's. */
static void forged(void)
{
	static const uint64_t slot[] = { 64, 65, 1UL << 32, ~0UL };
	size_t i;

	for (i = 0; i < COUNT(slot); i++) {
		struct xa_visit in = { .how = XA_VISIT_ARGUMENTS | XA_VISIT_FORGED,
				       .at = XO_L_kgate_in,
				       .seq = i },
				out = { 0 };
		uint64_t result = 0;
		int n;

		fill(&in, 0);
		in.slot = slot[i];
		for (n = 0; n < TRIES && (!out.done || out.run.r[RSI] != XO_KGATE_DOWN); n++) {
			ioctl(device, XA_VISIT_ARM, &in);
			visits_call(XD(XD_EXIT, XD_EXIT_CPUID), &result);
			ioctl(device, XA_VISIT_RESULT, &out);
			usleep(3000);
		}
		check(out.landed && out.run.r[RSI] == XO_KGATE_DOWN,
		      "evicted with slot %#lx in the save page: status %llu", slot[i],
		      out.run.r[RSI]);
		check(visits_unharmed(), "visits go on");
	}
}

int attack_kgate(int argc, char **argv)
{
	uint32_t step = argc > 1 ? atoi(argv[1]) : 1;
	size_t i;

	device = visits_open();
	for (i = 0; i < COUNT(variations); i++)
		vary(&variations[i], step);
	roots(4 * step);
	controls();
	records(visits_seen(XD_SEEN_RECORD));
	forged();
	return end_status();
}

/* It was entered before, by this very module. */
int attack_kgate_unlinked(int argc, char **argv)
{
	struct xa_visit v = { .at = XO_L_kgate_in };

	device = ring0_open();
	fill(&v, 0);
	if (ioctl(device, XA_VISIT_NOW, &v))
		die("XA_VISIT_NOW: %s", strerror(errno));
	check(v.done && v.run.r[RSI] != XO_KGATE_OK,
	      "the gate without a link: came home %u, status %llu, exception %u", v.landed,
	      v.run.r[RSI], v.run.vector);
	return end_status();
}
