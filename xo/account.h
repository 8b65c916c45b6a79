/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Local users, read from /etc/passwd and /etc/group themselves: name services would need the C
 * library's plugins, which a static binary must not load, and a callee's users should not depend on
 * a network.
 */
#ifndef XO_ACCOUNT_H
#define XO_ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

#define XO_GROUPS_MAX 256

struct xo_account {
	uid_t uid;
	gid_t gid;
	gid_t groups[XO_GROUPS_MAX]; /* all of them, gid too */
	size_t group_count;
	char home[256];
};

/*
 * Find user `name`. 0; -ENOENT no such user; -E2BIG more groups than XO_GROUPS_MAX (leaving one out
 * could turn a rule against its members around); -errno when the files cannot be read. `passwd` and
 * `group`: NULL for those of /etc.
 */
int xo_account_find(struct xo_account *a, const char *name, const char *passwd, const char *group);

/* Become it for good: groups, group, user, no way back. 0 or -errno, then the process must exit. */
int xo_account_become(const struct xo_account *a);

#endif
