// SPDX-License-Identifier: GPL-2.0
/* System calls by name, number and class. */
#include "calls.h"

#include <stddef.h>
#include <string.h>

static const char *const names[XO_CALLS_MAX] = {
#include "syscall_names.h"
};

/*
 * What a class means is part of the policy's contract: crossover-policy(5) prints these lists, and
 * a unit test compares. A name that this kernel's headers lack would be a mistake here, so a unit
 * test looks each of them up too.
 */
static const struct {
	const char *name;
	const char *const *calls;
} classes[] = {
	{ "info", (const char *const[]){ "uname",
					 "sysinfo",
					 "getpid",
					 "getppid",
					 "gettid",
					 "getuid",
					 "geteuid",
					 "getgid",
					 "getegid",
					 "getresuid",
					 "getresgid",
					 "getgroups",
					 "getpgid",
					 "getpgrp",
					 "getsid",
					 "getpriority",
					 "getrlimit",
					 "getrusage",
					 "times",
					 "gettimeofday",
					 "clock_gettime",
					 "clock_getres",
					 "time",
					 "sched_getaffinity",
					 "sched_getparam",
					 "sched_getscheduler",
					 "getcpu",
					 "umask",
					 NULL } },
	{ "read",
	  (const char *const[]){
		  "open",	"openat",     "openat2",    "read",	"pread64",     "readv",
		  "preadv",	"preadv2",    "lseek",	    "close",	"close_range", "stat",
		  "fstat",	"lstat",      "newfstatat", "statx",	"access",      "faccessat",
		  "faccessat2", "readlink",   "readlinkat", "getdents", "getdents64",  "getcwd",
		  "chdir",	"fchdir",     "statfs",	    "fstatfs",	"dup",	       "dup2",
		  "dup3",	"fcntl",      "ioctl",	    "poll",	"ppoll",       "select",
		  "pselect6",	"fadvise64",  "readahead",  "getxattr", "lgetxattr",   "fgetxattr",
		  "listxattr",	"llistxattr", "flistxattr", NULL } },
	{ "write",
	  (const char *const[]){
		  "write",	     "pwrite64",     "writev",	  "pwritev",   "pwritev2",
		  "creat",	     "truncate",     "ftruncate", "fallocate", "unlink",
		  "unlinkat",	     "mkdir",	     "mkdirat",	  "rmdir",     "rename",
		  "renameat",	     "renameat2",    "link",	  "linkat",    "symlink",
		  "symlinkat",	     "mknod",	     "mknodat",	  "chmod",     "fchmod",
		  "fchmodat",	     "chown",	     "fchown",	  "lchown",    "fchownat",
		  "utime",	     "utimes",	     "futimesat", "utimensat", "fsync",
		  "fdatasync",	     "sync",	     "syncfs",	  "flock",     "sendfile",
		  "copy_file_range", "setxattr",     "lsetxattr", "fsetxattr", "removexattr",
		  "lremovexattr",    "fremovexattr", NULL } },
	{ "process",
	  (const char *const[]){ "kill", "tkill", "tgkill", "pidfd_open", "pidfd_send_signal",
				 "setpriority", "prctl", "prlimit64", "setrlimit",
				 "sched_setaffinity", "sched_setparam", "sched_setscheduler",
				 "setpgid", "setsid", NULL } },
	{ "admin",
	  (const char *const[]){ "sethostname", "setdomainname", "mount", "umount2", "pivot_root",
				 "chroot", "swapon", "swapoff", "reboot", "settimeofday",
				 "clock_settime", "adjtimex", "init_module", "finit_module",
				 "delete_module", "syslog", "quotactl", "acct", NULL } },
	{ "network",
	  (const char *const[]){ "socket", "socketpair", "bind", "listen", "connect", "accept",
				 "accept4", "getsockname", "getpeername", "sendto", "recvfrom",
				 "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown",
				 "setsockopt", "getsockopt", NULL } },
};

#define CLASSES (sizeof(classes) / sizeof(classes[0]))

const char *xo_call_name(uint32_t nr)
{
	return nr < XO_CALLS_MAX ? names[nr] : NULL;
}

int xo_call_number(const char *name)
{
	for (int i = 0; i < XO_CALLS_MAX; i++)
		if (names[i] && !strcmp(names[i], name))
			return i;
	return -1;
}

bool xo_calls_has(const struct xo_call_set *set, uint32_t nr)
{
	return nr < XO_CALLS_MAX && (set->bits[nr / 64] >> (nr % 64) & 1);
}

static bool add_call(struct xo_call_set *set, const char *name)
{
	int nr = xo_call_number(name);

	if (nr < 0)
		return false;
	set->bits[nr / 64] |= 1ULL << (nr % 64);
	return true;
}

static void add_all(struct xo_call_set *set)
{
	for (int i = 0; i < XO_CALLS_MAX; i++)
		if (names[i])
			set->bits[i / 64] |= 1ULL << (i % 64);
}

bool xo_calls_add(struct xo_call_set *set, const char *name)
{
	bool ok = true;

	if (!strcmp(name, "all")) {
		add_all(set);
		return true;
	}
	for (size_t i = 0; i < CLASSES; i++) {
		if (strcmp(classes[i].name, name))
			continue;
		for (const char *const *c = classes[i].calls; *c; c++)
			ok = add_call(set, *c) && ok;
		return ok;
	}
	return add_call(set, name);
}

const char *xo_call_class(unsigned int i)
{
	return i < CLASSES ? classes[i].name : NULL;
}
