/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callee's policy: which callers may make which system calls on which paths, as which local
 * user. Default deny. Syntax and meaning: man/crossover-policy.5.
 *
 *	caller mgr {
 *		user root
 *		allow calls info read
 *		allow read /etc/motd /srv
 *		deny all /etc/shadow
 *	}
 *
 * A policy is immutable once parsed, so any number of threads may check against it.
 */
#ifndef XO_POLICY_H
#define XO_POLICY_H

#include <stddef.h>
#include <stdint.h>

#define XO_POLICY_FILE	      "/etc/crossover/policy"
#define XO_POLICY_STUBS	      64 /* stubs of one caller at once, unless the policy says otherwise */
#define XO_POLICY_STUBS_MAX   1024
#define XO_POLICY_PATTERN_MAX 255 /* bytes in a path pattern */

struct xo_policy;
struct xo_policy_caller;

/* What a call wants of a path. */
#define XO_ACCESS_READ	1u /* look: open for reading, stat, list, readlink, chdir */
#define XO_ACCESS_WRITE 2u /* change: open for writing, create, remove, rename, chmod, truncate */

/*
 * One question. First ask with path NULL (may this caller make this call at all), then once per
 * path that the call names. `path` must be what will really be used: absolute, with links, "." and
 * ".." resolved (readlink of /proc/self/fd/N), never the text that the caller sent.
 */
struct xo_policy_query {
	uint32_t nr;	 /* x86-64 system call number */
	uint32_t access; /* XO_ACCESS_*; with a path and 0, XO_ACCESS_READ is meant */
	const char *path;
};

/* Answer with its reason: the rule that refused (its text and line), or none allowed it (line 0).
 */
struct xo_policy_verdict {
	int error; /* 0 or -EACCES */
	unsigned int line;
	const char *rule; /* belongs to the policy */
};

/*
 * Parse `len` bytes of `text`; `name` is how sentences call the file. NULL, and a sentence with the
 * line's number in `why`, if anything at all is wrong with it: a policy is taken whole or not.
 */
struct xo_policy *xo_policy_parse(const char *name, const char *text, size_t len, char *why,
				  size_t why_size);

/* The same from a file, which only root may be able to write. */
struct xo_policy *xo_policy_load(const char *file, char *why, size_t why_size);

void xo_policy_free(struct xo_policy *p); /* NULL is fine */

/* The rules for the VM that the host calls `name`, or NULL: nothing is allowed. */
const struct xo_policy_caller *xo_policy_find(const struct xo_policy *p, const char *name);

/* i-th block, or NULL behind the last. */
const struct xo_policy_caller *xo_policy_at(const struct xo_policy *p, size_t i);

const char *xo_policy_caller_name(const struct xo_policy_caller *c);
const char *xo_policy_caller_user(const struct xo_policy_caller *c);
unsigned int xo_policy_caller_stubs(const struct xo_policy_caller *c);
unsigned int xo_policy_caller_line(const struct xo_policy_caller *c);

/* Decide, silently. A NULL caller is refused. */
struct xo_policy_verdict xo_policy_decide(const struct xo_policy_caller *c,
					  const struct xo_policy_query *q);

/* Decide: 0 or -EACCES; a refusal also gives one line in the log (xo/log.h, rate-limited per
 * caller) that names caller, call, path and rule. */
int xo_policy_check(const struct xo_policy_caller *c, const struct xo_policy_query *q);

/* 1: no rule refuses any path for `access` (XO_ACCESS_*, one or both), so that none need be asked.
 */
int xo_policy_any_path(const struct xo_policy_caller *c, uint32_t access);

/* 1: no rule allows any call, so that a session could be opened, and nothing be done in it. */
int xo_policy_allows_nothing(const struct xo_policy_caller *c);

/* Does `path` match `pattern`? `?` is one byte but '/', `*` any of them, `**` any bytes at all; a
 * last component `**` matches the directory itself too. */
int xo_policy_match(const char *pattern, const char *path);

#endif
