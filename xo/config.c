// SPDX-License-Identifier: GPL-2.0
/* A policy with its users looked up. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "serve.h"

static bool find_users(struct xo_config *c, const char *file, char *why, size_t why_size)
{
	const struct xo_policy_caller *caller;
	size_t n = 0;

	while (xo_policy_at(c->policy, n))
		n++;
	c->accounts = calloc(n ? n : 1, sizeof(*c->accounts));
	if (!c->accounts) {
		snprintf(why, why_size, "%s: no memory", file);
		return false;
	}
	for (; (caller = xo_policy_at(c->policy, c->count)); c->count++) {
		const char *user = xo_policy_caller_user(caller);
		int err = xo_account_find(&c->accounts[c->count], user, NULL, NULL);

		if (!err)
			continue;
		snprintf(why, why_size, "%s:%u: user '%s' of caller '%s': %s", file,
			 xo_policy_caller_line(caller), user, xo_policy_caller_name(caller),
			 err == -ENOENT	 ? "not in /etc/passwd"
			 : err == -E2BIG ? "is in too many groups"
					 : strerror(-err));
		return false;
	}
	return true;
}

bool xo_config_load(struct xo_config *c, const char *file, char *why, size_t why_size)
{
	struct xo_config fresh = { .policy = xo_policy_load(file, why, why_size) };

	if (!fresh.policy)
		return false;
	if (!find_users(&fresh, file, why, why_size)) {
		xo_config_free(&fresh);
		return false;
	}
	xo_config_free(c);
	*c = fresh;
	return true;
}

bool xo_config_doubt(const struct xo_config *c, size_t i, const char *file, char *why,
		     size_t why_size)
{
	const struct xo_policy_caller *caller = xo_policy_at(c->policy, i);

	if (!xo_policy_allows_nothing(caller))
		return false;
	snprintf(why, why_size,
		 "%s:%u: caller '%s' is let in, but allowed no call: add `allow calls NAME...` to "
		 "its block, or remove the block",
		 file, xo_policy_caller_line(caller), xo_policy_caller_name(caller));
	return true;
}

void xo_config_free(struct xo_config *c)
{
	xo_policy_free(c->policy);
	free(c->accounts);
	memset(c, 0, sizeof(*c));
}
