// SPDX-License-Identifier: GPL-2.0
/* `xo lab`: the emulated machine, its host and its VMs. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lab.h"

static const char usage[] =
	"usage: xo lab run [OPTION]... SCRIPT [ARG]...   run SCRIPT (or -) as root in the emulated "
	"host\n"
	"       xo lab up [--vm ...] [--cpus N] [--host-kernel VERSION] [--host-memory MEM]\n"
	"                 [--mips N] [--start-limit S] [--cold] [--tlb-model]\n"
	"                                                a shell in the emulated host; Ctrl-] "
	"leaves\n"
	"       xo lab down [RUN]                        end a running lab\n"
	"       xo lab ls                                running labs, failed runs, snapshots\n"
	"       xo lab clean                             remove failed runs, and snapshots not in "
	"use\n"
	"\n"
	"  --vm NAME[:MEM[:CPUS[:ARGS]]]\n"
	"                            a VM, its memory in MiB (192) and CPUs (1), what its kernel "
	"is\n"
	"                            told besides (pti=off); may be repeated\n"
	"  --cpus N                  CPUs of the emulated host (1)\n"
	"  --put LOCAL:PATH          copy a file or folder to PATH in the host; may be repeated\n"
	"  --vm-put NAME:LOCAL:PATH  the same in a VM\n"
	"  --host-kernel VERSION     the host runs that kernel (6.12; make lab-kernel-6.12 first); "
	"else\n"
	"                            what XO_LAB_KERNEL says, else the VMs' kernel\n"
	"  --host-memory MEM         the host's memory in MiB beside that of its VMs (512)\n"
	"  --mips N                  million instructions that the machine takes for a second "
	"(50)\n"
	"  --start-limit S           seconds until the script has to run (600, from a snapshot "
	"180)\n"
	"  --timeout S               seconds the script may take (900)\n"
	"  --cold                    boot afresh, whether or not there is a snapshot\n"
	"  --tlb-model               fail if a VM uses a translation that a real processor could "
	"have\n"
	"                            kept and software believes gone (docs/tlb-model.md)\n"
	"\n"
	"The script's output goes to stdout as it comes, its stderr and the lab's progress to "
	"stderr.\n"
	"Exit status: the script's; 124 timeout; 125 the lab failed, a kernel is in trouble, or a\n"
	"stale translation was used.\n";

static void note_command(const struct lab_folders *f, int argc, char **argv)
{
	char path[PATH_MAX], text[4096] = "";
	struct lab_error ignored;
	size_t fill = 0;

	for (int i = 0; i < argc && fill < sizeof(text) - 2; i++)
		fill += (size_t)snprintf(text + fill, sizeof(text) - 1 - fill, "%s%s", i ? " " : "",
					 argv[i]);
	text[strlen(text)] = '\n';
	lab_path(path, "%s/what", f->run);
	lab_write_file(path, text, strlen(text), 0644, &ignored);
}

/* The option, else the environment: so that whatever runs the lab can be run on another kernel. */
static int choose_kernel(struct lab_options *o, struct lab_error *err)
{
	const char *wanted = getenv("XO_LAB_KERNEL");

	return o->kernel[0] || !wanted || !*wanted ? 0 : lab_parse_kernel(wanted, o->kernel, err);
}

/* What the user names must be there before anything is made. */
static int check_files(const struct lab_folders *f, const struct lab_options *o,
		       struct lab_error *err)
{
	char path[PATH_MAX];

	lab_system_path(f, o, path);
	if (o->kernel[0] && strcmp(o->kernel, LAB_KERNELS))
		return lab_error(err,
				 "there is no host kernel %s: it can be %s (after make "
				 "lab-kernel-%s); without --host-kernel the host has the VMs', 6.1",
				 o->kernel, LAB_KERNELS, LAB_KERNELS);
	if (o->kernel[0] && access(path, R_OK))
		return lab_error(err,
				 "there is no image with the host kernel %s (%s): run make "
				 "lab-kernel-%s",
				 o->kernel, path, o->kernel);
	if (!o->script && !isatty(0))
		return lab_error(err, "needs a terminal: use xo lab run - for commands from a "
				      "file or pipe");
	if (o->script && strcmp(o->script, "-") && access(o->script, R_OK))
		return lab_error(err, "the script %s cannot be read: %s", o->script,
				 strerror(errno));
	for (unsigned int i = 0; i < o->put_count; i++) {
		if (access(o->puts[i].local, R_OK))
			return lab_error(err, "%s, which is to be put, cannot be read: %s",
					 o->puts[i].local, strerror(errno));
	}
	return 0;
}

/* Are the run's logs wanted? Not of a shell that a signal ended, nor after xo lab down. */
static bool is_failure(const struct lab_folders *f, const struct lab_options *o, int status)
{
	char path[PATH_MAX];

	if (status < LAB_EXIT_SIGNAL)
		return status >= LAB_EXIT_TIMEOUT;
	lab_path(path, "%s/" LAB_DOWN, f->run);
	return o->script && access(path, F_OK);
}

static int run_machine(struct lab_folders *f, const struct lab_options *o, int argc, char **argv)
{
	struct lab_machine machine = { .sock = -1, .snapshot_lock = -1, .snapshot_used = -1 };
	struct lab_key key = { .inputs = NULL };
	struct lab_error err;
	int status = LAB_EXIT_FAILED;

	lab_say("starting");
	if (lab_run_begin(f, &err))
		goto failed;
	note_command(f, argc, argv);
	if (lab_check_bochs(f, &err))
		goto failed;
	lab_say("bochs-bin unmodified: its SHA-256 is the Debian package's");
	if (lab_key_make(f, o, &key, &err))
		goto failed;
	if (lab_payload_make(f, o, &err))
		goto failed;
	lab_say("payload built");
	if (lab_machine_start(f, o, &key, &machine, &err))
		goto failed;
	lab_say(machine.resumed ? "resuming snapshot %.16s" : "cold start (%.16s)", key.name);
	status = lab_relay(f, o, &key, &machine);
	goto out;
failed:
	fprintf(stderr, "xo lab: %s\n", err.text);
out:
	lab_machine_stop(&machine);
	free(key.inputs);
	bool keep = is_failure(f, o, status);

	if (keep && f->run[0])
		fprintf(stderr, "lab: the logs of this run are in %s\n", f->run);
	lab_run_end(f, keep);
	return status;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

/* The subcommands that make no machine; -1: it is none of them. */
static int look_after(const struct lab_folders *f, int argc, char **argv)
{
	const char *word = argv[0];
	int most = strcmp(word, "down") ? 1 : 2;

	if (strcmp(word, "ls") && strcmp(word, "clean") && strcmp(word, "down"))
		return -1;
	if (argc > most) {
		fprintf(stderr, "xo lab %s: '%s' is one word too many\nTry: xo lab --help\n", word,
			argv[most]);
		return LAB_EXIT_USAGE;
	}
	if (!strcmp(word, "ls"))
		return lab_cmd_ls(f);
	if (!strcmp(word, "clean"))
		return lab_cmd_clean(f);
	return lab_cmd_down(f, argv[1]);
}

int xo_cmd_lab(int argc, char **argv)
{
	struct lab_folders folders;
	struct lab_options *options;
	struct lab_error err;
	const char *word = argc > 1 ? argv[1] : "";
	int status;

	if (is_help(word) || (argc > 2 && is_help(argv[2])))
		return fputs(usage, stdout) < 0;
	if (argc < 2) {
		fputs(usage, stderr);
		return LAB_EXIT_USAGE;
	}
	if (lab_find_folders(&folders, &err))
		goto failed;
	status = look_after(&folders, argc - 1, argv + 1);
	if (status >= 0)
		return status;
	if (strcmp(word, "run") && strcmp(word, "up")) {
		fprintf(stderr, "xo lab: there is no subcommand '%s'\n%s", word, usage);
		return LAB_EXIT_USAGE;
	}
	options = malloc(sizeof(*options));
	status = options ? lab_parse(argc - 1, argv + 1, options, &err) : -1;
	if (!status && options->help) {
		free(options);
		return fputs(usage, stdout) < 0;
	}
	if (status || choose_kernel(options, &err) || check_files(&folders, options, &err)) {
		fprintf(stderr, "xo lab %s: %s\n", word, options ? err.text : "no memory");
		free(options);
		return LAB_EXIT_USAGE;
	}
	status = run_machine(&folders, options, argc - 1, argv + 1);
	free(options);
	return status;
failed:
	fprintf(stderr, "xo lab: %s\n", err.text);
	return LAB_EXIT_FAILED;
}
