// SPDX-License-Identifier: GPL-2.0
/* xo enrol: hand a running VM to the host module. */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "common.h"

static const char help[] =
	"usage: xo enrol [--pid PID] NAME\n\n"
	"Lets the running VM NAME take part in cross-world calls (on the host, as root).\n"
	"NAME is the name that the VM's peers are told: a lower-case letter, then up to 30\n"
	"lower-case letters, digits or '-'.\n\n"
	"  --pid PID  the VM of this QEMU process; without it, the VM that was started by\n"
	"             `xo vm start NAME` (" XO_RUN_VM "/NAME/pid)\n\n"
	"Nothing else of the VM changes; `xo unenrol NAME` undoes it.\n";

/* A process number and nothing else; 0 if it is none. */
static pid_t to_pid(const char *s)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(s, &end, 10);
	return errno || end == s || (*end && *end != '\n') || n <= 0 || n > INT_MAX ? 0 : (pid_t)n;
}

/* What `xo vm start` noted; 0 after a complaint. */
static pid_t noted_pid(const char *word, const char *name)
{
	char path[sizeof(XO_RUN_VM) + XO_NAME_MAX + 8], text[32] = "";
	pid_t pid = 0;
	FILE *f;

	snprintf(path, sizeof(path), XO_RUN_VM "/%s/pid", name);
	f = fopen(path, "re");
	if (!f && access("/sys/module/crossover_guest", F_OK) == 0) {
		xo_fail(word, "this is a VM: VMs are enrolled on the host; run it there");
		return 0;
	}
	if (!f) {
		xo_fail(word,
			"no VM '%s' was started by `xo vm start` (%s: %s); give --pid for another "
			"QEMU",
			name, path, strerror(errno));
		return 0;
	}
	if (fgets(text, sizeof(text), f))
		pid = to_pid(text);
	fclose(f);
	if (!pid)
		xo_fail(word, "%s does not hold a process number; give --pid", path);
	return pid;
}

int xo_cmd_enrol(int argc, char **argv)
{
	static const struct option options[] = { { "pid", required_argument, NULL, 'p' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	uint64_t wid = 0;
	pid_t pid = 0;
	int status, c;
	struct xo *x;

	while ((c = xo_option(argc, argv, ":p:h", options, help, &status)) >= 0) {
		pid = to_pid(optarg);
		if (!pid)
			return xo_bad_usage(argv[0], "'%s' is not a process number", optarg);
	}
	/* It is a name before it becomes part of a path. */
	if (c == -2 || !xo_words(argc, argv, 1, "the VM's name", &status) ||
	    !xo_names(argv[0], argv + optind, 1, &status))
		return status;
	if (!strcmp(argv[optind], XO_HOST_NAME))
		return xo_fail(argv[0],
			       "'%s' is the host's own name: give the VM another one; the host "
			       "itself needs no enrolling, run: xo link CALLER %s",
			       XO_HOST_NAME, XO_HOST_NAME);
	if (!pid)
		pid = noted_pid(argv[0], argv[optind]);
	if (!pid)
		return XO_REFUSED;
	x = xo_cli_open(argv[0], XO_SIDE_HOST);
	if (!x)
		return XO_REFUSED;
	if (xo_enrol_pid(x, argv[optind], pid, &wid) < 0)
		return xo_cli_fail(argv[0], x);
	printf("VM %s is enrolled; its kernel is world %llu\n", argv[optind],
	       (unsigned long long)wid);
	xo_free(x);
	return XO_OK;
}
