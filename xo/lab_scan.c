// SPDX-License-Identifier: GPL-2.0
/* Kernel logs: which lines mean that a kernel is in trouble, shown with the lines around them. */
#include <ctype.h>
#include <string.h>

#include "lab.h"

/*
 * Words of the kernel itself (no allow-list: a test that wants one of these is wrong). A user
 * program's fault reads "general protection fault ip:", without a comma or colon after "fault".
 */
static const struct {
	const char *words;
	const char *meaning;
} trouble[] = {
	{ "Kernel panic", "panic" },
	{ "kernel BUG at", "BUG" },
	{ "BUG: ", "BUG" },
	{ "Oops:", "oops" },
	{ "WARNING: ", "warning" },
	{ "general protection fault,", "general protection fault" },
	{ "general protection fault:", "general protection fault" },
	{ "double fault:", "double fault" },
	{ "invalid opcode: 0000", "invalid opcode" },
	{ "Unable to handle kernel", "oops" },
	{ "self-detected stall", "RCU stall" },
	{ "detected stalls on", "RCU stall" },
	{ "detected expedited stalls", "RCU stall" },
	{ "kthread starved for", "RCU stall" },
	{ "soft lockup", "soft lockup" },
	{ "hard LOCKUP", "hard lockup" },
	{ "possible circular locking", "lockdep" },
	{ "possible recursive locking", "lockdep" },
	{ "inconsistent lock state", "lockdep" },
	{ "bad unlock balance", "lockdep" },
	{ "suspicious RCU usage", "lockdep" },
	{ "DEBUG_LOCKS_WARN_ON", "lockdep" },
	{ "INFO: trying to register non-static key", "lockdep" },
	{ "INFO: lockdep is turned off", "lockdep" },
	{ "ODEBUG: ", "object" },
	{ "blocked for more than", "hung task" },
	{ "unchecked MSR access error", "unchecked MSR access" },
	{ "Bad page state", "bad page" },
	{ "KASAN:", "KASAN" },
	{ "UBSAN:", "UBSAN" },
	{ "refcount_t:", "refcount" },
};

/* Do the words begin a word of the line? */
static bool has(const char *line, const char *words)
{
	for (const char *p = line; (p = strstr(p, words)); p++) {
		if (p == line || !isalnum((unsigned char)p[-1]))
			return true;
	}
	return false;
}

const char *lab_scan_line(const char *line)
{
	for (size_t i = 0; i < sizeof(trouble) / sizeof(trouble[0]); i++) {
		if (has(line, trouble[i].words))
			return trouble[i].meaning;
	}
	return NULL;
}

static void show(const struct lab_scan *s, const char *line)
{
	if (s->report)
		fprintf(s->report, "  %s| %s\n", s->whose, line);
}

static void show_before(const struct lab_scan *s)
{
	unsigned int count = s->lines < LAB_SCAN_BEFORE ? s->lines : LAB_SCAN_BEFORE;

	for (unsigned int i = s->lines - count; i < s->lines; i++)
		show(s, s->before[i % LAB_SCAN_BEFORE]);
}

static void take_line(struct lab_scan *s)
{
	const char *meaning = lab_scan_line(s->line);

	if (meaning) {
		s->found++;
		if (!s->after) {
			if (s->report)
				fprintf(s->report, "lab: kernel of %s: %s\n", s->whose, meaning);
			show_before(s);
		}
		s->after = LAB_SCAN_AFTER + 1;
	}
	if (s->after) {
		show(s, s->line);
		s->after--;
	}
	memcpy(s->before[s->lines++ % LAB_SCAN_BEFORE], s->line, LAB_SCAN_LINE);
	s->fill = 0;
}

void lab_scan_bytes(struct lab_scan *s, const void *data, size_t size)
{
	const char *bytes = data;

	for (size_t i = 0; i < size; i++) {
		unsigned char c = (unsigned char)bytes[i];

		if (c != '\n' && s->fill < LAB_SCAN_LINE - 1 && c != '\r')
			s->line[s->fill++] = isprint(c) || c == '\t' ? (char)c : '?';
		if (c == '\n' || s->fill == LAB_SCAN_LINE - 1) {
			s->line[s->fill] = 0;
			take_line(s);
		}
	}
}

void lab_scan_end(struct lab_scan *s)
{
	if (s->fill)
		lab_scan_bytes(s, "\n", 1);
}
