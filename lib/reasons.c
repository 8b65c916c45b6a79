// SPDX-License-Identifier: MIT OR GPL-2.0
/* errors.def as a table. */
#include <errno.h>
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
