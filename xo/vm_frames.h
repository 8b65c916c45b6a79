/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Frames over a non-blocking socket, and bounded stream buffers: the half of lab/vmexec.h that
 * `xo vm exec` and vm-agent have in common.
 */
#ifndef XO_VM_FRAMES_H
#define XO_VM_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "../lab/vmexec.h"

/* Senders of DATA stop at half of the queue, so that control frames always find room. */
#define VM_OUT_SIZE   (4u * VMEXEC_MAX_PAYLOAD)
#define VM_OUT_DATA   (2u * VMEXEC_MAX_PAYLOAD)
#define VM_OUT_CREDIT (3u * VMEXEC_MAX_PAYLOAD)

struct vm_conn {
	int fd;
	size_t in_len;	/* bytes in `in` */
	size_t in_off;	/* first byte not yet taken as a frame */
	size_t out_len; /* bytes in `out` */
	size_t out_off; /* first byte not yet sent */
	uint8_t in[sizeof(struct vmexec_frame) + VMEXEC_MAX_PAYLOAD];
	uint8_t out[VM_OUT_SIZE];
};

/* One whole frame; `payload` stays valid until the next vm_conn_fill(). */
struct vm_frame {
	struct vmexec_frame head;
	const uint8_t *payload;
};

/* A stream on its way out of this process: received bytes that `fd` has not taken yet. */
struct vm_sink {
	int fd;		  /* -1 once closed or broken */
	size_t max_write; /* a write of at most this much does not block after POLLOUT */
	size_t off, len;
	uint32_t due;  /* credit to give back */
	bool eof;      /* close `fd` when empty */
	bool broken;   /* the fd takes no more; bytes are dropped */
	int error;     /* errno if broken: EPIPE when the reader went away */
	bool reported; /* CLOSED was sent */
	uint8_t buf[VMEXEC_WINDOW];
};

/* A stream on its way into this process: read from `fd`, as far as the credit goes. */
struct vm_source {
	int fd; /* -1 once at its end */
	uint32_t credit;
};

void vm_conn_init(struct vm_conn *c, int fd);

/* Reads what is there. 1: more data, 0: nothing now, -1: connection ended (errno, 0 at EOF). */
int vm_conn_fill(struct vm_conn *c);

/* Takes the next whole frame. 1: `f` is set, 0: none yet, -1: the peer sent an over-long frame. */
int vm_conn_next(struct vm_conn *c, struct vm_frame *f);

/* Sends what the socket takes. 0, or -1 with errno when the connection ended. */
int vm_conn_flush(struct vm_conn *c);

bool vm_conn_pending(const struct vm_conn *c);

/* Bytes queued and not sent. */
size_t vm_conn_queued(const struct vm_conn *c);

/* Queues one frame. -1 if it does not fit: the peer has stopped reading control frames. */
int vm_conn_put(struct vm_conn *c, uint16_t type, uint16_t stream, const void *payload,
		uint32_t length);

void vm_sink_init(struct vm_sink *s, int fd, size_t max_write);

/* Takes a DATA payload. -1: the peer exceeded its credit. */
int vm_sink_push(struct vm_sink *s, const uint8_t *data, uint32_t length);

/* Writes once to the fd, which poll() called writable; marks the sink broken on an error. */
void vm_sink_write(struct vm_sink *s);

/* True if the sink has bytes that its fd should take. */
bool vm_sink_busy(const struct vm_sink *s);

/* Queues CREDIT and CLOSED for this sink as needed. */
int vm_sink_report(struct vm_sink *s, struct vm_conn *c, uint16_t stream);

/* True if the source may be read now: it is open, has credit, and the queue has room. */
bool vm_source_ready(const struct vm_source *s, const struct vm_conn *c);

/*
 * Reads at most `limit` bytes once and queues them as DATA. Returns the bytes read, 0 at the end of
 * the stream (then s->fd is closed and -1), -1 when nothing is there now.
 */
long vm_source_read(struct vm_source *s, struct vm_conn *c, uint16_t stream, size_t limit);

#endif
