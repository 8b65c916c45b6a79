/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `xo vm`: start and look after QEMU microvms, and run commands in them. One function per
 * subcommand; what they share is the VM's directory, laid out as follows below RUN_DIR
 * (/run/crossover/vm), readable by shell scripts:
 *
 *	NAME/cid, NAME/memory (MiB), NAME/cpus   one number each
 *	NAME/pid                                 QEMU's, locked by QEMU as long as it lives
 *	NAME/qmp                                 QEMU's control socket
 *	NAME/console.log                         the VM's serial console since its start
 *	NAME/resets                              one byte for each `xo vm reset`
 *
 * A flock() on the directory NAME is held while a VM is started or taken down.
 */
#ifndef XO_VM_H
#define XO_VM_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define VM_NAME_MAX	 31
#define VM_DEFAULT_MEM	 192 /* MiB */
#define VM_DEFAULT_CPUS	 1
#define VM_MAX_MEM	 (1u << 20) /* MiB */
#define VM_MIN_MEM	 64
#define VM_MAX_CPUS	 64
#define VM_VALUE_MAX	 512 /* of a configuration value */
#define VM_ARGS_MAX	 127 /* characters of a VM's own kernel arguments */

/* Exit statuses beyond 0 and 1. */
#define VM_EXIT_USAGE	 2
#define VM_EXIT_TIMEOUT	 124
#define VM_EXIT_FAILED	 125 /* exec: the VM or its agent failed, not the command */
#define VM_EXIT_NOT_EXEC 126
#define VM_EXIT_NO_CMD	 127

/* The sentence about what failed; functions that take one return -1 after filling it in. */
struct vm_err {
	char text[2048];
};

int vm_fail(struct vm_err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* vm_args.c: parsing without side effects. */

/* What NAME[:MEM[:CPUS[:ARGS]]] asks for. */
struct vm_spec {
	char name[VM_NAME_MAX + 1];
	unsigned int mem;
	unsigned int cpus;
	char args[VM_ARGS_MAX + 1]; /* for its kernel */
};

/* /etc/crossover/vm.conf; every key is in the table of vm_args.c and in xo-vm(1). */
struct vm_conf {
	char qemu[VM_VALUE_MAX];
	char qemu_data[VM_VALUE_MAX];
	char kernel[VM_VALUE_MAX];
	char initrd[VM_VALUE_MAX];
	char append[VM_VALUE_MAX];
	char system[VM_VALUE_MAX];
	char payload[VM_VALUE_MAX];
	char mem[VM_VALUE_MAX];
	char cpus[VM_VALUE_MAX];
	char run_dir[VM_VALUE_MAX];
	/* For trying xo vm on a machine without VMX or vsock; not in the manual. */
	char accel[VM_VALUE_MAX];
	char cpu[VM_VALUE_MAX];
	char machine[VM_VALUE_MAX];
	char agent_socket[VM_VALUE_MAX];
};

int vm_parse_name(const char *text, struct vm_err *err);
int vm_parse_spec(const char *text, const struct vm_conf *conf, struct vm_spec *spec,
		  struct vm_err *err);
/* A whole decimal number from min to max; `what` names it in the sentence. */
int vm_parse_number(const char *text, const char *what, unsigned long min, unsigned long max,
		    unsigned int *value, struct vm_err *err);
void vm_conf_defaults(struct vm_conf *conf);
/* One line of the file; comments and empty lines change nothing. `line` is cut up. */
int vm_conf_line(struct vm_conf *conf, char *line, struct vm_err *err);

/* vm_conf.c */

/* Reads `path`, or the default file, which may be missing. */
int vm_conf_load(struct vm_conf *conf, const char *path, struct vm_err *err);

/* vm_dir.c: a VM's directory. */

enum vm_life {
	VM_ABSENT,   /* no directory */
	VM_STARTING, /* its directory is locked and QEMU is not up */
	VM_ENDED,    /* QEMU has gone; only its console is left */
	VM_ALIVE,
	VM_HIDDEN, /* its directory is not for this user */
};

struct vm {
	char name[VM_NAME_MAX + 1];
	char dir[PATH_MAX];
	unsigned int cid, mem, cpus;
	enum vm_life life;
	pid_t pid; /* if alive */
};

/* Looks at a VM; an unknown name is VM_ABSENT, not an error. */
void vm_look(const struct vm_conf *conf, const char *name, struct vm *vm);
/* As vm_look(), and fails with a sentence unless the VM is there, be it ended. */
int vm_look_present(const struct vm_conf *conf, const char *name, struct vm *vm,
		    struct vm_err *err);
/* As vm_look(), and fails with a sentence unless the VM is alive. */
int vm_look_alive(const struct vm_conf *conf, const char *name, struct vm *vm, struct vm_err *err);
/* Claims a name and a CID. Returns the locked directory's fd; *vhost is an fd with that CID. */
int vm_dir_create(const struct vm_conf *conf, const struct vm_spec *spec, struct vm *vm, int *vhost,
		  struct vm_err *err);
/* Locks an existing directory within `ms`. The fd, or -1 with a sentence. */
int vm_dir_lock(const struct vm *vm, int ms, struct vm_err *err);
/* Keeps the console as RUN_DIR/../console/NAME.log, then removes the directory. */
void vm_dir_remove(const struct vm_conf *conf, const struct vm *vm, bool keep_console);
/* The names of all directories, sorted; *names is freed with its members by the caller. */
int vm_dir_names(const struct vm_conf *conf, char ***names, struct vm_err *err);
int vm_dir_path(const struct vm *vm, const char *file, char *path, struct vm_err *err);
/* The console's last lines, for sentences about a VM that did not come up. */
void vm_console_tail(const struct vm *vm, char *buf, size_t size);

/* SIGKILLs QEMU, if it is alive, and waits for its end. */
int vm_kill_process(const struct vm *vm, struct vm_err *err);
/* Waits until QEMU has gone. 0, or -1 with a sentence after `ms`. */
int vm_wait_gone(const struct vm *vm, int ms, struct vm_err *err);

/* vm_qemu.c: QEMU's command line, its kernel's ended by `args`. A NULL-terminated vector, freed by
 * vm_qemu_free(). */
char **vm_qemu_argv(const struct vm_conf *conf, const struct vm *vm, const char *args, int vhost);
void vm_qemu_free(char **argv);

/* vm_qmp.c */

/* Runs one QMP command without arguments; *status gets query-status' word if asked for. */
int vm_qmp(const struct vm *vm, const char *command, int ms, char *status, size_t size,
	   struct vm_err *err);

/* vm_connect.c */

struct vm_conn;
/* One try, within `ms`, and the exchange of HELLOs. 0; 1: not up yet, with a sentence; -1. */
int vm_connect(const struct vm_conf *conf, const struct vm *vm, int ms, struct vm_conn *conn,
	       struct vm_err *err);
/* Milliseconds of the monotonic clock. */
int64_t vm_now_ms(void);

/* Subcommands: argv[0] is the subcommand's name; the exit status. */
int vm_cmd_start(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_stop(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_kill(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_reset(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_wait(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_ls(const struct vm_conf *conf, int argc, char **argv);
int vm_cmd_exec(const struct vm_conf *conf, int argc, char **argv);

/* `xo vm ...`; argv[0] is "vm". */
int xo_cmd_vm(int argc, char **argv);

/*
 * Option parsing shared by the subcommands with one NAME: --help and, where `timeout` is given,
 * --timeout S. Returns -1 to go on (*name is set), else the exit status.
 */
int vm_options(int argc, char **argv, const char *usage, const char **name, unsigned int *timeout);

/* Prints "xo vm SUB: sentence" to stderr and returns `status`. */
int vm_report(const char *sub, const struct vm_err *err, int status);

#endif
