/* SPDX-License-Identifier: GPL-2.0 */
/*
 * `xo lab`: the emulated machine on the user's side. A run is one folder below build/lab/run, one
 * Bochs process, and one loop that passes on what comes from it. Files:
 *
 *   lab.c          the subcommands            lab_dir.c      folders, locks, ls, down, clean
 *   lab_args.c     their arguments            lab_payload.c  the disk with what is under
 * development lab_key.c      what a snapshot is made of lab_bochs.c    starting Bochs, cold or from
 * a snapshot lab_relay.c    the loop                   lab_scan.c     reading kernel logs for
 * trouble
 */
#ifndef XO_LAB_H
#define XO_LAB_H

#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#define LAB_EXIT_USAGE	  2
#define LAB_EXIT_TIMEOUT  124
#define LAB_EXIT_FAILED	  125
#define LAB_EXIT_SIGNAL	  128 /* plus the signal's number */

#define LAB_VM_NAME	  31	 /* characters */
#define LAB_VM_ARGS	  127	 /* characters of what its kernel is told */
#define LAB_KERNEL	  15	 /* characters of a kernel version */
#define LAB_KERNELS	  "6.12" /* those that make lab-kernel-VERSION knows */
#define LAB_VM_MEMORY	  192	 /* MiB, unless the user says otherwise */
#define LAB_MAX_VMS	  16
#define LAB_MAX_PUTS	  64
#define LAB_HOST_MEMORY	  512 /* MiB of the emulated host beside its VMs, likewise */
#define LAB_VM_OVERHEAD	  64  /* MiB of a VM's QEMU */
#define LAB_MAX_MEMORY	  3072
#define LAB_MIPS	  50 /* million instructions are a second of the machine, likewise */
#define LAB_MAX_CPUS	  8
#define LAB_TIMEOUT	  900 /* s for the script, unless the user says otherwise */
#define LAB_COLD_LIMIT	  600 /* s from Bochs's start to the script's, cold, likewise */
#define LAB_RESUME_LIMIT  180 /* the same from a snapshot */
#define LAB_PAYLOAD_BYTES (192LL << 20)
#define LAB_HEX		  64 /* digits of a SHA-256 */

/* A sentence about what failed. */
struct lab_error {
	char text[2048];
};

/* Fill the sentence in; always returns -1, so that callers can return it. */
int lab_error(struct lab_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* lab_args.c ------------------------------------------------------------------------------------*/

struct lab_vm {
	char name[LAB_VM_NAME + 1];
	unsigned int memory; /* MiB */
	unsigned int cpus;
	char args[LAB_VM_ARGS + 1]; /* for its kernel */
};

/* A file or folder of the user's that is to be in the host (vm empty) or in a VM. */
struct lab_put {
	char vm[LAB_VM_NAME + 1];
	char local[PATH_MAX];
	char path[PATH_MAX];
};

struct lab_options {
	struct lab_vm vms[LAB_MAX_VMS];
	unsigned int vm_count;
	struct lab_put puts[LAB_MAX_PUTS];
	unsigned int put_count;
	unsigned int cpus;
	unsigned int mips;	  /* million instructions that are a second there */
	unsigned int host_memory; /* MiB beside the VMs */
	unsigned int timeout;	  /* s */
	unsigned int start_limit; /* s; 0: as always */
	bool cold;
	bool tlb_model;
	bool help;
	char kernel[LAB_KERNEL + 1]; /* of the host; empty: as the VMs' */
	const char *script;	     /* NULL: a shell on the user's terminal */
	char **args;		     /* of the script, ended by NULL */
};

/* NAME[:MEM[:CPUS[:ARGS]]] */
int lab_parse_vm(const char *text, struct lab_vm *vm, struct lab_error *err);
/* A version as 6.12. */
int lab_parse_kernel(const char *text, char kernel[LAB_KERNEL + 1], struct lab_error *err);
/* LOCAL:PATH, or NAME:LOCAL:PATH if for_vm; a PATH ending in / gets LOCAL's last part. */
int lab_parse_put(const char *text, bool for_vm, struct lab_put *put, struct lab_error *err);
/* All arguments of `run` and `up`; argv[0] is the subcommand. */
int lab_parse(int argc, char **argv, struct lab_options *o, struct lab_error *err);
/* MiB of the emulated machine that such VMs need. */
unsigned int lab_memory(const struct lab_options *o);

/* lab_dir.c -------------------------------------------------------------------------------------*/

/* Absolute folders; nothing outside `build` is ever written. */
struct lab_folders {
	char build[PATH_MAX];
	char lab[PATH_MAX]; /* build/lab */
	char run[PATH_MAX]; /* build/lab/run/ID, empty until lab_run_begin() */
	int lock;	    /* held while the run lives */
};

int lab_find_folders(struct lab_folders *f, struct lab_error *err);
/* The disk that host and VMs boot from; it depends on the host's kernel. */
void lab_system_path(const struct lab_folders *f, const struct lab_options *o, char *path);
/* Format a path; fails the program if it is longer than the system allows. */
void lab_path(char *path, const char *format, ...) __attribute__((format(printf, 2, 3)));
int lab_make_folders(const char *path, struct lab_error *err);
int lab_write_file(const char *path, const void *data, size_t size, mode_t mode,
		   struct lab_error *err);
/* The whole of a file, ended by a NUL; to be freed. */
char *lab_read_file(const char *path, size_t *size, struct lab_error *err);
void lab_remove_tree(const char *path);
/* Open and lock a file: LOCK_SH or LOCK_EX, with LOCK_NB if one is not to wait. */
int lab_lock(const char *path, int how, struct lab_error *err);

#define LAB_DOWN "down" /* a file in the folder of a run that xo lab down ends */

int lab_run_begin(struct lab_folders *f, struct lab_error *err);
/* Remove the run's folder, or what is big in it if `keep` (its logs are wanted). */
void lab_run_end(struct lab_folders *f, bool keep);

int lab_cmd_ls(const struct lab_folders *f);
int lab_cmd_down(const struct lab_folders *f, const char *id);
int lab_cmd_clean(const struct lab_folders *f);
/* Remove the snapshot NAME of the folder, unless a run makes it, waits for it or uses it. */
bool lab_snapshot_remove(const char *folder, const char *name);

/* lab_spawn.c: the few programs of the build machine that are used
 * ---------------------------------*/

/*
 * Run a program to its end; its stdout is returned in `output` (to be freed) unless NULL. `tools`
 * non-NULL: it is one of the unpacked packages, which find their libraries there.
 */
int lab_execute(char *const argv[], const char *tools, char **output, struct lab_error *err);
/* Libraries of the unpacked packages for a program that is about to be executed. */
void lab_tools_environment(const char *tools);

/* lab_config.c ---------------------------------------------------------------------------------*/

/*
 * Bochs's configuration. Its paths are relative to the run's folder, so it is the same for every
 * run of one shape, and a part of the key.
 */
void lab_bochs_config(const struct lab_options *o, char *text, size_t size);
/* "NAME MEM CPUS [ARGS]" for each VM, in the order of their names. */
void lab_shape_text(const struct lab_options *o, char *text, size_t size);
/* The options of `xo lab run` that make the machine whose key's text (lab_key.inputs) this is. */
void lab_shape_options(const char *inputs, char *text, size_t size);

/* lab_key.c -------------------------------------------------------------------------------------*/

struct lab_key {
	char *inputs;		/* every input, one a line; kept in the snapshot */
	char name[LAB_HEX + 1]; /* their SHA-256 */
};

/* Refuse a Bochs that is not the package's. */
int lab_check_bochs(const struct lab_folders *f, struct lab_error *err);
/* Hash everything that is in a snapshot; leaves RUN/inputs. */
int lab_key_make(const struct lab_folders *f, const struct lab_options *o, struct lab_key *key,
		 struct lab_error *err);

/* lab_payload.c ---------------------------------------------------------------------------------*/

int lab_payload_make(const struct lab_folders *f, const struct lab_options *o,
		     struct lab_error *err);

/* lab_bochs.c -----------------------------------------------------------------------------------*/

struct lab_machine {
	pid_t pid;
	int sock;
	char snapshot[PATH_MAX];     /* where it is, or is to be */
	char snapshot_new[PATH_MAX]; /* where this run saves it, empty if it does not */
	bool resumed;
	int snapshot_lock; /* shared while resuming, exclusive while saving */
	int snapshot_used; /* its folder, locked shared until the machine ends */
};

int lab_machine_start(const struct lab_folders *f, const struct lab_options *o,
		      const struct lab_key *key, struct lab_machine *m, struct lab_error *err);
/* The machine was saved and its kernel logs are clean: keep the snapshot. */
int lab_snapshot_keep(struct lab_machine *m, const struct lab_key *key, struct lab_error *err);
void lab_machine_stop(struct lab_machine *m);

/* lab_scan.c ------------------------------------------------------------------------------------*/

#define LAB_SCAN_BEFORE 4  /* lines shown before the one that was found */
#define LAB_SCAN_AFTER	24 /* and after it */
#define LAB_SCAN_LINE	512

/* Reads one kernel's log as it comes; what it finds goes to `report`. */
struct lab_scan {
	const char *whose;
	FILE *report;
	unsigned int found;
	unsigned int after; /* lines still to be shown */
	unsigned int lines;
	char before[LAB_SCAN_BEFORE][LAB_SCAN_LINE];
	char line[LAB_SCAN_LINE];
	size_t fill;
};

/* Why a line of a kernel's log means trouble, or NULL. */
const char *lab_scan_line(const char *line);
void lab_scan_bytes(struct lab_scan *s, const void *data, size_t size);
/* A last line without its end. */
void lab_scan_end(struct lab_scan *s);

/* lab_relay.c -----------------------------------------------------------------------------------*/

/* Run the machine to its end; returns the exit status of `xo lab`. */
int lab_relay(const struct lab_folders *f, const struct lab_options *o, const struct lab_key *key,
	      struct lab_machine *m);
/* "lab: SECONDS  text" on stderr; the clock starts with the first. */
void lab_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

int xo_cmd_lab(int argc, char **argv);

#endif
