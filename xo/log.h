/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The callee's log: one line per event, written with one write(2), so that lines of several
 * processes do not mix. Lines about a caller are limited, since a caller decides how many there
 * are: XO_LOG_BURST at once, then one a second; what was held back is counted in the next line.
 * The account stands in memory shared by the master and all its stubs.
 */
#ifndef XO_LOG_H
#define XO_LOG_H

#define XO_LOG_BURST   20
#define XO_LOG_CALLERS 64 /* callers with an account of their own; the others share one */

/* Lines go to `fd` (stderr until then), which stays the caller's. 0 or -ENOMEM. */
int xo_log_open(int fd);

/* Write to another descriptor from now on; the accounts stay. */
void xo_log_set_fd(int fd);
int xo_log_fd(void);

/* Unmap the accounts; lines go to stderr again, without limits. */
void xo_log_close(void);

/* One line. `caller`: the host-vouched name of the VM it is about, or NULL: of our own making, and
 * not limited. Bytes that are not printable are written as \xNN. Keeps errno. */
void xo_log(const char *caller, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
