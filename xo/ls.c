// SPDX-License-Identifier: GPL-2.0
/* xo ls: what is enrolled, who may call whom, which worlds there are. */
#include <json-c/json.h>
#include "common.h"
#include "json.h"

static const char help[] = "usage: xo ls [--json]\n\n"
			   "On the host: lists the enrolled VMs, the links, the services and the "
			   "worlds. In a VM: the VM's own\n"
			   "name and its links. Needs root.\n\n"
			   "  --json  the same as one JSON object, for programs\n";

static const char *role_name(unsigned int role)
{
	return role == XO_ROLE_CALLER ? "caller" : role == XO_ROLE_CALLEE ? "callee" : "?";
}

static const char *kind_name(unsigned int kind)
{
	static const char *const names[] = { "?", "kernel", "stub", "session" };

	return kind < 4 ? names[kind] : "?";
}

/* ------------------------------------------------------------------ on the host */

static int list_vms(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "lrrlrr", .columns = 6 };
	struct xo_h_vm_info vm = { 0 };
	int err;

	xo_row(&t, "VM", "WID", "PID", "GUEST-MODULE", "LINKS", "WORLDS");
	while ((err = xo_next_vm(x, &vm)) > 0) {
		json_object *o = xo_json_add(out);

		xo_json_bool(o, "up", vm.up);
		xo_put_text(&t, o, "name", vm.name);
		xo_put_number(&t, o, "wid", vm.wid);
		xo_put_signed(&t, o, "pid", vm.pid);
		xo_cell(&t, "%s", vm.up ? "up" : "down");
		xo_put_number(&t, o, "links", vm.links);
		xo_put_number(&t, o, "worlds", vm.worlds);
	}
	xo_table_finish(&t, !out, "no VM is enrolled (xo enrol NAME)");
	return err;
}

static int list_links(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "rllrlrr", .columns = 7 };
	struct xo_h_link_info l = { 0 };
	int err;

	xo_row(&t, "LINK", "CALLER", "CALLEE", "SLOTS", "ENGINE", "BUSY", "CALLS");
	while ((err = xo_next_link(x, &l)) > 0) {
		json_object *o = xo_json_add(out);

		xo_json_number(o, "caller_wid", l.caller_wid);
		xo_json_number(o, "callee_wid", l.callee_wid);
		xo_json_bool(o, "kernel", l.kernel);
		xo_json_bool(o, "ibpb", l.kernel & XO_LINK_IBPB);
		xo_put_number(&t, o, "id", l.id);
		xo_put_text(&t, o, "caller", l.caller);
		xo_put_text(&t, o, "callee", l.callee);
		xo_put_number(&t, o, "slots", l.slots);
		xo_put_text(&t, o, "engine", xo_engine_name(l.engine));
		xo_put_number(&t, o, "busy", l.busy);
		xo_put_number(&t, o, "calls", l.calls);
	}
	xo_table_finish(&t, !out, "no link (xo link CALLER CALLEE)");
	return err;
}

static int list_services(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "rllrrrl", .columns = 7 };
	struct xo_h_service_info s = { 0 };
	int err;

	xo_row(&t, "SERVICE", "VM", "NAME", "PID", "PAGES", "CONNECTIONS", "STATE");
	while ((err = xo_next_service(x, &s)) > 0) {
		json_object *o = xo_json_add(out);

		xo_json_number(o, "grants", s.grants);
		xo_json_bool(o, "live", s.info.live);
		xo_put_number(&t, o, "id", s.id);
		xo_put_text(&t, o, "vm", s.vm);
		xo_put_text(&t, o, "name", s.name);
		xo_put_signed(&t, o, "claimed_pid", s.pid);
		xo_put_number(&t, o, "pages", s.pages);
		xo_put_number(&t, o, "connections", s.info.connections);
		xo_cell(&t, "%s", s.info.live ? "live" : "revoked");
	}
	xo_table_finish(&t, !out, "no service for the engine vmfunc");
	return err;
}

static int list_worlds(struct xo *x, json_object *out)
{
	struct xo_table t = { .align = "rllr", .columns = 4 };
	struct xo_h_world_info w = { 0 };
	int err;

	xo_row(&t, "WORLD", "VM", "KIND", "PID");
	while ((err = xo_next_world(x, &w)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_number(&t, o, "wid", w.wid);
		xo_put_text(&t, o, "vm", w.vm);
		xo_put_text(&t, o, "kind", kind_name(w.kind));
		xo_put_signed(&t, o, "claimed_pid", w.pid);
	}
	xo_table_finish(&t, !out, "no world");
	return err;
}

static int list_host(struct xo *x, json_object *root)
{
	int err = list_vms(x, xo_json_array(root, "vms"));

	if (!root && !err)
		putchar('\n');
	if (!err)
		err = list_links(x, xo_json_array(root, "links"));
	if (!root && !err)
		putchar('\n');
	if (!err)
		err = list_services(x, xo_json_array(root, "services"));
	if (!root && !err)
		putchar('\n');
	return err ? err : list_worlds(x, xo_json_array(root, "worlds"));
}

/* ------------------------------------------------------------------ in a VM */

static int list_guest(struct xo *x, json_object *root)
{
	struct xo_table t = { .align = "rllrlrr", .columns = 7 };
	json_object *out = xo_json_array(root, "links");
	struct xo_g_link_info l = { 0 };
	struct xo_g_version v;
	int err = xo_guest_version(x, &v);

	if (err)
		return err;
	xo_json_string(root, "name", v.name);
	xo_json_number(root, "wid", v.wid);
	if (!root && !v.wid)
		puts("this VM is not enrolled (on the host: xo enrol NAME)");
	else if (!root)
		printf("this VM is %s, world %llu\n\n", v.name, (unsigned long long)v.wid);
	xo_row(&t, "LINK", "ROLE", "PEER", "PEER-WID", "ENGINE", "SLOTS", "SESSIONS");
	while ((err = xo_next_guest_link(x, &l)) > 0) {
		json_object *o = xo_json_add(out);

		xo_put_number(&t, o, "id", l.id);
		xo_put_text(&t, o, "role", role_name(l.role));
		xo_put_text(&t, o, "peer", l.peer);
		xo_put_number(&t, o, "peer_wid", l.peer_wid);
		xo_put_text(&t, o, "engine", xo_engine_name(l.engine));
		xo_put_number(&t, o, "slots", l.slots);
		xo_put_number(&t, o, "sessions", l.sessions);
	}
	xo_table_finish(&t, !out, "no link");
	return err;
}

int xo_cmd_ls(int argc, char **argv)
{
	json_object *root = NULL;
	bool as_json = false;
	int status, err;
	struct xo *x;

	if (!xo_json_option(argc, argv, help, &as_json, &status))
		return status;
	x = xo_cli_open(argv[0], XO_SIDE_ANY);
	if (!x)
		return XO_REFUSED;
	if (as_json)
		root = xo_json_new();
	err = xo_side(x) == XO_SIDE_HOST ? list_host(x, root) : list_guest(x, root);
	if (err < 0) {
		json_object_put(root);
		return xo_cli_fail(argv[0], x);
	}
	xo_json_print(root);
	xo_free(x);
	return XO_OK;
}
