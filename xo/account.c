// SPDX-License-Identifier: GPL-2.0
/* Local users. */
#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int read_user(struct xo_account *a, const char *name, FILE *f)
{
	struct passwd *pw;

	errno = 0;
	while ((pw = fgetpwent(f))) {
		if (strcmp(pw->pw_name, name))
			continue;
		a->uid = pw->pw_uid;
		a->gid = pw->pw_gid;
		a->groups[0] = pw->pw_gid;
		a->group_count = 1;
		/* A home that does not fit is as good as one that is not there. */
		if (pw->pw_dir[0] == '/' && strlen(pw->pw_dir) < sizeof(a->home))
			strcpy(a->home, pw->pw_dir);
		else
			strcpy(a->home, "/");
		return 0;
	}
	return -ENOENT;
}

static int add_group(struct xo_account *a, gid_t gid)
{
	for (size_t i = 0; i < a->group_count; i++)
		if (a->groups[i] == gid)
			return 0;
	if (a->group_count == XO_GROUPS_MAX)
		return -E2BIG;
	a->groups[a->group_count++] = gid;
	return 0;
}

static int read_groups(struct xo_account *a, const char *name, FILE *f)
{
	struct group *gr;
	int err;

	while ((gr = fgetgrent(f)))
		for (char **m = gr->gr_mem; *m; m++)
			if (!strcmp(*m, name) && (err = add_group(a, gr->gr_gid)))
				return err;
	return ferror(f) ? -EIO : 0;
}

int xo_account_find(struct xo_account *a, const char *name, const char *passwd, const char *group)
{
	FILE *f = fopen(passwd ? passwd : "/etc/passwd", "re");
	int err;

	memset(a, 0, sizeof(*a));
	if (!f)
		return -errno;
	err = read_user(a, name, f);
	fclose(f);
	if (err)
		return err;
	f = fopen(group ? group : "/etc/group", "re");
	if (!f)
		return errno == ENOENT ? 0 : -errno;
	err = read_groups(a, name, f);
	fclose(f);
	return err;
}

int xo_account_become(const struct xo_account *a)
{
	uid_t r, e, s;

	if (setgroups(a->group_count, a->groups) || setresgid(a->gid, a->gid, a->gid) ||
	    setresuid(a->uid, a->uid, a->uid))
		return -errno;
	/* A kernel that did less than it said would leave the stub root. */
	if (getresuid(&r, &e, &s) || r != a->uid || e != a->uid || s != a->uid)
		return -EPERM;
	if (a->uid != 0 && setuid(0) == 0)
		return -EPERM;
	return 0;
}
