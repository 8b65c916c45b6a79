/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The protocol between `xo vm exec` on the host and vm-agent in a VM: one vsock connection per
 * command, frames in both directions. Both sides are the same architecture, so integers travel as
 * the processor stores them (little endian).
 *
 *	client                                   agent
 *	HELLO {magic, version}            ->
 *	                                  <-     HELLO, or ERROR and close
 *	ARG bytes, ARG bytes, ...         ->            every argument, each ending in a NUL
 *	START {argc, flags, rows, cols}   ->            (or POWEROFF instead of ARG and START)
 *	DATA 0, EOF 0, SIGNAL, PING ...   <->    DATA 1, DATA 2, CREDIT 0, CLOSED 0 ...
 *	                                  <-     EXIT {kind, value}
 *	close                                    close
 *
 * Flow control: each of the three streams (0 stdin, 1 stdout, 2 stderr) starts with a credit of
 * VMEXEC_WINDOW bytes; DATA uses it up, CREDIT from the receiver gives it back once the bytes have
 * left the receiver. So no side ever buffers more than one window per stream, a stream that
 * nobody reads holds up only itself, and a SIGNAL always gets through.
 *
 * Who may connect: the agent serves only the host (CID 2), and only from a port below 1024, which
 * the host's kernel gives to its administrator alone. The agent's own port is below 1024 too, so
 * that no ordinary process of the VM can pose as the agent.
 *
 * PING makes the kernel of a VM that was reset refuse a connection it has forgotten, which is how a
 * client learns of a reset that the VM itself caused; and an agent that runs answers it, so that a
 * signal to a VM that does not run can still end the client.
 */
#ifndef VMEXEC_H
#define VMEXEC_H

#include <assert.h>
#include <stdint.h>

#define VMEXEC_PORT	   1000u
#define VMEXEC_MAGIC	   0x4d564f58u /* "XOVM" */
#define VMEXEC_VERSION	   2u
#define VMEXEC_MAX_PAYLOAD 32768u     /* a longer frame ends the connection */
#define VMEXEC_WINDOW	   65536u     /* initial credit of each stream */
#define VMEXEC_MAX_ARGS	   (3u << 20) /* bytes of all arguments together; Linux takes 2 MiB */
#define VMEXEC_STREAMS	   3
#define VMEXEC_RESERVED	   1024u /* ports below are the administrator's */

enum vmexec_type {
	VMEXEC_HELLO = 1,     /* both ways: struct vmexec_hello */
	VMEXEC_ARG = 2,	      /* to agent: bytes of NUL-terminated arguments */
	VMEXEC_START = 3,     /* to agent: struct vmexec_start */
	VMEXEC_DATA = 4,      /* both ways: 1 or more bytes of `stream` */
	VMEXEC_EOF = 5,	      /* to agent: no more DATA on stream 0 */
	VMEXEC_CLOSED = 6,    /* both ways: nobody reads `stream` here any more */
	VMEXEC_CREDIT = 7,    /* both ways: uint32_t bytes of credit for `stream` */
	VMEXEC_SIGNAL = 8,    /* to agent: uint32_t signal for the command's process group */
	VMEXEC_PING = 9,      /* to agent: empty; its answer: the same */
	VMEXEC_RESIZE = 10,   /* to agent: struct vmexec_size, only with VMEXEC_TTY */
	VMEXEC_POWEROFF = 11, /* to agent: sync and power the VM off */
	VMEXEC_EXIT = 12,     /* to client: struct vmexec_exit, the last frame */
	VMEXEC_ERROR = 13,    /* to client: a sentence without NUL, the last frame */
};

/* Before every payload. `stream` is zero where the type names no stream. */
struct vmexec_frame {
	uint16_t type;
	uint16_t stream;
	uint32_t length;
};
static_assert(sizeof(struct vmexec_frame) == 8, "frame header is 8 bytes on the wire");

struct vmexec_hello {
	uint32_t magic;
	uint32_t version;
};
static_assert(sizeof(struct vmexec_hello) == 8, "hello is 8 bytes on the wire");

#define VMEXEC_TTY 1u /* START flag: run on a terminal of its own; stderr joins stdout */

struct vmexec_start {
	uint32_t argc;
	uint32_t flags;
	uint16_t rows; /* of the terminal; zero without VMEXEC_TTY */
	uint16_t cols;
};
static_assert(sizeof(struct vmexec_start) == 12, "start is 12 bytes on the wire");

struct vmexec_size {
	uint16_t rows;
	uint16_t cols;
};
static_assert(sizeof(struct vmexec_size) == 4, "size is 4 bytes on the wire");

enum vmexec_exit_kind {
	VMEXEC_EXITED = 1,	/* value: exit status */
	VMEXEC_SIGNALED = 2,	/* value: signal */
	VMEXEC_NOT_STARTED = 3, /* value: errno of exec */
};

struct vmexec_exit {
	uint32_t kind;
	int32_t value;
};
static_assert(sizeof(struct vmexec_exit) == 8, "exit is 8 bytes on the wire");

#endif
