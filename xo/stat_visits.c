// SPDX-License-Identifier: GPL-2.0
/* xo stat: system calls by visits (docs/visitors.md): why not, at what price, how they end. */
#include <stddef.h>
#include <string.h>
#include "count.h"
#include "stat.h"

/* ------------------------------------------------------------------ links */

/* A second table, of rows of the first, and whether it has any. */
static void finish_below(struct xo_table *t, bool show, const char *title)
{
	if (show && t->count > t->columns)
		printf("\n%s\n", title);
	xo_table_finish(t, show && t->count > t->columns, "");
}

static void why_by_exit(struct xo_table *t, json_object *o, const struct xo_h_link_info *l)
{
	const struct xo_reason *r = xo_reason_by_code(l->by_exit);
	char object[2 * XO_NAME_MAX + 8], text[512];

	snprintf(object, sizeof(object), "%s -> %s", l->caller, l->callee);
	xo_put_text(t, o, "system_calls", r ? "exit" : "visits");
	if (!r)
		return;
	xo_reason_text(l->by_exit, object, text, sizeof(text));
	xo_json_string(o, "reason", r->name);
	xo_json_string(o, "why", text);
}

/* Of the callee's RAM; in the table as a percentage. */
static void price(struct xo_table *t, json_object *o, const struct xo_h_link_info *l)
{
	xo_put_number(t, o, "ram_pages", l->ram_pages);
	xo_put_number(t, o, "added_pages", l->added_pages);
	if (l->ram_pages)
		xo_cell(t, "%.2f%%", (double)l->added_pages * 100 / (double)l->ram_pages);
	else
		xo_cell(t, "-");
	xo_put_number(t, o, "window_pages", l->window_pages);
}

static void kept_off(struct xo_table *t, json_object *o, const struct xo_h_link_info *l)
{
	json_object *list = xo_json_array(o, "kept_off");
	char object[2 * XO_NAME_MAX + 8], text[512];
	const struct xo_reason *r;

	snprintf(object, sizeof(object), "%s -> %s", l->caller, l->callee);
	for (unsigned int i = 0; i < XO_REASONS_MAX; i++) {
		json_object *one;

		if (!l->kept_off[i])
			continue;
		r = xo_reason_by_code(i);
		one = xo_json_add(list);
		xo_put_number(t, one, "count", l->kept_off[i]);
		xo_json_string(one, "reason", r ? r->name : "?");
		xo_cell(t, "%s", r ? r->name : "?");
		xo_cell(t, "%s", xo_reason_text(i, object, text, sizeof(text)));
	}
}

int xo_stat_visits(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lllrrrr", .columns = 7 },
			off = { .align = "rll", .columns = 3 };
	struct xo_h_link_info l = { 0 };
	int err;

	xo_row(&t, "CALLER", "CALLEE", "SYSTEM-CALLS", "RAM-PAGES", "ADDED", "SHARE", "WINDOW");
	xo_row(&off, "TIMES", "KEPT-OFF-BY", "WHICH-MEANS");
	while ((err = xo_next_link(x, &l)) > 0) {
		json_object *o;

		if (!l.kernel)
			continue;
		o = xo_json_add(out);
		xo_put_text(&t, o, "caller", l.caller);
		xo_put_text(&t, o, "callee", l.callee);
		why_by_exit(&t, o, &l);
		price(&t, o, &l);
		kept_off(&off, o, &l);
	}
	if (!out && t.count > t.columns)
		puts("links with --kernel, experimental: each caller trusts its callee's kernel");
	xo_table_finish(&t, !out, "no link with --kernel");
	finish_below(&off, !out, "what kept system calls from being visits:");
	return err;
}

/* ------------------------------------------------------------------ stubs */

static const struct counter {
	const char *key, *heading; /* no heading: in JSON only */
	size_t at;
} counters[] = {
	{ "parks", "PARKS", offsetof(struct xo_h_record_info, parks) },
	{ "wakes", "WAKES", offsetof(struct xo_h_record_info, wakes) },
	{ "kicks", "KICKS", offsetof(struct xo_h_record_info, kicks) },
	{ "again", "AGAIN", offsetof(struct xo_h_record_info, again) },
	{ "suspensions", "SUSPENDED", offsetof(struct xo_h_record_info, suspensions) },
	{ "resumptions", "RESUMED", offsetof(struct xo_h_record_info, resumptions) },
	{ "evictions", "EVICTIONS", offsetof(struct xo_h_record_info, evictions) },
	{ "taken_over", NULL, offsetof(struct xo_h_record_info, taken_over) },
	{ "descheduled", NULL, offsetof(struct xo_h_record_info, descheduled) },
	{ "injected", NULL, offsetof(struct xo_h_record_info, injected) },
	{ "unfit", NULL, offsetof(struct xo_h_record_info, unfit) },
	{ "finished", NULL, offsetof(struct xo_h_record_info, finished) },
	{ "faults", NULL, offsetof(struct xo_h_record_info, faults) },
};

#define COUNTERS (sizeof(counters) / sizeof(counters[0]))

static void count(struct xo_table *t, json_object *o, const struct xo_h_record_info *r)
{
	for (size_t i = 0; i < COUNTERS; i++) {
		uint64_t n;

		memcpy(&n, (const char *)r + counters[i].at, sizeof(n));
		if (counters[i].heading)
			xo_put_number(t, o, counters[i].key, n);
		else
			xo_json_number(o, counters[i].key, n);
	}
}

/* By which VM exits its visits were evicted. */
static void evicted_by(struct xo_table *t, json_object *o, const struct xo_h_record_info *r)
{
	json_object *list = xo_json_array(o, "evicted_by");

	for (unsigned int i = 0; i < sizeof(r->evicted_by) / sizeof(*r->evicted_by); i++) {
		json_object *one;

		if (!r->evicted_by[i])
			continue;
		one = xo_json_add(list);
		xo_cell(t, "%s", r->caller);
		xo_cell(t, "%s", r->callee);
		xo_put_number(t, one, "count", r->evicted_by[i]);
		xo_put_number(t, one, "reason", i);
		xo_put_text(t, one, "name", xo_exit_name(i));
	}
}

int xo_stat_records(struct xo *x, json_object *out)
{
	static const char *const states[] = { "runs", "parked", "evicted", "suspended" };
	struct xo_table t = { .align = "lllrrrrrrrrrrrr", .columns = 3 },
			by = { .align = "llrrl", .columns = 5 };
	struct xo_h_record_info r = { 0 };
	int err;

	xo_cell(&t, "CALLER");
	xo_cell(&t, "CALLEE");
	xo_cell(&t, "STUB");
	for (size_t i = 0; i < COUNTERS; i++) {
		if (!counters[i].heading)
			continue;
		xo_cell(&t, "%s", counters[i].heading);
		t.columns++;
	}
	xo_row(&by, "CALLER", "CALLEE", "EVICTIONS", "REASON", "VM-EXIT");
	while ((err = xo_next_record(x, &r)) > 0) {
		json_object *o = xo_json_add(out);

		xo_json_number(o, "id", r.id);
		xo_put_text(&t, o, "caller", r.caller);
		xo_put_text(&t, o, "callee", r.callee);
		xo_put_text(&t, o, "stub", r.state < 4 ? states[r.state] : "?");
		count(&t, o, &r);
		evicted_by(&by, o, &r);
	}
	if (!out && t.count > t.columns)
		puts("stubs that can be visited:");
	xo_table_finish(&t, !out, "no stub that can be visited (xo link --engine vmfunc --kernel)");
	finish_below(&by, !out, "visits that went on in the callee's own virtual CPU:");
	return err;
}
