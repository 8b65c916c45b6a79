// SPDX-License-Identifier: GPL-2.0
/* One command over QEMU's control socket (QMP). */
#include "vm.h"
#include <errno.h>
#include <json-c/json.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* Answers to commands without arguments are short; a longer line is not QEMU's. */
#define QMP_LINE_MAX 8192

struct qmp {
	int fd;
	int64_t end;
	size_t len;
	char buf[QMP_LINE_MAX];
};

static int qmp_open(struct qmp *q, const struct vm *vm, struct vm_err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	if (snprintf(addr.sun_path, sizeof(addr.sun_path), "%s/qmp", vm->dir) >=
	    (int)sizeof(addr.sun_path))
		return vm_fail(err, "The path %s is too long for a socket.", vm->dir);
	q->len = 0;
	q->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (q->fd < 0 || connect(q->fd, (struct sockaddr *)&addr, sizeof(addr))) {
		vm_fail(err, "Cannot reach QEMU of VM '%s' at %s: %s.", vm->name, addr.sun_path,
			strerror(errno));
		if (q->fd >= 0)
			close(q->fd);
		return -1;
	}
	return 0;
}

/* The next line as JSON, or NULL with a sentence. */
static struct json_object *qmp_read(struct qmp *q, const struct vm *vm, struct vm_err *err)
{
	struct pollfd p = { .fd = q->fd, .events = POLLIN };
	struct json_object *msg;
	char *nl;

	while (!(nl = memchr(q->buf, '\n', q->len))) {
		int64_t left = q->end - vm_now_ms();
		ssize_t n;

		if (left <= 0 || q->len == sizeof(q->buf) || poll(&p, 1, left) == 0) {
			vm_fail(err, "QEMU of VM '%s' does not answer.", vm->name);
			return NULL;
		}
		n = read(q->fd, q->buf + q->len, sizeof(q->buf) - q->len);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			vm_fail(err, "QEMU of VM '%s' has ended.", vm->name);
			return NULL;
		}
		if (n > 0)
			q->len += n;
	}
	*nl = '\0';
	msg = json_tokener_parse(q->buf);
	q->len -= nl + 1 - q->buf;
	memmove(q->buf, nl + 1, q->len);
	if (!msg)
		vm_fail(err, "QEMU of VM '%s' answered something that is not JSON.", vm->name);
	return msg;
}

/* Reads on to the answer, past events. The value of "return", or NULL with a sentence. */
static struct json_object *qmp_answer(struct qmp *q, const struct vm *vm, struct vm_err *err)
{
	struct json_object *msg, *value, *desc;

	while ((msg = qmp_read(q, vm, err))) {
		if (json_object_object_get_ex(msg, "return", &value)) {
			json_object_get(value);
			json_object_put(msg);
			return value;
		}
		if (json_object_object_get_ex(msg, "error", &value)) {
			const char *text = json_object_object_get_ex(value, "desc", &desc)
						   ? json_object_get_string(desc)
						   : "no reason given";

			vm_fail(err, "QEMU of VM '%s' refuses: %s.", vm->name, text);
			json_object_put(msg);
			return NULL;
		}
		json_object_put(msg);
	}
	return NULL;
}

static struct json_object *qmp_command(struct qmp *q, const struct vm *vm, const char *command,
				       struct vm_err *err)
{
	char line[128];
	int n = snprintf(line, sizeof(line), "{\"execute\":\"%s\"}\n", command);

	if (send(q->fd, line, n, MSG_NOSIGNAL) != n) {
		vm_fail(err, "QEMU of VM '%s' has ended.", vm->name);
		return NULL;
	}
	return qmp_answer(q, vm, err);
}

static int qmp_talk(struct qmp *q, const struct vm *vm, const char *command, char *status,
		    size_t size, struct vm_err *err)
{
	struct json_object *o, *value;

	/* The greeting comes once QEMU has time for us; it serves one client after another. */
	o = qmp_read(q, vm, err);
	if (!o)
		return -1;
	json_object_put(o);
	o = qmp_command(q, vm, "qmp_capabilities", err);
	if (!o)
		return -1;
	json_object_put(o);
	o = qmp_command(q, vm, command, err);
	if (!o)
		return -1;
	if (status)
		snprintf(status, size, "%s",
			 json_object_object_get_ex(o, "status", &value)
				 ? json_object_get_string(value)
				 : "unknown");
	json_object_put(o);
	return 0;
}

int vm_qmp(const struct vm *vm, const char *command, int ms, char *status, size_t size,
	   struct vm_err *err)
{
	struct qmp q;
	int ret;

	q.end = vm_now_ms() + ms;
	if (qmp_open(&q, vm, err))
		return -1;
	ret = qmp_talk(&q, vm, command, status, size, err);
	close(q.fd);
	return ret;
}
