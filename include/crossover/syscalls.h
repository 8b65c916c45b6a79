/* SPDX-License-Identifier: MIT OR GPL-2.0 */
/*
 * What the router's table (crossover/syscalls.def) means, and how to look a call up in it.
 *
 * The table is compiled into the caller's router (guest module), the callee's stub (user space),
 * the policy, `xo stat`, the tests and the documents. Both sides take lengths, directions and
 * descriptors from here alone, never from a message.
 */
#ifndef CROSSOVER_SYSCALLS_H
#define CROSSOVER_SYSCALLS_H

#include <linux/types.h>
#ifndef __KERNEL__
#include <stddef.h>
#endif

#define XO_SYSCALLS	512 /* system call numbers that the table can name: 0 to 511 */
#define XO_SYSCALL_ARGS 6
#define XO_PATH_MAX	4096 /* bytes of a path string, with NUL (PATH_MAX) */
#define XO_STRING_MAX	4096 /* bytes of another string argument, with NUL */
#define XO_SELF_FD	1023 /* the routed process's descriptor of /dev/crossover, hidden from it */

/* Where a call runs. */
enum xo_where {
	XO_WHERE_UNKNOWN = 0, /* not in the table: refused with ENOSYS, counted */
	XO_WHERE_LOCAL,	      /* in the caller's VM, as ever */
	XO_WHERE_REMOTE,      /* in the callee's VM */
	XO_WHERE_BY_FD,	      /* remote if a descriptor argument is remote, else local */
	XO_WHERE_BY_PATH,     /* as descriptor and path decide (docs/router.md) */
	XO_WHERE_BY_PID,      /* local if the pid means the caller itself, else remote */
	XO_WHERE_NO_REMOTE,   /* local; refused (`err`) if a descriptor argument is remote */
	XO_WHERE_REFUSED,     /* refused (`err`) always, and not counted as unknown */
	XO_WHERE_SPECIAL,     /* decided by a function of its own in the router */
};

/* What a call may do, for the callee's policy. */
enum xo_class {
	XO_CLASS_NONE = 0, /* never remote */
	XO_CLASS_INFO,	   /* tell about the system or the stub */
	XO_CLASS_READ,	   /* read files, directories and their attributes */
	XO_CLASS_WRITE,	   /* change files, directories or their attributes */
	XO_CLASS_OPEN,	   /* read, or write if the OFLAGS argument says so */
	XO_CLASS_SELF,	   /* change the stub's own state: working directory, umask */
	XO_CLASS_SIGNAL,   /* signal or reschedule processes */
	XO_CLASS_ADMIN,	   /* change the system: host name, kernel log */
	XO_CLASS_COUNT,
};

/* What a successful call's result is. All are checked by the caller; errors are -1 to -511. */
enum xo_result {
	XO_RESULT_ZERO = 0, /* 0 */
	XO_RESULT_VALUE,    /* any value */
	XO_RESULT_BYTES,    /* bytes in the OUT buffer, or taken from the IN buffer */
	XO_RESULT_ITEMS,    /* items in the OUT buffer */
	XO_RESULT_FD,	    /* a new descriptor of the callee */
};

enum xo_arg_kind {
	XO_ARG_NONE = 0, /* not an argument: sent as 0 */
	XO_ARG_VALUE,
	XO_ARG_PID,	     /* a value that BY_PID looks at */
	XO_ARG_FD,	     /* descriptor */
	XO_ARG_DIRFD,	     /* descriptor of a directory or AT_FDCWD, for the next PATH or NAME */
	XO_ARG_PATH,	     /* string: names an object; links are followed unless flags say no */
	XO_ARG_LPATH,	     /* likewise, a link at the end is never followed */
	XO_ARG_NAME,	     /* likewise, made, removed or replaced: its directory is what counts */
	XO_ARG_STRING,	     /* another string */
	XO_ARG_OFLAGS,	     /* O_* of the PATH */
	XO_ARG_ATFLAGS,	     /* AT_* of the PATH or NAME */
	XO_ARG_IN,	     /* buffer to the callee, bytes in argument `len` */
	XO_ARG_OUT,	     /* buffer from the callee, room in argument `len`, items of `size` */
	XO_ARG_STRUCT_IN,    /* `size` bytes to the callee */
	XO_ARG_STRUCT_OUT,   /* `size` bytes from the callee */
	XO_ARG_STRUCT_INOUT, /* both */
	XO_ARG_CMD,	     /* command of ioctl or fcntl: decides the next argument */
	XO_ARG_BY_CMD,	     /* what the command's XO_COMMAND says */
};

struct xo_arg {
	__u8 kind;  /* enum xo_arg_kind */
	__u8 len;   /* IN, OUT: number of the argument that holds the length */
	__u16 size; /* STRUCT_*: bytes; OUT: bytes per item */
};

struct xo_syscall {
	const char *name; /* NULL: not in the table */
	__u8 where;	  /* enum xo_where */
	__u8 group;	  /* enum xo_class */
	__u8 result;	  /* enum xo_result */
	__u8 chunked;	  /* longer buffers than a slot holds go in several calls */
	__u16 nr;
	__u16 err; /* positive errno of NO_REMOTE and REFUSED */
	struct xo_arg args[XO_SYSCALL_ARGS];
};

/* A command of ioctl() or fcntl() on a remote descriptor. */
struct xo_command {
	__u32 cmd;
	__u16 nr;	   /* SYS_ioctl or SYS_fcntl */
	__u8 local;	   /* acts on the descriptor's number: runs in the caller's VM */
	__u8 group;	   /* enum xo_class */
	struct xo_arg arg; /* argument 2 */
	const char *name;
};

extern const struct xo_syscall xo_syscall_table[XO_SYSCALLS];

/* The table's line for a number, or NULL. */
static inline const struct xo_syscall *xo_syscall_find(__u64 nr)
{
	return nr < XO_SYSCALLS && xo_syscall_table[nr].name ? &xo_syscall_table[nr] : NULL;
}

/* The line for a command of ioctl (16) or fcntl (72), or NULL: ENOTTY or EINVAL. */
const struct xo_command *xo_command_find(__u32 nr, __u32 cmd);

/* May a caller ask for this call? Only then are all its pointers declared. Others: ENOSYS. */
static inline int xo_syscall_goes(const struct xo_syscall *sc)
{
	return sc->group != XO_CLASS_NONE;
}

/* Is `path` on the list XO_LOCAL_PATH, or, opened to be read, below one of XO_LOCAL_DATA? */
int xo_path_is_local(const char *path, int opened_to_read);

#define XO_LOCAL_PATH_MAX 64 /* longer than all paths and prefixes of those lists */

static inline int xo_arg_is_string(const struct xo_arg *a)
{
	return a->kind >= XO_ARG_PATH && a->kind <= XO_ARG_STRING;
}

static inline int xo_arg_is_path(const struct xo_arg *a)
{
	return a->kind >= XO_ARG_PATH && a->kind <= XO_ARG_NAME;
}

static inline int xo_arg_is_fd(const struct xo_arg *a)
{
	return a->kind == XO_ARG_FD || a->kind == XO_ARG_DIRFD;
}

/* Do bytes of this argument travel to the callee, or back? */
static inline int xo_arg_goes(const struct xo_arg *a)
{
	return xo_arg_is_string(a) || a->kind == XO_ARG_IN || a->kind == XO_ARG_STRUCT_IN ||
	       a->kind == XO_ARG_STRUCT_INOUT;
}

static inline int xo_arg_comes(const struct xo_arg *a)
{
	return a->kind == XO_ARG_OUT || a->kind == XO_ARG_STRUCT_OUT ||
	       a->kind == XO_ARG_STRUCT_INOUT;
}

static inline int xo_arg_is_pointer(const struct xo_arg *a)
{
	return xo_arg_goes(a) || xo_arg_comes(a);
}

#endif
