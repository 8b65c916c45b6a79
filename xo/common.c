// SPDX-License-Identifier: GPL-2.0
/* Options, opening the device, tables. */
#include "common.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

bool xo_is_name(const char *s)
{
	return xo_name_ok(s);
}

int xo_option(int argc, char **argv, const char *letters, const struct option *options,
	      const char *help, int *status)
{
	static const struct option only_help[] = { { "help", no_argument, NULL, 'h' },
						   { NULL, 0, NULL, 0 } };
	int c;

	opterr = 0;
	c = getopt_long(argc, argv, letters, options ? options : only_help, NULL);
	if (c == 'h') {
		fputs(help, stdout);
		*status = XO_OK;
		return -2;
	}
	if (c != '?' && c != ':')
		return c;
	/* A bad long option is the word just passed; a bad letter may stand inside of one. */
	if (optopt && c == '?' && optopt < 128 && argv[optind - 1][1] != '-')
		*status = xo_bad_usage(argv[0], "there is no option -%c", optopt);
	else if (c == ':')
		*status = xo_bad_usage(argv[0], "option '%s' needs a value", argv[optind - 1]);
	else
		*status = xo_bad_usage(argv[0], "there is no option '%s', or it takes no value",
				       argv[optind - 1]);
	return -2;
}

bool xo_words(int argc, char **argv, int n, const char *what, int *status)
{
	if (argc - optind == n)
		return true;
	if (argc - optind < n)
		*status = xo_bad_usage(argv[0], "it needs %s", what);
	else
		*status = xo_bad_usage(argv[0], "'%s' is one word too many: it needs %s",
				       argv[optind + n], what);
	return false;
}

bool xo_names(const char *word, char **names, int n, int *status)
{
	for (int i = 0; i < n; i++) {
		if (xo_is_name(names[i]))
			continue;
		*status = xo_bad_usage(word,
				       "'%s' is not a VM name: use a lower-case letter, then up to "
				       "30 lower-case letters, digits or '-'",
				       names[i]);
		return false;
	}
	return true;
}

struct xo *xo_cli_open(const char *word, enum xo_side side)
{
	struct xo *x = xo_new();

	if (!x) {
		xo_fail(word, "no memory");
		return NULL;
	}
	if (xo_open(x, side, NULL) == 0)
		return x;
	xo_cli_fail(word, x);
	return NULL;
}

int xo_cli_fail(const char *word, struct xo *x)
{
	int status = xo_fail(word, "%s", xo_error(x));

	xo_free(x);
	return status;
}

void xo_cell(struct xo_table *t, const char *fmt, ...)
{
	char **cells = reallocarray(t->cells, t->count + 1, sizeof(*cells));
	va_list ap;
	int n;

	if (!cells)
		abort();
	t->cells = cells;
	va_start(ap, fmt);
	n = vasprintf(&cells[t->count], fmt, ap);
	va_end(ap);
	if (n < 0)
		abort();
	t->count++;
}

static int width_of(const struct xo_table *t, size_t column)
{
	size_t width = 0;

	for (size_t i = column; i < t->count; i += t->columns)
		if (strlen(t->cells[i]) > width)
			width = strlen(t->cells[i]);
	return (int)width;
}

void xo_table_print(struct xo_table *t, FILE *to)
{
	for (size_t i = 0; to && i < t->count; i++) {
		size_t column = i % t->columns;
		int width = width_of(t, column);
		bool last = column == t->columns - 1;

		if (t->align[column] == 'r')
			fprintf(to, "%*s", width, t->cells[i]);
		else
			fprintf(to, "%-*s", last ? 0 : width, t->cells[i]);
		fputs(last ? "\n" : "  ", to);
	}
	for (size_t i = 0; i < t->count; i++)
		free(t->cells[i]);
	free(t->cells);
	t->cells = NULL;
	t->count = 0;
}
