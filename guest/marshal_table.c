// SPDX-License-Identifier: GPL-2.0
/*
 * The table of system calls as data, from crossover/syscalls.def. Compiled into the guest module
 * and into the stub: nothing here may depend on either.
 */
#include <crossover/syscalls.h>

/* clang-format off */
#define VALUE		{ XO_ARG_VALUE, 0, 0 }
#define PID		{ XO_ARG_PID, 0, 0 }
#define FD		{ XO_ARG_FD, 0, 0 }
#define DIRFD		{ XO_ARG_DIRFD, 0, 0 }
#define PATH		{ XO_ARG_PATH, 0, 0 }
#define LPATH		{ XO_ARG_LPATH, 0, 0 }
#define NAME		{ XO_ARG_NAME, 0, 0 }
#define STRING		{ XO_ARG_STRING, 0, 0 }
#define OFLAGS		{ XO_ARG_OFLAGS, 0, 0 }
#define ATFLAGS		{ XO_ARG_ATFLAGS, 0, 0 }
#define IN(n)		{ XO_ARG_IN, n, 1 }
#define OUT(n)		{ XO_ARG_OUT, n, 1 }
#define OUT_ITEMS(n, s)	{ XO_ARG_OUT, n, s }
#define S_IN(s)		{ XO_ARG_STRUCT_IN, 0, s }
#define S_OUT(s)	{ XO_ARG_STRUCT_OUT, 0, s }
#define S_INOUT(s)	{ XO_ARG_STRUCT_INOUT, 0, s }
#define CMD		{ XO_ARG_CMD, 0, 0 }
#define BY_CMD		{ XO_ARG_BY_CMD, 0, 0 }
/* clang-format on */

/* Names are pasted here, where they are still as written: VALUE and FD name results, too. */
#define LINE(n, called, at, what, res, chunks, ...) \
	[n] = { .name = called,                     \
		.where = at,                        \
		.group = what,                      \
		.result = res,                      \
		.chunked = chunks,                  \
		.nr = n,                            \
		.args = { __VA_ARGS__ } },

#define XO_SYSCALL(n, call, at, what, res, ...) \
	LINE(n, #call, XO_WHERE_##at, XO_CLASS_##what, XO_RESULT_##res, 0, ##__VA_ARGS__)
#define XO_SYSCALL_CHUNKED(n, call, at, what, res, ...) \
	LINE(n, #call, XO_WHERE_##at, XO_CLASS_##what, XO_RESULT_##res, 1, ##__VA_ARGS__)
#define XO_SYSCALL_ERR(n, call, at, e, ...) \
	[n] = { .name = #call, .where = XO_WHERE_##at, .nr = n, .err = e, .args = { __VA_ARGS__ } },

const struct xo_syscall xo_syscall_table[XO_SYSCALLS] = {
#include <crossover/syscalls.def>
};

#define XO_COMMAND(n, called, value, what, how) \
	{ .name = #called, .nr = n, .cmd = value, .group = XO_CLASS_##what, .arg = how },
#define XO_COMMAND_LOCAL(n, called, value) { .name = #called, .nr = n, .cmd = value, .local = 1 },

static const struct xo_command commands[] = {
#include <crossover/syscalls.def>
};

const struct xo_command *xo_command_find(__u32 nr, __u32 cmd)
{
	unsigned int i;

	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].nr == nr && commands[i].cmd == cmd)
			return &commands[i];
	return NULL;
}

#define XO_LOCAL_PATH(path)   { path, sizeof(path) - 1, 0 },
#define XO_LOCAL_DATA(prefix) { prefix, sizeof(prefix) - 1, 1 },

static const struct local_path {
	const char *text;
	unsigned int len;
	unsigned int prefix;
} local_paths[] = {
#include <crossover/syscalls.def>
};

int xo_path_is_local(const char *path, int opened_to_read)
{
	const struct local_path *l;
	unsigned int i, n;

	for (i = 0; i < sizeof(local_paths) / sizeof(local_paths[0]); i++) {
		l = &local_paths[i];
		if (l->prefix && !opened_to_read)
			continue;
		for (n = 0; n < l->len && path[n] == l->text[n]; n++)
			;
		if (n == l->len && (l->prefix || !path[n]))
			return 1;
	}
	return 0;
}
