// SPDX-License-Identifier: GPL-2.0
// docs/errors.md must never say other than errors.def. After a change of the table, write it anew:
//	XO_WRITE_DOCS=1 make test-unit T=errors
// link: lib/reasons.c
#include <crossover/crossover.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define DOC "docs/errors.md"

static const char head[] =
	"<!-- Made from include/crossover/errors.def by test/unit/test_errors.c; edit that. -->\n"
	"# Refusals of the host module\n\n"
	"What `crossover.ko` refuses, and what to do. In a sentence, NAME stands for the VM or "
	"link\n"
	"that the command named. C names are `XO_REASON_...` of `crossover/crossover.h`.\n\n"
	"| code | name | errno | sentence | what to do |\n"
	"|---|---|---|---|---|\n";

/* "with %s" becomes "with NAME". */
static void put_sentence(FILE *f, const char *s)
{
	const char *at = strstr(s, "%s");

	if (at)
		fprintf(f, "%.*sNAME%s", (int)(at - s), s, at + 2);
	else
		fputs(s, f);
}

static char *render(void)
{
	const struct xo_reason *r;
	char *text = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&text, &size);

	assert_non_null(f);
	fputs(head, f);
	for (size_t i = 0; (r = xo_reason_at(i)); i++) {
		fprintf(f, "| %d | `%s` | `%s` | ", r->code, r->name, strerrorname_np(r->error));
		put_sentence(f, r->sentence);
		fprintf(f, " | %s |\n", r->remedy);
	}
	fclose(f);
	return text;
}

static void the_document_says_what_the_table_says(void **state)
{
	char *want = render(), *have = calloc(1, 1 << 16);
	const char *write = getenv("XO_WRITE_DOCS");
	FILE *f = fopen(DOC, write && *write ? "w+" : "r");

	if (!f)
		fail_msg("cannot open " DOC);
	if (write && *write) {
		fputs(want, f);
		rewind(f);
	}
	assert_non_null(have);
	assert_true(fread(have, 1, (1 << 16) - 1, f) > 0);
	fclose(f);
	assert_string_equal(have, want);
	free(have);
	free(want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_document_says_what_the_table_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
