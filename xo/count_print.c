// SPDX-License-Identifier: GPL-2.0
/* The counts of a region as a table and as JSON. */
#include <stddef.h>
#include <stdio.h>

#include "count.h"
#include "json.h"

#define COUNTER(name, text)                                      \
	{                                                        \
#name, text, offsetof(struct xo_count_set, name) \
	}

/* Counters other than by exit reason and by vector: JSON key, text of the table. */
static const struct counter {
	const char *key, *text;
	size_t at;
} counters[] = {
	COUNTER(instructions, "instructions"),
	COUNTER(guest_instructions, "  of these in VMs"),
	COUNTER(away_instructions, "  of these away (behind VMFUNC)"),
	COUNTER(vmfuncs, "VMFUNCs"),
	COUNTER(vmfuncs_failed, "VMFUNCs that failed"),
	COUNTER(eptp_switches, "EPTP switches"),
	COUNTER(cr3_loads, "CR3 loads"),
	COUNTER(cr4_loads, "CR4 loads"),
	COUNTER(invlpg, "TLB flushes: INVLPG"),
	COUNTER(invpcid, "TLB flushes: INVPCID"),
	COUNTER(invept, "TLB flushes: INVEPT"),
	COUNTER(invvpid, "TLB flushes: INVVPID"),
	COUNTER(interrupts, "interrupts taken by the host"),
	COUNTER(virtual_interrupts, "interrupts delivered in VMs without an entry"),
	COUNTER(exceptions, "exceptions"),
	COUNTER(entries, "VM entries"),
	COUNTER(exits, "VM exits"),
	COUNTER(exits_away, "  of these away"),
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static uint64_t value(const struct xo_count_set *set, const struct counter *counter)
{
	return *(const uint64_t *)((const char *)set + counter->at);
}

/* The column of the vCPU is empty where it has no number, and absent where there is no vCPU. */
static void row(struct xo_table *t, const struct xo_counts *c, const char *text, uint64_t all,
		const uint64_t *vcpu)
{
	xo_cell(t, "%s", text);
	xo_cell(t, "%lu", all);
	if (c->vpid && vcpu)
		xo_cell(t, "%lu", *vcpu);
	else
		xo_cell(t, "%s", "");
}

void xo_count_print_table(FILE *to, const struct xo_counts *c)
{
	struct xo_table t = { .align = "lrr", .columns = 3 };
	char text[80];

	xo_row(&t, "EVENT", "ALL CPUS", c->vpid ? "THIS VCPU" : "");
	for (size_t i = 0; i < COUNTERS; i++)
		row(&t, c, counters[i].text, value(&c->all, &counters[i]), NULL);
	for (unsigned int i = 0; i < XO_COUNT_EXITS; i++) {
		if (!c->all.exit[i] && !c->vcpu_exit[i])
			continue;
		snprintf(text, sizeof(text), "  %2u %s", i, xo_exit_name(i));
		row(&t, c, text, c->all.exit[i], &c->vcpu_exit[i]);
	}
	fputc('\n', to);
	xo_table_print(&t, to);
}

static void exits(json_object *parent, const char *key, const uint64_t *exit)
{
	json_object *list = xo_json_array(parent, key), *one;

	for (unsigned int i = 0; i < XO_COUNT_EXITS; i++) {
		if (!exit[i])
			continue;
		one = xo_json_add(list);
		xo_json_number(one, "reason", i);
		xo_json_string(one, "name", xo_exit_name(i));
		xo_json_number(one, "count", exit[i]);
	}
}

static void vectors(json_object *parent, const uint64_t *interrupt)
{
	json_object *list = xo_json_array(parent, "interrupts_by_vector"), *one;

	for (unsigned int i = 0; i < XO_COUNT_INTERRUPTS; i++) {
		if (!interrupt[i])
			continue;
		one = xo_json_add(list);
		xo_json_number(one, "vector", i);
		xo_json_number(one, "count", interrupt[i]);
	}
}

/* As "all": {...} and "own": {...}, the latter the CPU on which the command started. */
static void set(json_object *root, const char *key, const struct xo_count_set *s)
{
	json_object *o = xo_json_object(root, key);

	for (size_t i = 0; i < COUNTERS; i++)
		xo_json_number(o, counters[i].key, value(s, &counters[i]));
	exits(o, "exits_by_reason", s->exit);
	vectors(o, s->interrupt);
}

void xo_count_print_json(FILE *to, const struct xo_counts *c, int status)
{
	json_object *root = xo_json_new();

	xo_json_signed(root, "status", status);
	xo_json_number(root, "cpu", c->cpu);
	xo_json_number(root, "cpus", c->cpus);
	set(root, "all", &c->all);
	set(root, "own", &c->own);
	if (c->vpid)
		exits(root, "vcpu_exits_by_reason", c->vcpu_exit);
	fputs(json_object_to_json_string_ext(root, JSON_C_TO_STRING_PRETTY |
							   JSON_C_TO_STRING_NOSLASHESCAPE),
	      to);
	fputc('\n', to);
	json_object_put(root);
}
