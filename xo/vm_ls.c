// SPDX-License-Identifier: GPL-2.0
/* `xo vm ls`: the VMs of this host, as a table or as JSON. */
#include "vm.h"
#include <getopt.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QMP_MS 10000

static const char usage[] =
	"Usage: xo vm ls [--json]\n"
	"List the VMs: name, pid of QEMU, vsock address, memory, processors, state.\n"
	"States: starting, running, paused, ended, unresponsive, hidden (from\n"
	"all but root), or QEMU's own word.\n"
	"\n"
	"  --json  one array of objects: name, pid, cid, memory_mib, cpus, state\n";

static void get_state(const struct vm *vm, char *state, size_t size)
{
	struct vm_err err;

	if (vm->life == VM_HIDDEN)
		snprintf(state, size, "hidden");
	else if (vm->life == VM_STARTING)
		snprintf(state, size, "starting");
	else if (vm->life == VM_ENDED)
		snprintf(state, size, "ended");
	else if (vm_qmp(vm, "query-status", QMP_MS, state, size, &err))
		snprintf(state, size, "unresponsive");
}

static struct json_object *describe(const struct vm *vm, const char *state)
{
	struct json_object *o = json_object_new_object();

	json_object_object_add(o, "name", json_object_new_string(vm->name));
	json_object_object_add(o, "pid", vm->pid ? json_object_new_int(vm->pid) : NULL);
	json_object_object_add(o, "cid", json_object_new_int(vm->cid));
	json_object_object_add(o, "memory_mib", json_object_new_int(vm->mem));
	json_object_object_add(o, "cpus", json_object_new_int(vm->cpus));
	json_object_object_add(o, "state", json_object_new_string(state));
	return o;
}

static void print_row(const struct vm *vm, const char *state)
{
	char pid[16] = "-";

	if (vm->pid)
		snprintf(pid, sizeof(pid), "%d", vm->pid);
	printf("%-20s %8s %6u %6u %4u  %s\n", vm->name, pid, vm->cid, vm->mem, vm->cpus, state);
}

static int list(const struct vm_conf *conf, bool json, struct vm_err *err)
{
	struct json_object *all = json ? json_object_new_array() : NULL;
	char **names;

	if (vm_dir_names(conf, &names, err))
		return -1;
	if (!json)
		printf("%-20s %8s %6s %6s %4s  %s\n", "NAME", "PID", "CID", "MIB", "CPUS", "STATE");
	for (char **n = names; *n; n++) {
		char state[32];
		struct vm vm;

		vm_look(conf, *n, &vm);
		free(*n);
		if (vm.life == VM_ABSENT)
			continue;
		get_state(&vm, state, sizeof(state));
		if (json)
			json_object_array_add(all, describe(&vm, state));
		else
			print_row(&vm, state);
	}
	free(names);
	if (json)
		puts(json_object_to_json_string_ext(all, JSON_C_TO_STRING_PRETTY));
	json_object_put(all);
	return fflush(stdout) ? vm_fail(err, "Cannot write the list.") : 0;
}

int vm_cmd_ls(const struct vm_conf *conf, int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct vm_err err;
	bool json = false;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0;
		if (c != 'j') {
			fputs(usage, stderr);
			return VM_EXIT_USAGE;
		}
		json = true;
	}
	if (optind < argc) {
		fprintf(stderr, "xo vm ls: '%.60s' is one word too many.\n%s", argv[optind], usage);
		return VM_EXIT_USAGE;
	}
	return list(conf, json, &err) ? vm_report("ls", &err, 1) : 0;
}
