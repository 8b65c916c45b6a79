// SPDX-License-Identifier: GPL-2.0
/* The policy's decisions. Deny wins over allow; what no rule allows is refused. */
#include "policy.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "log.h"
#include "policy_impl.h"

/* Components of a pattern's tail that match nothing at all: "" and a last "/" "**". */
static bool matches_end(const char *p)
{
	if (!strcmp(p, "/**"))
		return true;
	while (*p == '*')
		p++;
	return !*p;
}

/*
 * One bit per position in the pattern, moved along the path: the time is pattern times path,
 * whatever a hostile path looks like. `now[i]`: the path so far matches pattern[0..i).
 */
static void spread(bool *now, const char *pattern, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (now[i] && pattern[i] == '*')
			now[i + 1] = true;
}

static bool step(const bool *now, bool *then, const char *pattern, size_t len, char c)
{
	bool any = false;

	memset(then, 0, len + 1);
	for (size_t i = 0; i < len; i++) {
		bool deep;

		if (!now[i])
			continue;
		deep = pattern[i] == '*' && (pattern[i + 1] == '*' || (i && pattern[i - 1] == '*'));
		if (pattern[i] == '*' && (c != '/' || deep))
			then[i] = any = true;
		else if ((pattern[i] == '?' && c != '/') || (pattern[i] != '*' && pattern[i] == c))
			then[i + 1] = any = true;
	}
	return any;
}

int xo_policy_match(const char *pattern, const char *path)
{
	bool a[XO_POLICY_PATTERN_MAX + 2] = { true }, b[XO_POLICY_PATTERN_MAX + 2];
	size_t len = strlen(pattern);
	bool *now = a, *then = b;

	if (len > XO_POLICY_PATTERN_MAX)
		return 0;
	spread(now, pattern, len);
	for (; *path; path++) {
		bool *t = now;

		if (!step(now, then, pattern, len, *path))
			return 0;
		spread(then, pattern, len);
		now = then;
		then = t;
	}
	for (size_t i = 0; i <= len; i++)
		if (now[i] && matches_end(pattern + i))
			return 1;
	return 0;
}

static bool rule_matches(const struct xo_policy_rule *r, const char *path)
{
	for (size_t i = 0; i < r->count; i++)
		if (xo_policy_match(r->patterns[i], path))
			return true;
	return false;
}

static struct xo_policy_verdict refused_by(const struct xo_policy_rule *r)
{
	return (struct xo_policy_verdict){ -EACCES, r->line, r->text };
}

static struct xo_policy_verdict nothing_allows(const char *what)
{
	return (struct xo_policy_verdict){ -EACCES, 0, what };
}

static struct xo_policy_verdict decide_call(const struct xo_policy_caller *c, uint32_t nr)
{
	struct xo_policy_verdict v = nothing_allows("no rule allows the call");

	for (size_t i = 0; i < c->count; i++) {
		const struct xo_policy_rule *r = &c->rules[i];

		if (r->access || !xo_calls_has(&r->calls, nr))
			continue;
		if (r->deny)
			return refused_by(r);
		v = (struct xo_policy_verdict){ 0, r->line, r->text };
	}
	return v;
}

/* What is relative, or has a component "", "." or "..", has not been resolved, so cannot be judged.
 */
static bool is_resolved(const char *path)
{
	if (!strcmp(path, "/"))
		return true;
	while (*path) {
		size_t len;

		if (*path++ != '/')
			return false;
		len = strcspn(path, "/");
		if (len == 0 || (path[0] == '.' && (len == 1 || (len == 2 && path[1] == '.'))))
			return false;
		path += len;
	}
	return true;
}

static struct xo_policy_verdict decide_path(const struct xo_policy_caller *c, uint32_t access,
					    const char *path)
{
	struct xo_policy_verdict v = { 0, 0, "" };
	uint32_t left = access;

	if (!*path || !is_resolved(path))
		return nothing_allows("the path is not resolved");
	for (size_t i = 0; i < c->count; i++) {
		const struct xo_policy_rule *r = &c->rules[i];

		if (!(r->access & access) || !rule_matches(r, path))
			continue;
		if (r->deny)
			return refused_by(r);
		left &= ~r->access;
		v.line = r->line;
		v.rule = r->text;
	}
	if (left & XO_ACCESS_WRITE)
		return nothing_allows("no rule allows writing the path");
	return left ? nothing_allows("no rule allows reading the path") : v;
}

static bool has_pattern(const struct xo_policy_rule *r, const char *pattern)
{
	for (size_t i = 0; i < r->count; i++)
		if (!strcmp(r->patterns[i], pattern))
			return true;
	return false;
}

int xo_policy_any_path(const struct xo_policy_caller *c, uint32_t access)
{
	uint32_t left = access;

	if (!c)
		return 0;
	for (size_t i = 0; i < c->count; i++) {
		const struct xo_policy_rule *r = &c->rules[i];

		if (!(r->access & access))
			continue;
		if (r->deny)
			return 0;
		if (has_pattern(r, "/**"))
			left &= ~r->access;
	}
	return !left;
}

int xo_policy_allows_nothing(const struct xo_policy_caller *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (!c->rules[i].deny && !c->rules[i].access)
			return 0;
	return 1;
}

struct xo_policy_verdict xo_policy_decide(const struct xo_policy_caller *c,
					  const struct xo_policy_query *q)
{
	uint32_t access = q->access & (XO_ACCESS_READ | XO_ACCESS_WRITE);
	struct xo_policy_verdict v;

	if (!c)
		return nothing_allows("the policy has no block for this caller");
	v = decide_call(c, q->nr);
	if (v.error || !q->path)
		return v;
	return decide_path(c, access ? access : XO_ACCESS_READ, q->path);
}

int xo_policy_check(const struct xo_policy_caller *c, const struct xo_policy_query *q)
{
	struct xo_policy_verdict v = xo_policy_decide(c, q);
	const char *caller = c ? c->name : "unknown";
	const char *call = xo_call_name(q->nr);

	if (!v.error)
		return 0;
	xo_log(caller, "refused caller=%s call=%s(%u) access=%s%s path=%s rule=%s line=%u", caller,
	       call ? call : "?", q->nr, q->access & XO_ACCESS_READ ? "r" : "",
	       q->access & XO_ACCESS_WRITE ? "w" : "", q->path ? q->path : "-", v.rule, v.line);
	return v.error;
}

const struct xo_policy_caller *xo_policy_find(const struct xo_policy *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (!strcmp(p->callers[i].name, name))
			return &p->callers[i];
	return NULL;
}

const struct xo_policy_caller *xo_policy_at(const struct xo_policy *p, size_t i)
{
	return i < p->count ? &p->callers[i] : NULL;
}

const char *xo_policy_caller_name(const struct xo_policy_caller *c)
{
	return c->name;
}

const char *xo_policy_caller_user(const struct xo_policy_caller *c)
{
	return c->user;
}

unsigned int xo_policy_caller_stubs(const struct xo_policy_caller *c)
{
	return c->stubs;
}

unsigned int xo_policy_caller_line(const struct xo_policy_caller *c)
{
	return c->line;
}

static void free_rule(struct xo_policy_rule *r)
{
	for (size_t i = 0; i < r->count; i++)
		free(r->patterns[i]);
	free(r->patterns);
	free(r->text);
}

void xo_policy_free(struct xo_policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++) {
		for (size_t j = 0; j < p->callers[i].count; j++)
			free_rule(&p->callers[i].rules[j]);
		free(p->callers[i].rules);
	}
	free(p->callers);
	free(p);
}
