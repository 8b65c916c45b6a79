/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The channel between programs of the emulated host and `xo lab` outside. Shared by three sides:
 *
 *   agent (lab/agent.c, in the emulated host)  <- ports ->  ucode/ (in Bochs)  <- socket ->  xo lab
 *
 * The ports exist only in the emulated host. A VM's OUT leaves the VM and ends in its QEMU, so no
 * VM reaches the channel. ucode/ trusts nothing in a request: every length is checked before use.
 */
#ifndef LAB_CHANNEL_H
#define LAB_CHANNEL_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Revision of everything in this file; agent and ucode/ refuse each other when it differs. */
#define LAB_CHANNEL_REVISION 1

/*
 * I/O ports. Nothing of the emulated PC decodes 0x6c0..0x6c7 (the ISA devices end at 0x3ff, PCI's
 * begin at 0xb000), and Bochs hands every OUT to ucode/ before it looks for a device.
 */
#define LAB_PORT_REQUEST     0x6c0 /* OUT 32 bits: page number of a struct lab_page */
#define LAB_PORT_CONSOLE     0x6c4 /* OUT 8 bits: next character of the host's kernel log */

#ifndef __KERNEL__

/*
 * Request page, in one locked, page-aligned page of the agent. The agent writes the whole page and
 * then OUTs its page number; when the OUT is done ucode/ has written `status`, `arg`, `len` and
 * `data`. A `status` still LAB_PENDING means that the kernel moved the page in between: look its
 * number up again and repeat.
 */
#define LAB_PAGE_MAGIC 0x4c424f58u /* "XOBL" */
#define LAB_PAGE_DATA  4064

struct lab_page {
	uint32_t magic;	 /* agent writes LAB_PAGE_MAGIC */
	uint32_t op;	 /* agent writes enum lab_op */
	int32_t status;	 /* agent writes LAB_PENDING, ucode/ enum lab_status */
	uint32_t arg;	 /* both ways; meaning by op */
	uint32_t len;	 /* bytes of data, both ways */
	uint32_t pad[3]; /* zero */
	uint8_t data[LAB_PAGE_DATA];
};

_Static_assert(sizeof(struct lab_page) == 4096, "a request is exactly one page");

enum lab_status {
	LAB_OK = 0,
	LAB_PENDING = 1, /* not answered */
	LAB_EMPTY = 2,	 /* LAB_READ: nothing to read now; LAB_SAVE: no snapshot is wanted */
	LAB_RESUMED = 3, /* LAB_SAVE: this machine was just resumed from the snapshot */
	LAB_REFUSED = 4, /* unknown operation or bad argument */
};

enum lab_op {
	LAB_HELLO = 1, /* arg: LAB_CHANNEL_REVISION */
	LAB_SHAPE,     /* -> data: text, one line "NAME MEM_MIB CPUS [ARGS]" per VM to start */
	LAB_WRITE,     /* arg: enum lab_stream, data: bytes for it */
	LAB_READ,      /* arg: real ms the machine may sleep until something is typed
			* -> arg: enum lab_input, data */
	LAB_TIME,      /* -> data: struct lab_time, the real time now */
	LAB_SAVE,      /* save the machine; answered LAB_OK (goes on), LAB_RESUMED or LAB_EMPTY */
	LAB_END,       /* arg: exit status of the script; does not return */
	LAB_FAIL,      /* data: sentence saying why the lab failed; does not return */
};

struct lab_time {
	int64_t seconds;
	int64_t nanoseconds;
};

/* Where bytes go: LAB_WRITE's arg, and the type of a message to xo lab. */
enum lab_stream {
	LAB_STDOUT = 1, /* script */
	LAB_STDERR,	/* script */
	LAB_PROGRESS,	/* one line about a step that is done */
	LAB_VMLOG,	/* "NAME\n" and then bytes of that VM's kernel log */
	LAB_SCRIPT,	/* the script begins now (no data) */
	LAB_CONSOLE,	/* the host's kernel log; sent by ucode/ only */
	LAB_SAVED,	/* the snapshot is complete; sent by ucode/ only */
	LAB_ENDED,	/* arg: exit status; sent by ucode/ only */
	LAB_FAILED,	/* sentence; sent by ucode/ only */
	LAB_READY, /* ucode/ has checked and patched Bochs; data: what it found, for the user */
	LAB_STALE, /* the TLB model: a sentence about a use that fails the run; by ucode/ only */
	LAB_NOTE,  /* a line for the user; sent by ucode/ only */
};

/* What a message from xo lab brings; answer of LAB_READ. */
enum lab_input {
	LAB_TYPED = 1, /* bytes for the script's terminal */
	LAB_WINDOW,    /* data: uint16_t rows, columns */
};

/* One packet of the socket between ucode/ and xo lab (SOCK_SEQPACKET). */
struct lab_message {
	uint32_t type; /* enum lab_stream from ucode/, enum lab_input to it */
	uint32_t arg;
	uint8_t data[LAB_PAGE_DATA];
};

#define LAB_MESSAGE_HEAD 8

/* Environment that xo lab gives Bochs for ucode/. */
#define LAB_ENV_SOCKET	 "CROSSOVER_LAB_SOCKET" /* number of the inherited socket */
#define LAB_ENV_TLB	 "CROSSOVER_LAB_TLB"	/* if there: the TLB model is on */
#define LAB_ENV_SHAPE	 "CROSSOVER_LAB_SHAPE"	/* text answered to LAB_SHAPE */
#define LAB_ENV_SAVE	 "CROSSOVER_LAB_SAVE" /* folder for LAB_SAVE; absent: no snapshot is wanted */

#endif /* !__KERNEL__ */
#endif
