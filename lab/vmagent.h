/* SPDX-License-Identifier: GPL-2.0 */
/* What the agent's files share: one session serves one connection. */
#ifndef VMAGENT_H
#define VMAGENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include "../xo/vm_frames.h"

/* A command as it was asked for. */
struct vm_request {
	char *args; /* all arguments, each with its NUL */
	size_t args_len;
	struct vmexec_start start;
};

/* A command that runs. The descriptors are ours, non-blocking. */
struct vm_child {
	pid_t pid;	  /* also its session and process group */
	int in, out, err; /* err is -1 on a terminal */
};

/* Serves one connection in a process of its own, to its end; `local`: not by vsock. */
_Noreturn void vm_session(int fd, bool local);

/* Answers one connection with an error sentence; does not close it. */
void vm_session_refuse(int fd, const char *why);

/* Starts the command. 0, or an errno: of exec() if *exec_failed, else of the preparation. */
int vm_child_start(const struct vm_request *req, struct vm_child *child, bool *exec_failed);

/* Tells the command's terminal its size. */
void vm_child_resize(const struct vm_child *child, uint16_t rows, uint16_t cols);

#endif
