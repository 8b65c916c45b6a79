// SPDX-License-Identifier: GPL-2.0
/*
 * The policy file's reader. Strict: an unknown word, a repeated line, a path that is not absolute,
 * and the file is refused whole, with its line. A rule that silently meant something else would be
 * a hole.
 */
#include "policy.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "crossover/crossover.h"
#include "policy_impl.h"

#define FILE_MAX  (1u << 20)
#define RULES_MAX 1024
#define WORD_MAX  (XO_POLICY_PATTERN_MAX + 1)

enum token { WORD, OPEN, CLOSE, END_LINE, END_FILE, BAD };

struct parser {
	const char *name, *at, *end;
	const char *line_start; /* of the statement, for a rule's text */
	unsigned int line;
	enum token token;
	bool quoted;
	char word[WORD_MAX + 1];
	struct xo_policy *policy;
	char *why;
	size_t why_size;
};

static bool fail(struct parser *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Keeps the first complaint only: what follows it is mostly its consequence. */
static bool fail(struct parser *p, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (p->why[0])
		return false;
	n = snprintf(p->why, p->why_size, "%s:%u: ", p->name, p->line);
	if (n < 0 || (size_t)n >= p->why_size)
		return false;
	va_start(ap, fmt);
	vsnprintf(p->why + n, p->why_size - (size_t)n, fmt, ap);
	va_end(ap);
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_special(char c)
{
	return c == '{' || c == '}' || c == ';' || c == '\n' || c == '#' || c == '"';
}

/* A byte of a word; control bytes would hide what a rule says from who reads it. */
static bool put(struct parser *p, size_t *n, char c)
{
	if ((unsigned char)c < ' ' || c == 0x7f) {
		p->token = BAD;
		return fail(p, "a control byte (0x%02x) is not allowed here", (unsigned char)c);
	}
	if (*n >= WORD_MAX - 1) {
		p->token = BAD;
		return fail(p, "a word is longer than %d bytes", WORD_MAX - 1);
	}
	p->word[(*n)++] = c;
	p->word[*n] = '\0';
	return true;
}

static void quoted_word(struct parser *p)
{
	size_t n = 0;

	p->quoted = true;
	for (p->at++; p->at < p->end && *p->at != '"' && *p->at != '\n'; p->at++) {
		if (*p->at == '\\' && p->at + 1 < p->end && (p->at[1] == '"' || p->at[1] == '\\'))
			p->at++;
		if (!put(p, &n, *p->at))
			return;
	}
	if (p->at == p->end || *p->at != '"') {
		p->token = BAD;
		fail(p, "a quoted word does not end on its line");
		return;
	}
	p->at++;
}

static void plain_word(struct parser *p)
{
	size_t n = 0;

	for (; p->at < p->end && !is_blank(*p->at) && !is_special(*p->at); p->at++)
		if (!put(p, &n, *p->at))
			return;
}

/* Reads the next token. A newline counts for the next one, so sentences name the right line. */
static enum token next(struct parser *p)
{
	if (p->token == END_LINE && p->at > p->line_start && p->at[-1] == '\n')
		p->line++;
	while (p->at < p->end && is_blank(*p->at))
		p->at++;
	if (p->at < p->end && *p->at == '#')
		while (p->at < p->end && *p->at != '\n')
			p->at++;
	p->word[0] = '\0';
	p->quoted = false;
	if (p->at == p->end)
		return p->token = END_FILE;
	switch (*p->at) {
	case '{':
	case '}':
		p->token = *p->at++ == '{' ? OPEN : CLOSE;
		break;
	case ';':
	case '\n':
		p->at++;
		p->token = END_LINE;
		break;
	case '"':
		p->token = WORD;
		quoted_word(p);
		break;
	default:
		p->token = WORD;
		plain_word(p);
	}
	return p->token;
}

static bool is_word(const struct parser *p, const char *s)
{
	return p->token == WORD && !p->quoted && !strcmp(p->word, s);
}

/* A statement ends with its line, with ';', or with the block. */
static bool at_end(const struct parser *p)
{
	return p->token == END_LINE || p->token == CLOSE || p->token == END_FILE;
}

static bool grow(struct parser *p, void **array, size_t count, size_t size)
{
	void *a = reallocarray(*array, count + 1, size);

	if (!a)
		return fail(p, "no memory");
	*array = a;
	memset((char *)a + count * size, 0, size);
	return true;
}

static bool check_pattern(struct parser *p)
{
	const char *w = p->word;
	size_t len = strlen(w);

	if (w[0] != '/')
		return fail(p, "path '%s' does not begin with '/'", w);
	if (strstr(w, "//") || strstr(w, "/./") || strstr(w, "/../"))
		return fail(p, "path '%s' has '//', '/./' or '/../', so would never match", w);
	if (strstr(w, "***"))
		return fail(p, "path '%s' has '***'; '**' matches anything", w);
	if (len > 1 && w[len - 1] == '/')
		return fail(p, "path '%s' ends with '/'; '%s**' is what is below it", w, w);
	if (len > 2 && (!strcmp(w + len - 2, "/.") || (len > 3 && !strcmp(w + len - 3, "/.."))))
		return fail(p, "path '%s' ends with '.' or '..', so would never match", w);
	return true;
}

static bool add_operand(struct parser *p, struct xo_policy_rule *r)
{
	char *copy;

	if (!r->access)
		return xo_calls_add(&r->calls, p->word) ||
		       fail(p,
			    "'%s' is neither a system call nor a class of them (info, read, "
			    "write, process, admin, network, all)",
			    p->word);
	if (!check_pattern(p) || !grow(p, (void **)&r->patterns, r->count, sizeof(*r->patterns)))
		return false;
	copy = strdup(p->word);
	if (!copy)
		return fail(p, "no memory");
	r->patterns[r->count++] = copy;
	return true;
}

static bool rule_kind(struct parser *p, struct xo_policy_rule *r)
{
	next(p);
	if (is_word(p, "calls"))
		r->access = 0;
	else if (is_word(p, "read"))
		r->access = XO_ACCESS_READ;
	else if (is_word(p, "write"))
		r->access = XO_ACCESS_WRITE;
	else if (is_word(p, "all"))
		r->access = XO_ACCESS_READ | XO_ACCESS_WRITE;
	else if (p->token == BAD)
		return false;
	else
		return fail(p, "after '%s' comes 'calls', 'read', 'write' or 'all', not '%s'",
			    r->deny ? "deny" : "allow", p->word);
	return true;
}

/* The rule is counted in its caller first, so that whatever follows, it is freed with it. */
static bool parse_rule(struct parser *p, struct xo_policy_caller *c, bool deny)
{
	const char *start = p->at - strlen(p->word);
	struct xo_policy_rule *r;
	size_t operands = 0, len;

	if (c->count >= RULES_MAX)
		return fail(p, "caller '%s' has more than %d rules", c->name, RULES_MAX);
	if (!grow(p, (void **)&c->rules, c->count, sizeof(*c->rules)))
		return false;
	r = &c->rules[c->count++];
	r->line = p->line;
	r->deny = deny;
	if (!rule_kind(p, r))
		return false;
	while (next(p) == WORD) {
		if (!add_operand(p, r))
			return false;
		operands++;
	}
	if (p->token == BAD)
		return false;
	if (!at_end(p))
		return fail(p, "a rule must end before '{'");
	if (!operands)
		return fail(p, "the rule names no %s", r->access ? "path" : "call");
	len = (size_t)(p->at - start) - (p->token != END_FILE);
	while (len && (is_blank(start[len - 1]) || start[len - 1] == '\n'))
		len--;
	r->text = strndup(start, len < 200 ? len : 200);
	return r->text || fail(p, "no memory");
}

static bool is_user_name(const char *s)
{
	size_t len = strlen(s);

	return len && len < XO_POLICY_USER_MAX &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") == len && s[0] != '-' &&
	       !(s[0] >= '0' && s[0] <= '9');
}

static bool parse_user(struct parser *p, struct xo_policy_caller *c)
{
	if (c->user_line)
		return fail(p, "the user was given in line %u already", c->user_line);
	if (next(p) == BAD)
		return false;
	if (p->token != WORD || !is_user_name(p->word))
		return fail(p, "'user' needs the name of a local user");
	c->user_line = p->line;
	memcpy(c->user, p->word, strlen(p->word));
	next(p);
	return at_end(p) || fail(p, "'user' takes one name");
}

static bool parse_stubs(struct parser *p, struct xo_policy_caller *c)
{
	unsigned long n;
	char *end;

	if (c->stubs_line)
		return fail(p, "the number of stubs was given in line %u already", c->stubs_line);
	if (next(p) == BAD)
		return false;
	n = p->word[0] >= '0' && p->word[0] <= '9' ? strtoul(p->word, &end, 10) : 0;
	if (p->token != WORD || !n || *end || n > XO_POLICY_STUBS_MAX)
		return fail(p, "'stubs' needs a number from 1 to %d", XO_POLICY_STUBS_MAX);
	c->stubs_line = p->line;
	c->stubs = (unsigned int)n;
	next(p);
	return at_end(p) || fail(p, "'stubs' takes one number");
}

static bool parse_statement(struct parser *p, struct xo_policy_caller *c)
{
	if (is_word(p, "user"))
		return parse_user(p, c);
	if (is_word(p, "stubs"))
		return parse_stubs(p, c);
	if (is_word(p, "allow") || is_word(p, "deny"))
		return parse_rule(p, c, p->word[0] == 'd');
	if (p->token == BAD)
		return false;
	if (p->token == WORD)
		return fail(p,
			    "'%s' is not known: 'user', 'stubs', 'allow', 'deny' or '}' comes "
			    "here",
			    p->word);
	if (p->token == END_FILE)
		return fail(p, "the block of caller '%s', begun in line %u, has no '}'", c->name,
			    c->line);
	return fail(p, "'{' makes no sense here");
}

static bool parse_block(struct parser *p, struct xo_policy_caller *c)
{
	next(p);
	while (p->token != CLOSE) {
		if (p->token != END_LINE && !parse_statement(p, c))
			return false;
		if (p->token != CLOSE)
			next(p);
	}
	if (!c->user_line)
		return fail(p, "the block of caller '%s' names no 'user' for its stubs", c->name);
	next(p);
	return p->token == END_LINE || p->token == END_FILE ||
	       fail(p, "something follows '}' on its line");
}

static bool parse_caller(struct parser *p)
{
	struct xo_policy_caller *c;
	const struct xo_policy_caller *before;

	if (next(p) == BAD)
		return false;
	if (p->token != WORD || !xo_name_ok(p->word))
		return fail(p,
			    "'%s' is not a VM name: a lower-case letter, then up to 30 "
			    "lower-case letters, digits or '-'",
			    p->word);
	before = xo_policy_find(p->policy, p->word);
	if (before)
		return fail(p, "caller '%s' has a block already, in line %u", p->word,
			    before->line);
	if (p->policy->count >= XO_VMS_MAX)
		return fail(p, "more than %d callers", XO_VMS_MAX);
	if (!grow(p, (void **)&p->policy->callers, p->policy->count, sizeof(*c)))
		return false;
	c = &p->policy->callers[p->policy->count++];
	memcpy(c->name, p->word, strlen(p->word));
	c->line = p->line;
	c->stubs = XO_POLICY_STUBS;
	if (next(p) != OPEN)
		return fail(p, "'{' is missing after caller '%s'", c->name);
	return parse_block(p, c);
}

static bool parse_file(struct parser *p)
{
	for (;;) {
		switch (next(p)) {
		case END_FILE:
			return true;
		case END_LINE:
			continue;
		case BAD:
			return false;
		default:
			if (!is_word(p, "caller"))
				return fail(p, "'caller NAME {' comes here, not '%s'",
					    p->token == OPEN	? "{"
					    : p->token == CLOSE ? "}"
								: p->word);
			if (!parse_caller(p))
				return false;
			if (p->token == END_FILE)
				return true;
		}
	}
}

struct xo_policy *xo_policy_parse(const char *name, const char *text, size_t len, char *why,
				  size_t why_size)
{
	struct parser p = { .name = name,
			    .at = text,
			    .end = text + len,
			    .line_start = text,
			    .line = 1,
			    .token = OPEN,
			    .why = why,
			    .why_size = why_size };

	why[0] = '\0';
	p.policy = calloc(1, sizeof(*p.policy));
	if (!p.policy) {
		fail(&p, "no memory");
		return NULL;
	}
	if (parse_file(&p))
		return p.policy;
	xo_policy_free(p.policy);
	return NULL;
}

static struct xo_policy *refuse(char *why, size_t size, const char *file, const char *what)
{
	snprintf(why, size, "%s: %s", file, what);
	return NULL;
}

static struct xo_policy *load_fd(int fd, const char *file, char *why, size_t size)
{
	struct xo_policy *p;
	size_t n = 0;
	struct stat st;
	ssize_t got;
	char *text;

	if (fstat(fd, &st) < 0)
		return refuse(why, size, file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return refuse(why, size, file, "is not a regular file");
	if ((st.st_uid != 0 && st.st_uid != geteuid()) || (st.st_mode & 022))
		return refuse(why, size, file,
			      "others than root may write it: chown root and chmod go-w it");
	text = malloc(FILE_MAX + 1);
	if (!text)
		return refuse(why, size, file, "no memory");
	while ((got = read(fd, text + n, FILE_MAX + 1 - n)) > 0)
		n += (size_t)got;
	if (got < 0)
		p = refuse(why, size, file, strerror(errno));
	else if (n > FILE_MAX)
		p = refuse(why, size, file, "is larger than 1 MiB");
	else
		p = xo_policy_parse(file, text, n, why, size);
	free(text);
	return p;
}

struct xo_policy *xo_policy_load(const char *file, char *why, size_t size)
{
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct xo_policy *p;

	if (fd < 0)
		return refuse(why, size, file, strerror(errno));
	p = load_fd(fd, file, why, size);
	close(fd);
	return p;
}
