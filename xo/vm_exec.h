/* SPDX-License-Identifier: GPL-2.0 */
/* One `xo vm exec`: its state, and the user's terminal. */
#ifndef XO_VM_EXEC_H
#define XO_VM_EXEC_H

#include "vm.h"
#include "vm_frames.h"
#include <stdarg.h>

struct vm_exec {
	const struct vm_conf *conf;
	struct vm vm;
	const char *command;
	struct vm_conn conn;
	struct vm_source in;
	struct vm_sink out[VMEXEC_STREAMS]; /* 1 and 2 */
	int sigfd, watchfd;
	int64_t answer_by; /* CLOCK_MONOTONIC, ms: when the VM must have said something; 0: no hurry
			    */
	bool tty;
	bool over;
	int status; /* if over */
	int error;  /* errno of the connection's end */
	struct vm_err why;
};

/* vm_tty.c: the terminal on stdin. */

void vm_tty_size(uint16_t *rows, uint16_t *cols);
/* Until vm_tty_restore(), keys reach the VM's terminal one by one, Ctrl-C included. */
int vm_tty_raw(struct vm_err *err);
void vm_tty_restore(void);

#endif
