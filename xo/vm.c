// SPDX-License-Identifier: GPL-2.0
/* `xo vm`: finds the subcommand. */
#include "vm.h"
#include <getopt.h>
#include <stdio.h>
#include <string.h>

static const char usage[] =
	"Usage: xo vm [--config FILE] SUBCOMMAND ...\n"
	"Start and look after virtual machines, and run commands in them.\n"
	"\n"
	"  start NAME[:MEM[:CPUS...]]  start a VM\n"
	"  wait [--timeout S] NAME     wait until it takes commands\n"
	"  exec [-t] NAME -- CMD ...   run a command in it\n"
	"  ls [--json]                 list the VMs\n"
	"  stop [--timeout S] NAME     power it off\n"
	"  reset NAME                  press its reset button\n"
	"  kill NAME                   end it at once\n"
	"\n"
	"Each takes --help. Paths of kernel and disks: /etc/crossover/vm.conf; see xo-vm(1).\n";

static const struct {
	const char *name;
	int (*run)(const struct vm_conf *conf, int argc, char **argv);
	int failed; /* status when the configuration cannot be read */
} subcommands[] = {
	{ "start", vm_cmd_start, 1 },
	{ "wait", vm_cmd_wait, 1 },
	{ "exec", vm_cmd_exec, VM_EXIT_FAILED },
	{ "ls", vm_cmd_ls, 1 },
	{ "stop", vm_cmd_stop, 1 },
	{ "reset", vm_cmd_reset, 1 },
	{ "kill", vm_cmd_kill, 1 },
};

int vm_report(const char *sub, const struct vm_err *err, int status)
{
	fprintf(stderr, "xo vm %s: %s\n", sub, err->text);
	return status;
}

int vm_options(int argc, char **argv, const char *text, const char **name, unsigned int *timeout)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "timeout", required_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct vm_err err;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(text, stdout) < 0;
		if (c == '?')
			goto bad; /* getopt_long() said what is wrong */
		if (!timeout) {
			vm_fail(&err, "It takes no --timeout.");
			goto say;
		}
		if (vm_parse_number(optarg, "timeout in seconds", 0, 1000000, timeout, &err))
			return vm_report(argv[0], &err, VM_EXIT_USAGE);
	}
	if (optind + 1 == argc) {
		*name = argv[optind];
		return -1;
	}
	if (optind == argc)
		vm_fail(&err, "The VM's NAME is missing.");
	else
		vm_fail(&err, "'%.60s' is one word too many.", argv[optind + 1]);
say:
	vm_report(argv[0], &err, VM_EXIT_USAGE);
bad:
	fputs(text, stderr);
	return VM_EXIT_USAGE;
}

static int run(const char *config, int argc, char **argv)
{
	struct vm_conf conf;
	struct vm_err err;

	for (size_t i = 0; i < sizeof(subcommands) / sizeof(subcommands[0]); i++) {
		if (strcmp(argv[0], subcommands[i].name))
			continue;
		if (vm_conf_load(&conf, config, &err))
			return vm_report(argv[0], &err, subcommands[i].failed);
		return subcommands[i].run(&conf, argc, argv);
	}
	fprintf(stderr, "xo vm: There is no subcommand '%s'.\n%s", argv[0], usage);
	return VM_EXIT_USAGE;
}

int xo_cmd_vm(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *config = NULL;
	int c;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0;
		if (c != 'c') {
			fputs(usage, stderr);
			return VM_EXIT_USAGE;
		}
		config = optarg;
	}
	if (optind >= argc) {
		fprintf(stderr, "xo vm: A subcommand is missing.\n%s", usage);
		return VM_EXIT_USAGE;
	}
	return run(config, argc - optind, argv + optind);
}
