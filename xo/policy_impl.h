/* SPDX-License-Identifier: GPL-2.0 */
/* A parsed policy, for policy.c and policy_parse.c only. */
#ifndef XO_POLICY_IMPL_H
#define XO_POLICY_IMPL_H

#include <stdbool.h>
#include "crossover/abi.h"
#include "calls.h"
#include "policy.h"

#define XO_POLICY_USER_MAX 33

/* One `allow` or `deny` line. */
struct xo_policy_rule {
	unsigned int line;
	bool deny;
	uint32_t access; /* of paths; 0: the rule is about calls */
	struct xo_call_set calls;
	char **patterns;
	size_t count;
	char *text; /* as written, for the log */
};

struct xo_policy_caller {
	char name[XO_NAME_MAX];
	char user[XO_POLICY_USER_MAX];
	unsigned int line, user_line, stubs_line;
	unsigned int stubs;
	struct xo_policy_rule *rules;
	size_t count;
};

struct xo_policy {
	struct xo_policy_caller *callers;
	size_t count;
};

#endif
