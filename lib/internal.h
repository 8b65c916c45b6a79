/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/* What the library's files share; nothing here is for its users. */
#ifndef XO_LIB_INTERNAL_H
#define XO_LIB_INTERNAL_H

#include <crossover/crossover.h>

struct xo {
	int fd;
	enum xo_side side;
	unsigned int reason;
	char error[512];
};

/* Keep the sentence; returns `err` (negative errno). */
int xo_err_set(struct xo *x, int err, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* The sentence for what XO_G_CONNECT failed with. */
int xo_cannot_connect(struct xo *x, int err, const char *callee);

/* Another descriptor of the same device node: a part of its own. -1: errno. */
int xo_reopen(int fd);

/* 0 if the handle is open on `side`, else -EBADF with a sentence. */
int xo_need(struct xo *x, enum xo_side side);

/* Copy a VM name into a field of XO_NAME_MAX bytes; -EINVAL with a sentence if it is none. */
int xo_put_name(struct xo *x, char *to, const char *name);

/* The refusal `reason` of the host module on `object`; without one, errno `err` of `what`. */
int xo_host_refused(struct xo *x, int err, unsigned int reason, const char *what,
		    const char *object);

#endif
