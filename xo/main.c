// SPDX-License-Identifier: GPL-2.0
/* `xo WORD ...`: finds the subcommand. Each stands in a file of its name, xo/WORD.c. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include "crossover/crossover.h"
#include "xo.h"

struct command {
	const char *word;
	int (*run)(int argc, char **argv);
	const char *where;
	const char *help;
};

static const struct command commands[] = {
	{ "enrol", xo_cmd_enrol, "host", "let a VM take part in cross-world calls" },
	{ "unenrol", xo_cmd_unenrol, "host", "take a VM out again, with all its links" },
	{ "link", xo_cmd_link, "host", "permit one VM to call into another" },
	{ "unlink", xo_cmd_unlink, "host", "end that permission; calls under way fail" },
	{ "ls", xo_cmd_ls, "both", "list VMs, links and worlds (in a VM: its links)" },
	{ "stat", xo_cmd_stat, "both", "count calls, exits, errors, routed system calls" },
	{ "doctor", xo_cmd_doctor, "both", "check every condition, say what to do" },
	{ "ping", xo_cmd_ping, "guest", "make null calls to another VM" },
	{ "serve", xo_cmd_serve, "guest", "serve callers as this VM's policy says" },
	{ "sh", xo_cmd_sh, "guest", "run a program against another VM's kernel" },
	{ "count", xo_cmd_count, "both", "count what the emulator did while a command ran" },
	{ "vm", xo_cmd_vm, "host", "start, stop and run commands in the lab's VMs" },
	{ "lab", xo_cmd_lab, "build", "boot the emulated machine and run scripts in it" },
};

#define COUNT (sizeof(commands) / sizeof(commands[0]))

static void usage(FILE *to)
{
	fputs("usage: xo WORD [ARGUMENT]...\n\n", to);
	for (size_t i = 0; i < COUNT; i++)
		fprintf(to, "  %-8s  %-5s  %s\n", commands[i].word, commands[i].where,
			commands[i].help);
	fputs("\n`xo WORD --help` and `xo help WORD` tell more. Exit status: 0 done, 1 refused or\n"
	      "failed, 2 wrong words. `sh`, `vm exec`, `lab run` and `count` pass on the status "
	      "of\n"
	      "what they ran; `sh`, `vm exec` and `lab run` end with 125 if they failed "
	      "themselves,\n"
	      "`sh`, `vm exec` and `count` with 126 or 127 if the command cannot be run, or is "
	      "not\n"
	      "there.\n",
	      to);
}

static void complain(const char *word, const char *fmt, va_list ap)
{
	fflush(stdout);
	fprintf(stderr, "xo %s: ", word);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int xo_fail(const char *word, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(word, fmt, ap);
	va_end(ap);
	return XO_REFUSED;
}

int xo_bad_usage(const char *word, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	complain(word, fmt, ap);
	va_end(ap);
	fprintf(stderr, "Try: xo %s --help\n", word);
	return XO_USAGE;
}

/* What was written must have arrived: a full disk or closed pipe is not success. */
static int finish(const char *word, int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	return status ? status : xo_fail(word, "cannot write the output: %m");
}

static const struct command *find(const char *word)
{
	for (size_t i = 0; i < COUNT; i++)
		if (!strcmp(word, commands[i].word))
			return &commands[i];
	return NULL;
}

/* `xo help`, `xo help WORD`, `xo help vm start`: as --help behind those words. */
static int tell_help(int argc, char **argv)
{
	char option[] = "--help", *words[4] = { NULL };
	const struct command *c;
	int n = 0;

	if (argc < 2 || argv[1][0] == '-') {
		usage(stdout);
		return XO_OK;
	}
	c = find(argv[1]);
	if (!c || argc > 3)
		return xo_bad_usage("help",
				    c ? "it takes a command, and one word of that command"
				      : "there is no command '%s'",
				    argv[1]);
	for (int i = 1; i < argc; i++)
		words[n++] = argv[i];
	words[n++] = option;
	return c->run(n, words);
}

int main(int argc, char **argv)
{
	const struct command *c;

	if (argc < 2) {
		usage(stderr);
		return XO_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
		usage(stdout);
		return finish("help", XO_OK);
	}
	if (!strcmp(argv[1], "help"))
		return finish("help", tell_help(argc - 1, argv + 1));
	if (!strcmp(argv[1], "--version")) {
		printf("xo %s, revision %u\n", xo_release(), xo_revision());
		return finish("--version", XO_OK);
	}
	c = find(argv[1]);
	if (c)
		return finish(argv[1], c->run(argc - 1, argv + 1));
	fprintf(stderr, "xo: there is no command '%s'; xo --help lists them\n", argv[1]);
	return XO_USAGE;
}
