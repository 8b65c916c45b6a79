// SPDX-License-Identifier: MIT OR GPL-2.0
/* errors.def as a table. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "internal.h"

static const struct xo_reason reasons[] = {
#define XO_REASON(code, name, error, sentence, remedy) { code, #name, error, sentence, remedy },
#include <crossover/errors.def>
#undef XO_REASON
};

#define COUNT (sizeof(reasons) / sizeof(reasons[0]))

const struct xo_reason *xo_reason_at(size_t i)
{
	return i < COUNT ? &reasons[i] : NULL;
}

const struct xo_reason *xo_reason_by_code(unsigned int code)
{
	for (size_t i = 0; i < COUNT; i++)
		if ((unsigned int)reasons[i].code == code)
			return &reasons[i];
	return NULL;
}

const char *xo_reason_text(unsigned int code, const char *object, char *text, size_t size)
{
	const struct xo_reason *r = xo_reason_by_code(code);
	const char *at;

	if (size)
		text[0] = '\0';
	if (!r)
		return text;
	/* At most one %s; splicing by hand keeps the table out of printf. */
	at = strstr(r->sentence, "%s");
	if (at)
		snprintf(text, size, "%.*s%s%s: %s", (int)(at - r->sentence), r->sentence, object,
			 at + 2, r->remedy);
	else
		snprintf(text, size, "%s: %s", r->sentence, r->remedy);
	return text;
}
