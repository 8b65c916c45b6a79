// SPDX-License-Identifier: GPL-2.0
/* xo stat: what calls were made, how they ended, what they cost; in a VM also what was routed. */
#include <stdlib.h>
#include "calls.h"
#include "common.h"
#include "json.h"
#include "stat.h"

static const char help[] =
	"usage: xo stat [--json]\n\n"
	"On the host: per link, calls by how they ended, the VM exits that they took and the\n"
	"interrupts sent; per service and connection over vmfunc, calls (as the callers' memory\n"
	"says), interruptions, faults; per link made with --kernel, whether its system calls can\n"
	"be visits at present and if not why, how often which condition kept them off, and what\n"
	"they take of memory; per stub that can be visited, how often it parked, woke and went on\n"
	"with a call that was evicted, by the VM exit that did so; per VM, its exits, hypercalls\n"
	"and pinned pages. In a VM: per link, calls, those of them that needed no host\n"
	"(RING) or were visits (VISITS), and bytes; and the system calls of routed programs by\n"
	"where they ran. Those that the router does not know are refused with ENOSYS and named.\n"
	"Needs root.\n\n"
	"  --json  the same as one JSON object, for programs\n";

/* The last fault of a service: what it did, and where. */
static void fault(struct xo_table *t, json_object *o, uint64_t code)
{
	static const char *const names[] = { "-",	"memory",      "exception", "opcode",
					     "syscall", "instruction", "gate" };
	const char *name;
	struct xo_fault f;

	xo_fault_of(code, &f);
	name = f.kind < sizeof(names) / sizeof(*names) ? names[f.kind] : "?";
	if (code)
		xo_cell(t, "%s at %#llx", xo_fault_name(f.kind), (unsigned long long)f.rip);
	else
		xo_cell(t, "-");
	xo_json_string(o, "last_fault", name);
	xo_json_number(o, "last_fault_rip", f.rip);
}

/* ------------------------------------------------------------------ on the host */

static int stat_links(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lllrrrrrrrrr", .columns = 12 };
	struct xo_h_link_info l = { 0 };
	int err;

	xo_row(&t, "CALLER", "CALLEE", "ENGINE", "CALLS", "OK", "ERRORS", "HOSTDOWN", "CANCELLED",
	       "REFUSED", "EXITS", "INTERRUPTS", "BUSY");
	while ((err = xo_next_link(x, &l)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_text(&t, o, "caller", l.caller);
		xo_put_text(&t, o, "callee", l.callee);
		xo_put_text(&t, o, "engine", xo_engine_name(l.engine));
		xo_json_bool(o, "kernel", l.kernel);
		xo_put_number(&t, o, "calls", l.calls);
		xo_put_number(&t, o, "ok", l.ok);
		xo_put_number(&t, o, "errors", l.errors);
		xo_put_number(&t, o, "hostdown", l.hostdown);
		xo_put_number(&t, o, "cancelled", l.cancelled);
		xo_put_number(&t, o, "refused", l.refused);
		xo_put_number(&t, o, "exits", l.exits);
		xo_put_number(&t, o, "interrupts", l.interrupts);
		xo_put_number(&t, o, "busy", l.busy);
	}
	xo_table_finish(&t, !out, "no link (xo link CALLER CALLEE)");
	return err;
}

static int stat_vms(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lrrrrrr", .columns = 7 };
	struct xo_h_vm_info vm = { 0 };
	int err;

	xo_row(&t, "VM", "EXITS", "HYPERCALLS", "REFUSED", "INTERRUPTS", "PINNED-PAGES", "HELLOS");
	while ((err = xo_next_vm(x, &vm)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_text(&t, o, "name", vm.name);
		xo_put_number(&t, o, "exits", vm.exits);
		xo_put_number(&t, o, "hypercalls", vm.hypercalls);
		xo_put_number(&t, o, "refused", vm.refused);
		xo_put_number(&t, o, "interrupts", vm.interrupts);
		xo_put_number(&t, o, "pinned_pages", vm.pinned_pages);
		xo_put_number(&t, o, "hellos", vm.incarnation);
	}
	xo_table_finish(&t, !out, "no VM is enrolled (xo enrol NAME)");
	return err;
}

/* Calls over exit are in the links' table; these would show zeros of them. */
static void vmfunc_finish(struct xo_table *t, const json_object *out, const char *what,
			  const char *none)
{
	if (!out && t->count > t->columns)
		printf("%s, over vmfunc:\n", what);
	xo_table_finish(t, !out, none);
}

static int stat_services(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "llrrrrrrl", .columns = 9 };
	struct xo_h_service_info s = { 0 };
	int err;

	xo_row(&t, "VM", "SERVICE", "CALLS-CLAIMED", "INTERRUPTS", "RESTARTS", "FAULTS",
	       "REVOCATIONS", "REVIVALS", "LAST-FAULT");
	while ((err = xo_next_service(x, &s)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_text(&t, o, "vm", s.vm);
		xo_put_text(&t, o, "name", s.name);
		xo_put_number(&t, o, "calls_claimed", s.info.calls);
		xo_put_number(&t, o, "interrupts", s.info.interrupts);
		xo_put_number(&t, o, "restarts", s.info.restarts);
		xo_put_number(&t, o, "faults", s.info.faults);
		xo_put_number(&t, o, "revocations", s.info.revocations);
		xo_put_number(&t, o, "revivals", s.info.revivals);
		fault(&t, o, s.info.fault);
	}
	vmfunc_finish(&t, out, "services", "no service for the engine vmfunc");
	return err;
}

static int stat_conns(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lllrrrrrl", .columns = 9 };
	struct xo_h_conn_info c = { 0 };
	int err;

	xo_row(&t, "CALLER", "CALLEE", "SERVICE", "PID", "SLOTS", "CALLS-CLAIMED", "INTERRUPTS",
	       "RESTARTS", "STATE");
	while ((err = xo_next_conn(x, &c)) > 0) {
		json_object *o = xo_json_add(out);

		xo_json_number(o, "id", c.id);
		xo_json_number(o, "link", c.link);
		xo_put_text(&t, o, "caller", c.caller);
		xo_put_text(&t, o, "callee", c.callee);
		xo_put_text(&t, o, "service", c.name);
		xo_put_signed(&t, o, "claimed_pid", c.pid);
		xo_put_number(&t, o, "slots", c.slots);
		xo_put_number(&t, o, "calls_claimed", c.info.calls);
		xo_put_number(&t, o, "interrupts", c.info.interrupts);
		xo_put_number(&t, o, "restarts", c.info.restarts);
		xo_json_number(o, "faults", c.info.faults);
		xo_json_bool(o, "live", c.info.live);
		xo_cell(&t, "%s", c.info.live ? "live" : "stopped");
	}
	vmfunc_finish(&t, out, "connections", "no connection to a service over vmfunc");
	return err;
}

static int stat_host(struct xo *x, json_object *root)
{
	static const struct {
		const char *key;
		int (*list)(struct xo *x, json_object *out);
	} parts[] = {
		{ "links", stat_links },	{ "services", stat_services },
		{ "connections", stat_conns },	{ "visits", xo_stat_visits },
		{ "records", xo_stat_records }, { "vms", stat_vms },
	};
	int err = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts) && !err; i++) {
		if (!root && i)
			putchar('\n');
		err = parts[i].list(x, xo_json_array(root, parts[i].key));
	}
	return err;
}

/* ------------------------------------------------------------------ in a VM */

static int stat_guest_links(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lllrrrrrr", .columns = 9 };
	struct xo_g_link_info l = { 0 };
	int err;

	xo_row(&t, "PEER", "THIS-VM-IS", "ENGINE", "CALLS", "RING", "VISITS", "ERRORS", "BYTES",
	       "SESSIONS");
	while ((err = xo_next_guest_link(x, &l)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_text(&t, o, "peer", l.peer);
		xo_put_text(&t, o, "role", l.role == XO_ROLE_CALLER ? "caller" : "callee");
		xo_put_text(&t, o, "engine", xo_engine_name(l.engine));
		xo_put_number(&t, o, "calls", l.calls);
		xo_put_number(&t, o, "ring", l.ring);
		xo_put_number(&t, o, "visits", l.visits);
		xo_put_number(&t, o, "errors", l.errors);
		xo_put_number(&t, o, "bytes", l.bytes);
		xo_put_number(&t, o, "sessions", l.sessions);
	}
	xo_table_finish(&t, !out, "no link");
	return err;
}

static void name_refused(const uint32_t *nr, size_t count)
{
	if (!count)
		return;
	fputs("\nrefused with ENOSYS, since the router does not know them:", stdout);
	for (size_t i = 0; i < count; i++) {
		const char *name = xo_call_name(nr[i]);

		if (name)
			printf(" %s", name);
		else
			printf(" #%u", nr[i]);
	}
	putchar('\n');
}

static int stat_routes(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lrrrr", .columns = 5 };
	struct xo_g_route_stat s = { .nr = ~0u };
	uint32_t refused[XO_CALLS_MAX];
	size_t refused_count = 0;
	int err;

	xo_row(&t, "SYSTEM-CALL", "LOCAL", "REMOTE", "ENOSYS", "ERRORS");
	while ((err = xo_next_route(x, &s)) > 0) {
		const char *name = xo_call_name(s.nr);
		json_object *o = xo_json_add(out);

		xo_json_number(o, "nr", s.nr);
		xo_put_text(&t, o, "name", name ? name : "?");
		xo_put_number(&t, o, "local", s.local);
		xo_put_number(&t, o, "remote", s.remote);
		xo_put_number(&t, o, "enosys", s.enosys);
		xo_put_number(&t, o, "errors", s.errors);
		if (s.enosys && refused_count < XO_CALLS_MAX)
			refused[refused_count++] = s.nr;
	}
	xo_table_finish(&t, !out, "no program was routed");
	if (!out)
		name_refused(refused, refused_count);
	return err;
}

static int stat_guest(struct xo *x, json_object *root)
{
	int err = stat_guest_links(x, xo_json_array(root, "links"));

	if (err)
		return err;
	if (!root)
		putchar('\n');
	return stat_routes(x, xo_json_array(root, "calls"));
}

int xo_cmd_stat(int argc, char **argv)
{
	json_object *root = NULL;
	bool as_json = false;
	int status;
	struct xo *x;

	if (!xo_json_option(argc, argv, help, &as_json, &status))
		return status;
	x = xo_cli_open(argv[0], XO_SIDE_ANY);
	if (!x)
		return XO_REFUSED;
	if (as_json)
		root = xo_json_new();
	if ((xo_side(x) == XO_SIDE_HOST ? stat_host(x, root) : stat_guest(x, root)) < 0) {
		json_object_put(root);
		return xo_cli_fail(argv[0], x);
	}
	xo_json_print(root);
	xo_free(x);
	return XO_OK;
}
