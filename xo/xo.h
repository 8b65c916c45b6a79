/* SPDX-License-Identifier: GPL-2.0 */
/* What the subcommands of `xo` share: exit codes, how they are found, how they complain. */
#ifndef XO_XO_H
#define XO_XO_H

#include <stdbool.h>

enum xo_exit {
	XO_OK = 0,
	XO_REFUSED = 1, /* refused or failed; stderr says what, why, what to do */
	XO_USAGE = 2,	/* the words given make no sense */
	XO_LAB = 125,	/* the lab itself failed */
};

/*
 * A subcommand: argv[0] is its word, the rest is its own. Returns an exit code. Each stands in a
 * file of its name, xo/WORD.c.
 */
int xo_cmd_enrol(int argc, char **argv);
int xo_cmd_unenrol(int argc, char **argv);
int xo_cmd_link(int argc, char **argv);
int xo_cmd_unlink(int argc, char **argv);
int xo_cmd_ls(int argc, char **argv);
int xo_cmd_stat(int argc, char **argv);
int xo_cmd_doctor(int argc, char **argv);
int xo_cmd_ping(int argc, char **argv);
int xo_cmd_serve(int argc, char **argv);
int xo_cmd_sh(int argc, char **argv);
int xo_cmd_count(int argc, char **argv);
int xo_cmd_vm(int argc, char **argv);
int xo_cmd_lab(int argc, char **argv);

/* "xo WORD: sentence" on stderr; returns XO_REFUSED. */
int xo_fail(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The same, with where to read on; returns XO_USAGE. */
int xo_bad_usage(const char *word, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Is it a VM name: a lower-case letter, then up to 30 lower-case letters, digits or '-'? */
bool xo_is_name(const char *s);

#endif
