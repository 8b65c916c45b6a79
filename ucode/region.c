// SPDX-License-Identifier: GPL-2.0
/* Regions: each keeps all counts as they were when it began, and its differences when it has ended.
 */
#include "count_impl.h"

/* struct xo_count_set is nothing but counters. */
#define COUNTERS (sizeof(struct xo_count_set) / sizeof(uint64_t))

static struct region {
	struct xo_count_set before[CPU_MAX];
	struct ept_context contexts[XO_COUNT_EPTPS];
	uint64_t contexts_lost;
	struct xo_counts counts;    /* complete when the region has ended */
	struct xo_counts_away away; /* likewise */
} regions[XO_MARK_IDS];

static void add_difference(struct xo_count_set *sum, const struct xo_count_set *now,
			   const struct xo_count_set *before)
{
	uint64_t s[COUNTERS], n[COUNTERS], b[COUNTERS];

	memcpy(s, sum, sizeof(s));
	memcpy(n, now, sizeof(n));
	memcpy(b, before, sizeof(b));
	for (size_t i = 0; i < COUNTERS; i++)
		s[i] += n[i] - b[i];
	memcpy(sum, s, sizeof(s));
}

static void take(struct region *r)
{
	struct xo_counts *c = &r->counts;
	const struct ept_context *context;

	memset(&c->all, 0, sizeof(c->all));
	memset(&c->own, 0, sizeof(c->own));
	for (unsigned int id = 0; id < cpu_count(); id++) {
		count_settle(id);
		add_difference(&c->all, &count_cpu(id)->n, &r->before[id]);
		if (id == c->cpu)
			add_difference(&c->own, &count_cpu(id)->n, &r->before[id]);
	}
	context = count_contexts(&r->away.count, &r->away.lost);
	r->away.lost -= r->contexts_lost;
	for (unsigned int i = 0; i < r->away.count; i++) {
		r->away.context[i].eptp = context[i].eptp;
		r->away.context[i].instructions =
			context[i].instructions - r->contexts[i].instructions;
		r->away.context[i].switches = context[i].switches - r->contexts[i].switches;
	}
}

/* The mark that begins a region completes behind this, where its CPU is. */
static void leave_out_mark(const void *cpu, struct xo_count_set *before,
			   struct ept_context *context, unsigned int count)
{
	before->instructions++;
	before->guest_instructions += cpu_in_guest(cpu);
	if (!count_is_away(cpu))
		return;
	before->away_instructions++;
	for (unsigned int i = 0; i < count; i++)
		context[i].instructions += context[i].eptp == cpu_eptp(cpu);
}

void count_begin(void *cpu, unsigned int id)
{
	struct region *r = &regions[id % XO_MARK_IDS];
	const struct ept_context *context;
	unsigned int count;

	if (id >= XO_MARK_IDS)
		return;
	if (!r->counts.running)
		count_start();
	r->counts = (struct xo_counts){
		.valid = XO_COUNTS_VERSION,
		.running = 1,
		.begins = r->counts.begins + 1,
		.cpu = cpu_id(cpu),
		.cpus = cpu_count(),
		.vpid = cpu_in_guest(cpu) ? cpu_vpid(cpu) : 0,
	};
	r->away = (struct xo_counts_away){ .valid = XO_COUNTS_VERSION };
	for (unsigned int n = 0; n < cpu_count(); n++) {
		count_settle(n);
		r->before[n] = count_cpu(n)->n;
	}
	memset(r->contexts, 0, sizeof(r->contexts));
	context = count_contexts(&count, &r->contexts_lost);
	memcpy(r->contexts, context, count * sizeof(*context));
	leave_out_mark(cpu, &r->before[cpu_id(cpu)], r->contexts, count);
}

void count_end(void *cpu, unsigned int id)
{
	struct region *r = &regions[id % XO_MARK_IDS];

	if (id >= XO_MARK_IDS || !r->counts.running)
		return;
	take(r);
	r->counts.running = 0;
	count_stop();
}

static struct region *wanted(void *cpu, unsigned int version)
{
	uint64_t id = cpu_register(cpu, CPU_RSI);

	return version == XO_COUNTS_VERSION && id < XO_MARK_IDS ? &regions[id] : NULL;
}

void count_read(void *cpu, unsigned int version)
{
	struct region *r = wanted(cpu, version);

	if (!r)
		return;
	if (r->counts.running)
		take(r);
	r->counts.valid = XO_COUNTS_VERSION;
	r->counts.cpus = cpu_count();
	cpu_store(cpu, cpu_register(cpu, CPU_RDI), &r->counts, sizeof(r->counts));
}

void count_read_away(void *cpu, unsigned int version)
{
	struct region *r = wanted(cpu, version);

	if (!r)
		return;
	if (r->counts.running)
		take(r);
	r->away.valid = XO_COUNTS_VERSION;
	cpu_store(cpu, cpu_register(cpu, CPU_RDI), &r->away, sizeof(r->away));
}

void region_exit(unsigned int vpid, unsigned int reason)
{
	if (!vpid)
		return;
	for (unsigned int id = 0; id < XO_MARK_IDS; id++)
		if (regions[id].counts.running && regions[id].counts.vpid == vpid)
			regions[id].counts.vcpu_exit[reason]++;
}
