/* SPDX-License-Identifier: GPL-2.0 */
/* The refusals of include/crossover/errors.def as numbers, and the errno of each. */
#ifndef XO_HOST_REASON_H
#define XO_HOST_REASON_H

#define XO_REASON(code, name, error, sentence, remedy) XO_REASON_##name = (code),
enum xo_reason {
	XO_REASON_NONE = 0,
#include "crossover/errors.def"
};
#undef XO_REASON
#define XO_REASON(code, name, error, sentence, remedy) static_assert((code) < XO_REASONS_MAX);
#include "crossover/errors.def"
#undef XO_REASON

static inline int xo_reason_errno(enum xo_reason reason)
{
	switch (reason) {
#define XO_REASON(code, name, error, sentence, remedy) \
	case XO_REASON_##name:                         \
		return -(error);
#include "crossover/errors.def"
#undef XO_REASON
	case XO_REASON_NONE:
		break;
	}
	return 0;
}

#endif
