// SPDX-License-Identifier: GPL-2.0
/* Frames and stream buffers of lab/vmexec.h, for both ends of a connection. */
#include "vm_frames.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void vm_conn_init(struct vm_conn *c, int fd)
{
	c->fd = fd;
	c->in_len = c->in_off = 0;
	c->out_len = c->out_off = 0;
}

int vm_conn_fill(struct vm_conn *c)
{
	ssize_t n;

	if (c->in_off) {
		memmove(c->in, c->in + c->in_off, c->in_len - c->in_off);
		c->in_len -= c->in_off;
		c->in_off = 0;
	}
	if (c->in_len == sizeof(c->in))
		return 0;
	do {
		n = recv(c->fd, c->in + c->in_len, sizeof(c->in) - c->in_len, MSG_DONTWAIT);
	} while (n < 0 && errno == EINTR);
	if (n > 0) {
		c->in_len += n;
		return 1;
	}
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n == 0)
		errno = 0;
	return -1;
}

int vm_conn_next(struct vm_conn *c, struct vm_frame *f)
{
	size_t have = c->in_len - c->in_off;

	if (have < sizeof(f->head))
		return 0;
	memcpy(&f->head, c->in + c->in_off, sizeof(f->head));
	if (f->head.length > VMEXEC_MAX_PAYLOAD)
		return -1;
	if (have - sizeof(f->head) < f->head.length)
		return 0;
	f->payload = c->in + c->in_off + sizeof(f->head);
	c->in_off += sizeof(f->head) + f->head.length;
	return 1;
}

int vm_conn_flush(struct vm_conn *c)
{
	while (vm_conn_pending(c)) {
		ssize_t n = send(c->fd, c->out + c->out_off, c->out_len - c->out_off,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN || errno == EWOULDBLOCK ? 0 : -1;
		c->out_off += n;
	}
	c->out_off = c->out_len = 0;
	return 0;
}

bool vm_conn_pending(const struct vm_conn *c)
{
	return c->out_off < c->out_len;
}

size_t vm_conn_queued(const struct vm_conn *c)
{
	return c->out_len - c->out_off;
}

int vm_conn_put(struct vm_conn *c, uint16_t type, uint16_t stream, const void *payload,
		uint32_t length)
{
	struct vmexec_frame head = { .type = type, .stream = stream, .length = length };

	if (length > VMEXEC_MAX_PAYLOAD ||
	    vm_conn_queued(c) + sizeof(head) + length > sizeof(c->out))
		return -1;
	if (c->out_len + sizeof(head) + length > sizeof(c->out)) {
		memmove(c->out, c->out + c->out_off, c->out_len - c->out_off);
		c->out_len -= c->out_off;
		c->out_off = 0;
	}
	memcpy(c->out + c->out_len, &head, sizeof(head));
	c->out_len += sizeof(head);
	if (length)
		memcpy(c->out + c->out_len, payload, length);
	c->out_len += length;
	return 0;
}

void vm_sink_init(struct vm_sink *s, int fd, size_t max_write)
{
	s->fd = fd;
	s->max_write = max_write;
	s->off = s->len = 0;
	s->due = 0;
	s->error = 0;
	s->eof = s->broken = s->reported = false;
}

int vm_sink_push(struct vm_sink *s, const uint8_t *data, uint32_t length)
{
	if (s->eof || length > sizeof(s->buf) - s->len - s->due)
		return -1;
	if (s->broken) {
		s->due += length;
		return 0;
	}
	if (s->off + s->len + length > sizeof(s->buf)) {
		memmove(s->buf, s->buf + s->off, s->len);
		s->off = 0;
	}
	memcpy(s->buf + s->off + s->len, data, length);
	s->len += length;
	return 0;
}

bool vm_sink_busy(const struct vm_sink *s)
{
	return s->fd >= 0 && !s->broken && s->len > 0;
}

static void sink_close(struct vm_sink *s)
{
	if (s->fd > STDERR_FILENO)
		close(s->fd);
	s->fd = -1;
}

void vm_sink_write(struct vm_sink *s)
{
	ssize_t n;

	n = write(s->fd, s->buf + s->off, s->len < s->max_write ? s->len : s->max_write);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n < 0) {
		s->broken = true;
		s->error = errno;
		s->due += s->len;
		s->len = s->off = 0;
		sink_close(s);
		return;
	}
	s->off += n;
	s->len -= n;
	s->due += n;
	if (!s->len)
		s->off = 0;
}

int vm_sink_report(struct vm_sink *s, struct vm_conn *c, uint16_t stream)
{
	if (s->eof && !s->len && s->fd >= 0)
		sink_close(s);
	if (vm_conn_queued(c) > VM_OUT_CREDIT)
		return 0;
	if (s->broken && !s->reported) {
		if (vm_conn_put(c, VMEXEC_CLOSED, stream, NULL, 0))
			return -1;
		s->reported = true;
	}
	if (s->due >= VMEXEC_WINDOW / 4 || (s->due && !s->len)) {
		if (vm_conn_put(c, VMEXEC_CREDIT, stream, &s->due, sizeof(s->due)))
			return -1;
		s->due = 0;
	}
	return 0;
}

bool vm_source_ready(const struct vm_source *s, const struct vm_conn *c)
{
	return s->fd >= 0 && s->credit && vm_conn_queued(c) < VM_OUT_DATA;
}

long vm_source_read(struct vm_source *s, struct vm_conn *c, uint16_t stream, size_t limit)
{
	uint8_t buf[VMEXEC_MAX_PAYLOAD];
	ssize_t n;

	if (limit > sizeof(buf))
		limit = sizeof(buf);
	if (limit > s->credit)
		limit = s->credit;
	n = read(s->fd, buf, limit);
	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return -1;
	if (n <= 0) {
		if (s->fd > STDERR_FILENO)
			close(s->fd);
		s->fd = -1;
		return 0;
	}
	s->credit -= n;
	/* vm_source_ready() left room for a whole frame */
	if (vm_conn_put(c, VMEXEC_DATA, stream, buf, n))
		return -1;
	return n;
}
