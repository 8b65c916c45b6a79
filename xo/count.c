// SPDX-License-Identifier: GPL-2.0
/* xo count: run a command in a region of the emulator's counters and tell what happened in it. */
#include "count.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

#define FIRST_ID 8 /* the regions below belong to programs with marks of their own */

static const char help[] =
	"usage: xo count [--json] [--output FILE] [--] CMD [ARGUMENT]...\n\n"
	"Runs CMD in the emulated host of the lab or in one of its VMs, and tells on standard\n"
	"error (or in FILE) what all CPUs did meanwhile: instructions, VMFUNCs, EPTP switches,\n"
	"CR3 loads, TLB flushes, VM exits by reason, interrupts. Everything that ran counts, also\n"
	"other programs and VMs; the exits of the vCPU that CMD started on stand apart. Only the\n"
	"emulator counts: on a real processor there is nothing to read (use perf stat).\n"
	"Exit status: CMD's; 126, 127 if it could not be run; 128 + signal if one killed it.\n";

/* A region's number is part of the NOP that marks it. */
#define EACH_ID(mark)     \
	switch (id) {     \
	case 8:           \
		mark(8);  \
		break;    \
	case 9:           \
		mark(9);  \
		break;    \
	case 10:          \
		mark(10); \
		break;    \
	case 11:          \
		mark(11); \
		break;    \
	case 12:          \
		mark(12); \
		break;    \
	case 13:          \
		mark(13); \
		break;    \
	case 14:          \
		mark(14); \
		break;    \
	default:          \
		mark(15); \
	}

static void begin(unsigned int id)
{
	EACH_ID(xo_mark_begin);
}

static void end(unsigned int id)
{
	EACH_ID(xo_mark_end);
}

/* A region that nobody counts in; 0 after a complaint. */
static unsigned int idle_region(const char *word, struct xo_counts *c)
{
	for (unsigned int id = XO_MARK_IDS - 1; id >= FIRST_ID; id--) {
		xo_mark_read(id, c);
		if (!c->valid) {
			xo_fail(word, "nobody counts here: events are counted only by the emulator "
				      "of the lab (see `xo lab --help`), in its host and its VMs; "
				      "on a real processor use `perf stat`");
			return 0;
		}
		if (!c->running)
			return id;
	}
	xo_fail(word,
		"%u others count in this machine, and there are no more regions: wait for "
		"one of them, or start the lab anew if they were killed",
		XO_MARK_IDS - FIRST_ID);
	return 0;
}

/* In the child, as late as possible. `failed` tells the parent, through shared memory. */
static _Noreturn void run(unsigned int id, char **command, int *failed)
{
	begin(id);
	execvp(command[0], command);
	*failed = errno;
	_exit(*failed == ENOENT ? 127 : 126);
}

static int wait_for(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return 126;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

/* Exit status of the command; *failed: why it could not be run, or 0. */
static int count(unsigned int id, char **command, int *failed)
{
	int *shared =
		mmap(NULL, sizeof(int), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	void (*interrupted)(int), (*quit)(int);
	int status = 126;
	pid_t child;

	*failed = errno;
	if (shared == MAP_FAILED)
		return status;
	/* Ctrl-C is for the command; what it did until then is still told. */
	interrupted = signal(SIGINT, SIG_IGN);
	quit = signal(SIGQUIT, SIG_IGN);
	child = fork();
	if (!child) {
		signal(SIGINT, interrupted);
		signal(SIGQUIT, quit);
		run(id, command, shared);
	}
	if (child > 0) {
		status = wait_for(child);
		end(id);
		*failed = *shared;
	} else {
		*failed = errno;
	}
	munmap(shared, sizeof(int));
	return status;
}

int xo_cmd_count(int argc, char **argv)
{
	static const struct option options[] = { { "json", no_argument, NULL, 'j' },
						 { "output", required_argument, NULL, 'o' },
						 { "help", no_argument, NULL, 'h' },
						 { NULL, 0, NULL, 0 } };
	static struct xo_counts counts;
	const char *file = NULL;
	bool json = false;
	FILE *to = stderr;
	int status, failed, c;
	unsigned int id;

	while ((c = xo_option(argc, argv, "+:jo:h", options, help, &status)) >= 0) {
		if (c == 'j')
			json = true;
		else
			file = optarg;
	}
	if (c == -2)
		return status;
	if (optind == argc)
		return xo_bad_usage(argv[0], "it needs a command to run");
	id = idle_region(argv[0], &counts);
	if (!id)
		return XO_REFUSED;
	if (file)
		to = fopen(file, "we");
	if (!to)
		return xo_fail(argv[0], "cannot write %s: %m", file);
	status = count(id, argv + optind, &failed);
	if (failed) {
		errno = failed;
		xo_fail(argv[0], "cannot run %s: %m", argv[optind]);
		return status;
	}
	xo_mark_read(id, &counts);
	if (json)
		xo_count_print_json(to, &counts, status);
	else
		xo_count_print_table(to, &counts);
	if (fflush(to) || ferror(to) || (file && fclose(to)))
		return xo_fail(argv[0], "cannot write the counts: %m");
	return status;
}
