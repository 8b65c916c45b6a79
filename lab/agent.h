/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The lab's agent, pid 1 of the emulated host: starts the VMs, has the machine saved, runs the job,
 * collects the VMs' kernel logs, ends the run.
 */
#ifndef LAB_AGENT_H
#define LAB_AGENT_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "channel.h"

#define XO_VM	     "/usr/lib/crossover/xo-vm"
#define VM_FOLDER    "/run/crossover/vm"
#define ENDED_FOLDER "/run/crossover/console"
#define PAYLOAD	     "/opt/crossover"
#define JOB	     PAYLOAD "/.lab" /* what xo lab put into the payload for the agent */
#define WORK	     "/run/crossover/lab"
#define MAX_VMS	     32
#define NAME_BYTES   64
#define SPEC_BYTES   256

struct vm {
	char name[NAME_BYTES];
	char spec[SPEC_BYTES]; /* NAME:MEM:CPUS[:ARGS] */
};

/* agent_channel.c: requests of lab/channel.h
 * ------------------------------------------------------*/

void channel_open(void);
/* One request; its answer is the returned page's arg, len and data, valid until the next request.
 */
const struct lab_page *channel_call(uint32_t op, uint32_t arg, const void *data, size_t size);
/* Bytes to a stream, in as many requests as it takes. */
void channel_write(uint32_t stream, const void *data, size_t size);
void channel_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
void fail(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/* agent_spawn.c: programs of the emulated host
 * ----------------------------------------------------*/

/* Start a program; stdout and stderr go to the file `output`, or nowhere if NULL. */
pid_t spawn(const char *output, char *const argv[]);
/* A wait status as an exit status; 128 + number if a signal ended the program. */
int status_of(int status);
/* Wait for its end; its exit status. */
int finish(pid_t pid);
/* The same, but it is killed after so many seconds; -1 then. */
int finish_within(pid_t pid, int seconds);
/* Read at most size - 1 bytes of a file and end them with a NUL; returns how many. */
size_t read_file(const char *path, char *text, size_t size);
/* Write a setting of the kernel below /proc/sys or /sys; what does not exist is left alone. */
void set_kernel(const char *path, const char *value);

/* agent_vms.c
 * -------------------------------------------------------------------------------------*/

/* Read the shape, start all its VMs at once and wait until all answer. */
void vms_start(void);
/* Have every VM run what it will run after the save, so that it need not be read from disk then. */
void vms_warm(void);
/* After the save: clock, payload, files put into the VM; in all VMs at once. */
void vms_prepare(void);
/* Kernel logs of all VMs, those killed or started by the script too, to xo lab. */
void vms_send_logs(void);

/* agent_job.c
 * -------------------------------------------------------------------------------------*/

/* Run the script (or, in `xo lab up`, a shell on a terminal) to its end; returns its status. */
int job_run(void);

#endif
