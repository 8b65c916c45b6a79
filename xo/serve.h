/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callee's side in user space. The master (master.c) takes OPEN calls, knows nothing of a
 * caller but its host-vouched name, and reads no byte that a caller wrote. For each it accepts it
 * forks a session (session.c), which sheds its rights before it looks at the window.
 */
#ifndef XO_SERVE_H
#define XO_SERVE_H

#include <stdbool.h>
#include "crossover/crossover.h"
#include "account.h"
#include "policy.h"

/* A policy with its users looked up: accounts[i] belongs to xo_policy_at(policy, i). */
struct xo_config {
	struct xo_policy *policy;
	struct xo_account *accounts;
	size_t count;
};

/* Load whole or not at all: false, `why` is a sentence, and *c is as it was. On success the old
 * content is freed. */
bool xo_config_load(struct xo_config *c, const char *file, char *why, size_t why_size);
void xo_config_free(struct xo_config *c);

/* What is no mistake, but hardly meant: a sentence about the i-th caller, or false. */
bool xo_config_doubt(const struct xo_config *c, size_t i, const char *file, char *why,
		     size_t why_size);

/* Exit codes of a session's process. */
#define XO_SESSION_DONE	     0
#define XO_SESSION_FAILED    1	/* answered the OPEN call itself, or the session broke */
#define XO_SESSION_UNADOPTED 10 /* never had the OPEN call: the master must answer it */

/*
 * The session of the OPEN call `req`, in a process of its own that was just forked. Returns the
 * exit code. `log` must be at or above XO_STUB_FD_BASE; every other descriptor is closed.
 */
int xo_session(const struct xo_g_serve *req, const struct xo_policy_caller *caller,
	       const struct xo_account *account, int log);

/*
 * Serve until SIGTERM or SIGINT. `x` is open in this very process. `ready`: called once the first
 * OPEN call could be taken. SIGHUP: load `file` again, and call `reopen` (log rotation), NULL if
 * none. Returns an exit code of xo.
 */
struct xo_master_hooks {
	void (*ready)(void *arg);
	void (*reopen)(void *arg);
	void *arg;
};
int xo_master(struct xo *x, struct xo_config *c, const char *file,
	      const struct xo_master_hooks *hooks);

#endif
