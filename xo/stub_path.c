// SPDX-License-Identifier: GPL-2.0
/*
 * The policy's say about a call and its paths. A path is text: what it names can be another thing a
 * moment later (links, renames, a descriptor of a directory that was moved). So where the policy
 * looks at paths, each is first opened with O_PATH, which does nothing but hold it; the policy is
 * asked about what that found, by its real name; and the call's text is replaced by
 * /proc/self/fd/N, which leads to the held object whatever happened to its name:
 *
 *	PATH, LPATH	the object: /proc/self/fd/N
 *	NAME		what is to be made or removed, in the held directory: /proc/self/fd/N/NAME
 *
 * Differences that a caller can see: opening a dangling link with O_CREAT gives ELOOP, and of a
 * path that the policy denies a caller learns whether it is there.
 */
#include "stub_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>
#include "log.h"

static int ask(const struct xo_stub_call *c, uint32_t access, const char *path)
{
	struct xo_policy_query q = { .nr = c->d.sc->nr, .access = access, .path = path };

	return xo_policy_check(c->policy, &q);
}

static unsigned int flag_arg(const struct xo_stub_call *c, enum xo_arg_kind kind)
{
	for (unsigned int i = 0; i < XO_SYSCALL_ARGS; i++)
		if (c->d.arg[i].kind == kind)
			return i;
	return XO_SYSCALL_ARGS;
}

static unsigned int flags_of(const struct xo_stub_call *c, enum xo_arg_kind kind)
{
	unsigned int i = flag_arg(c, kind);

	return i < XO_SYSCALL_ARGS ? c->d.args[i] : 0;
}

static void drop_flags(struct xo_stub_call *c, enum xo_arg_kind kind, unsigned int flags)
{
	unsigned int i = flag_arg(c, kind);

	if (i < XO_SYSCALL_ARGS)
		c->d.args[i] &= ~(uint64_t)flags;
}

/* An ioctl() that changes what its descriptor leads to. */
static bool changes_by_command(const struct xo_stub_call *c)
{
	const struct xo_command *cmd =
		c->d.sc->nr == SYS_ioctl ? xo_command_find(SYS_ioctl, c->d.wire[1]) : NULL;

	return cmd && cmd->group == XO_CLASS_WRITE;
}

static uint32_t access_of(const struct xo_stub_call *c)
{
	unsigned int flags = flags_of(c, XO_ARG_OFLAGS);

	if (changes_by_command(c))
		return XO_ACCESS_WRITE;
	switch (c->d.sc->group) {
	case XO_CLASS_WRITE:
	case XO_CLASS_ADMIN:
		return XO_ACCESS_WRITE;
	case XO_CLASS_OPEN:
		if (flags & O_PATH)
			return XO_ACCESS_READ;
		if ((flags & O_ACCMODE) == O_RDONLY && !(flags & (O_CREAT | O_TRUNC)))
			return XO_ACCESS_READ;
		return (flags & O_ACCMODE) == O_WRONLY ? XO_ACCESS_WRITE
						       : XO_ACCESS_READ | XO_ACCESS_WRITE;
	default:
		return XO_ACCESS_READ;
	}
}

/* The real name of an open file; -ENOENT if it has none (a pipe, a socket). */
static int name_of(int fd, char name[XO_PATH_MAX])
{
	char link[32];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, name, XO_PATH_MAX - 1);
	if (len < 0)
		return -errno;
	if (len == XO_PATH_MAX - 1)
		return -ENAMETOOLONG;
	name[len] = '\0';
	return name[0] == '/' ? 0 : -ENOENT;
}

static int dir_of(const struct xo_stub_call *c, unsigned int i)
{
	return i && c->d.arg[i - 1].kind == XO_ARG_DIRFD ? (int)c->d.args[i - 1] : AT_FDCWD;
}

static char *text_of(const struct xo_stub_call *c, unsigned int i)
{
	return (char *)(uintptr_t)c->d.args[i];
}

static bool follows(const struct xo_stub_call *c, unsigned int i)
{
	unsigned int at = flags_of(c, XO_ARG_ATFLAGS);

	if (c->d.arg[i].kind == XO_ARG_LPATH)
		return c->nr == SYS_linkat && (at & AT_SYMLINK_FOLLOW);
	return !(at & AT_SYMLINK_NOFOLLOW) && !(flags_of(c, XO_ARG_OFLAGS) & O_NOFOLLOW);
}

/* Calls that never follow a link at the end of a path, and those that do: through /proc/self/fd the
 * one link that must be followed is ours. */
static long following(long nr)
{
	switch (nr) {
	case SYS_lstat:
		return SYS_stat;
	case SYS_lchown:
		return SYS_chown;
	case SYS_lgetxattr:
		return SYS_getxattr;
	case SYS_llistxattr:
		return SYS_listxattr;
	case SYS_lsetxattr:
		return SYS_setxattr;
	default:
		return nr;
	}
}

/* readlink(path, buf, size) and link(old, new) have to be told of a held object in other ways. */
static void act_on_link(struct xo_stub_call *c, unsigned int i)
{
	switch (c->nr) {
	case SYS_readlink:
		c->d.args[3] = c->d.args[2];
		c->d.args[2] = c->d.args[1];
		c->d.args[0] = c->pin[i];
		c->d.args[1] = (uintptr_t) "";
		c->nr = SYS_readlinkat;
		break;
	case SYS_readlinkat:
		c->d.args[0] = c->pin[i];
		c->d.args[1] = (uintptr_t) "";
		break;
	case SYS_linkat:
		c->d.args[4] |= AT_SYMLINK_FOLLOW;
		break;
	default:
		break;
	}
}

static int pin(struct xo_stub_call *c, unsigned int i, int dir, const char *path, int flags)
{
	char name[XO_PATH_MAX];
	int err;

	c->pin[i] = openat(dir, path, O_PATH | O_CLOEXEC | flags);
	if (c->pin[i] < 0)
		return -errno;
	err = name_of(c->pin[i], name);
	return err ? err : ask(c, access_of(c), name);
}

/* The object that argument i names. */
static int pin_object(struct xo_stub_call *c, unsigned int i)
{
	unsigned int oflags = flags_of(c, XO_ARG_OFLAGS);
	bool follow = follows(c, i), link;
	struct stat st;
	int err;

	err = pin(c, i, dir_of(c, i), text_of(c, i), follow ? 0 : O_NOFOLLOW);
	if (!err && fstat(c->pin[i], &st))
		err = -errno;
	if (err)
		return err;
	link = S_ISLNK(st.st_mode);
	if (c->d.sc->group == XO_CLASS_OPEN && link && !(oflags & O_PATH))
		return -ELOOP;
	if ((c->nr == SYS_readlink || c->nr == SYS_readlinkat) && !link)
		return -EINVAL; /* by a descriptor it would be ENOENT */
	snprintf(text_of(c, i), XO_PATH_MAX, "/proc/self/fd/%d", c->pin[i]);
	drop_flags(c, XO_ARG_OFLAGS, O_NOFOLLOW | O_CREAT);
	drop_flags(c, XO_ARG_ATFLAGS, AT_SYMLINK_NOFOLLOW);
	c->nr = following(c->nr);
	act_on_link(c, i);
	return 0;
}

/* Cuts "a/b/" into "a" and "b/": slashes at the end mean something to the call. */
static void split(const char *path, char dir[XO_PATH_MAX], char last[XO_PATH_MAX])
{
	size_t end = strlen(path), start;

	while (end && path[end - 1] == '/')
		end--;
	for (start = end; start && path[start - 1] != '/';)
		start--;
	if (end == start) { /* nothing but slashes, or nothing */
		strcpy(dir, *path ? "/" : ".");
		strcpy(last, ".");
		return;
	}
	memcpy(dir, path, start);
	dir[start] = '\0';
	if (!start)
		strcpy(dir, ".");
	strcpy(last, path + start);
}

/* The name that argument i makes, removes or replaces, in its directory. */
static int pin_name(struct xo_stub_call *c, unsigned int i)
{
	char dir[XO_PATH_MAX], last[XO_PATH_MAX], full[2 * XO_PATH_MAX];
	size_t len;
	int err;

	if (!*text_of(c, i))
		return -ENOENT;
	split(text_of(c, i), dir, last);
	c->pin[i] = openat(dir_of(c, i), dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (c->pin[i] < 0)
		return -errno;
	err = name_of(c->pin[i], full);
	if (err)
		return err;
	len = strcspn(last, "/");
	if (strncmp(last, ".", len) && strncmp(last, "..", len))
		sprintf(full + strlen(full), "%s%.*s", full[1] ? "/" : "", (int)len, last);
	err = ask(c, access_of(c), full);
	if (err)
		return err;
	snprintf(text_of(c, i), XO_PATH_MAX + 64, "/proc/self/fd/%d/%s", c->pin[i], last);
	return 0;
}

/* open() that may create: what is there is held; what is not is made in the held directory. */
static int pin_create(struct xo_stub_call *c, unsigned int i)
{
	unsigned int flags = flag_arg(c, XO_ARG_OFLAGS);
	int err = -ENOENT;

	if (!(c->d.args[flags] & O_EXCL))
		err = pin_object(c, i);
	if (err != -ENOENT || c->pin[i] >= 0)
		return err;
	c->d.args[flags] |= O_NOFOLLOW;
	return pin_name(c, i);
}

/* No path, or an empty one: the descriptor itself. */
static int check_fd(const struct xo_stub_call *c, int fd)
{
	char name[XO_PATH_MAX];
	int err = name_of(fd, name);

	if (err == -ENOENT)
		return 0;
	return err ? err : ask(c, access_of(c), name);
}

/* The working directory may change meanwhile, another thread of the caller sees to that. */
static int pin_cwd(struct xo_stub_call *c, unsigned int i)
{
	int err = pin(c, i, AT_FDCWD, ".", 0);

	if (!err)
		c->d.args[i - 1] = c->pin[i];
	return err;
}

static int check_path(struct xo_stub_call *c, unsigned int i)
{
	int dir = dir_of(c, i);

	if (!c->d.args[i])
		return dir == AT_FDCWD ? 0 : check_fd(c, dir);
	if (!*text_of(c, i) && (flags_of(c, XO_ARG_ATFLAGS) & AT_EMPTY_PATH))
		return dir == AT_FDCWD ? pin_cwd(c, i) : check_fd(c, dir);
	if (c->nr == SYS_creat) { /* open() by another name */
		c->nr = SYS_open;
		c->d.args[2] = c->d.args[1];
		c->d.args[1] = O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC;
		c->d.arg[1].kind = XO_ARG_OFLAGS;
		c->d.arg[2].kind = XO_ARG_VALUE;
	}
	if (c->d.arg[i].kind == XO_ARG_NAME)
		return pin_name(c, i);
	if (flags_of(c, XO_ARG_OFLAGS) & O_CREAT)
		return pin_create(c, i);
	return pin_object(c, i);
}

/* link() has no flag to follow our link by. */
static void link_is_linkat(struct xo_stub_call *c)
{
	if (c->nr != SYS_link)
		return;
	c->nr = SYS_linkat;
	c->d.args[3] = c->d.args[1];
	c->d.args[1] = c->d.args[0];
	c->d.args[0] = c->d.args[2] = (uint64_t)(int64_t)AT_FDCWD;
	c->d.args[4] = 0;
	memcpy(c->d.arg, xo_syscall_find(SYS_linkat)->args, sizeof(c->d.arg));
}

/* Changing what a descriptor that was opened to be read leads to. What is written by it was asked
 * when it was opened. */
static bool changes_by_fd(const struct xo_stub_call *c)
{
	if (c->nr == SYS_ioctl)
		return changes_by_command(c);
	return c->d.sc->group == XO_CLASS_WRITE && c->d.fd[0] >= 0 &&
	       c->d.arg[0].kind == XO_ARG_FD && !c->d.sc->chunked;
}

/* A device has every file of its disk, or all memory, under a name that no rule speaks of. */
static bool makes_device(const struct xo_stub_call *c)
{
	mode_t type = c->d.args[c->nr == SYS_mknodat ? 2 : 1] & S_IFMT;

	return (c->nr == SYS_mknod || c->nr == SYS_mknodat) && (type == S_IFCHR || type == S_IFBLK);
}

int xo_stub_paths(struct xo_stub_call *c)
{
	int err;

	err = ask(c, 0, NULL);
	if (!err && makes_device(c) &&
	    !xo_policy_any_path(c->policy, XO_ACCESS_READ | XO_ACCESS_WRITE)) {
		xo_log(xo_policy_caller_name(c->policy),
		       "refused caller=%s call=%s(%u): devices are made only where any path is "
		       "allowed",
		       xo_policy_caller_name(c->policy), c->d.sc->name, c->d.sc->nr);
		return -EACCES;
	}
	if (err || xo_policy_any_path(c->policy, access_of(c)))
		return err;
	if (changes_by_fd(c))
		return check_fd(c, c->d.fd[0]);
	link_is_linkat(c);
	for (unsigned int i = 0; i < XO_SYSCALL_ARGS && !err; i++)
		if (xo_arg_is_path(&c->d.arg[i]))
			err = check_path(c, i);
	return err;
}

bool xo_stub_always_allowed(const struct xo_policy_caller *policy, uint32_t nr)
{
	const struct xo_syscall *sc = xo_syscall_find(nr);
	struct xo_policy_query q = { .nr = nr };
	uint32_t access = XO_ACCESS_READ;
	bool looks = nr == SYS_ioctl;

	if (!sc || !xo_syscall_goes(sc) || xo_policy_decide(policy, &q).error)
		return false;
	if (sc->group != XO_CLASS_READ || nr == SYS_ioctl)
		access |= XO_ACCESS_WRITE;
	looks |= sc->group == XO_CLASS_WRITE && sc->args[0].kind == XO_ARG_FD && !sc->chunked;
	for (unsigned int i = 0; i < XO_SYSCALL_ARGS; i++)
		looks |= xo_arg_is_path(&sc->args[i]);
	return !looks || xo_policy_any_path(policy, access);
}

void xo_stub_unpin(struct xo_stub_call *c)
{
	for (unsigned int i = 0; i < XO_SYSCALL_ARGS; i++)
		if (c->pin[i] >= 0)
			close(c->pin[i]);
}

/* Who writes to a stub's memory is the stub, and no policy holds it any more. */
int xo_stub_opened(int fd, unsigned int flags)
{
	char name[XO_PATH_MAX];
	struct statfs fs;
	size_t len;

	if ((flags & O_ACCMODE) == O_RDONLY || (flags & O_PATH) || fstatfs(fd, &fs) ||
	    fs.f_type != PROC_SUPER_MAGIC || name_of(fd, name))
		return 0;
	len = strlen(name);
	return len > 4 && !strcmp(name + len - 4, "/mem") ? -EACCES : 0;
}
