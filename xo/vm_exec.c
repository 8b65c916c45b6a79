// SPDX-License-Identifier: GPL-2.0
/* `xo vm exec`: one command in a VM, with our stdin, stdout, stderr and signals. */
#include "vm.h"
#include "vm_exec.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define CONNECT_MS 10000
#define PING_MS	   5000 /* of silence, before the VM is asked whether it still knows us */
#define ANSWER_MS  5000 /* to a signal that may end the command */
#define PIPE_WRITE 4096 /* PIPE_BUF: what a pipe that poll() calls writable takes at once */

static const char usage[] =
	"Usage: xo vm exec [-t] NAME -- CMD [ARG...]\n"
	"Run CMD in the VM as root, without a shell: arguments, stdin, stdout and stderr pass "
	"through\n"
	"as they are; so do SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2. One of the "
	"first\n"
	"four ends xo vm exec itself if the VM answers nothing for 5 seconds after it.\n"
	"\n"
	"  -t, --tty  run it on a terminal of its own; stdin must be a terminal\n"
	"\n"
	"Exit status: that of CMD; 128 + N if signal N ended it; 127 if the VM has no CMD, 126 if "
	"it\n"
	"cannot be executed; 125 if the VM or its agent failed, with a sentence.\n";

static const int forwarded[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGWINCH };

static struct vm_exec exec;

static int open_signals(struct vm_err *err)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(forwarded) / sizeof(forwarded[0]); i++)
		sigaddset(&set, forwarded[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	/* A reader that left is told to the command, which then gets its own SIGPIPE. */
	signal(SIGPIPE, SIG_IGN);
	fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return fd >= 0 ? fd : vm_fail(err, "Cannot wait for signals: %s.", strerror(errno));
}

/* Shows a reset or removal of the VM as it happens; a VM without it is still noticed by PING. */
static int watch_vm(const struct vm *vm)
{
	int fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);

	if (fd >= 0 && inotify_add_watch(fd, vm->dir, IN_CREATE | IN_MODIFY | IN_DELETE_SELF) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* A missing 0, 1 or 2 would let some other descriptor become the command's. */
static void fill_standard_fds(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
			abort();
}

static size_t max_write(int fd)
{
	struct stat st;

	return !fstat(fd, &st) && S_ISREG(st.st_mode) ? VMEXEC_WINDOW : PIPE_WRITE;
}

static int put(struct vm_exec *x, uint16_t type, uint16_t stream, const void *data, uint32_t length)
{
	return vm_conn_put(&x->conn, type, stream, data, length);
}

/* Sends the arguments; poll, because they may be longer than the socket's buffer. */
static int send_arg_bytes(struct vm_exec *x, const char *text, size_t len)
{
	while (len) {
		uint32_t part = len > VMEXEC_MAX_PAYLOAD ? VMEXEC_MAX_PAYLOAD : len;

		while (put(x, VMEXEC_ARG, 0, text, part)) {
			struct pollfd p[] = {
				{ .fd = x->conn.fd, .events = POLLOUT | POLLRDHUP },
			};

			if (poll(p, 1, -1) < 0 && errno != EINTR)
				return -1;
			if (p[0].revents & (POLLERR | POLLHUP | POLLRDHUP))
				return -1;
			if (vm_conn_flush(&x->conn))
				return -1;
		}
		text += part;
		len -= part;
	}
	return 0;
}

static int send_request(struct vm_exec *x, char **argv)
{
	struct vmexec_start start = { .flags = x->tty ? VMEXEC_TTY : 0 };

	for (; argv[start.argc]; start.argc++)
		if (send_arg_bytes(x, argv[start.argc], strlen(argv[start.argc]) + 1))
			return -1;
	if (x->tty)
		vm_tty_size(&start.rows, &start.cols);
	if (put(x, VMEXEC_START, 0, &start, sizeof(start)))
		return -1;
	return vm_conn_flush(&x->conn);
}

static void set_over(struct vm_exec *x, int status)
{
	x->over = true;
	x->status = status;
}

static void fail(struct vm_exec *x, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct vm_exec *x, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(x->why.text, sizeof(x->why.text), fmt, ap);
	va_end(ap);
	set_over(x, VM_EXIT_FAILED);
}

static void take_exit(struct vm_exec *x, const struct vm_frame *f)
{
	struct vmexec_exit e;

	if (f->head.length < sizeof(e)) {
		fail(x, "VM '%s': its agent broke the protocol.", x->vm.name);
		return;
	}
	memcpy(&e, f->payload, sizeof(e));
	switch (e.kind) {
	case VMEXEC_EXITED:
		set_over(x, e.value & 0xff);
		return;
	case VMEXEC_SIGNALED:
		set_over(x, 128 + (e.value & 0x7f));
		return;
	case VMEXEC_NOT_STARTED:
		fail(x, "VM '%s' cannot run '%.200s': %s.", x->vm.name, x->command,
		     strerror(e.value));
		x->status = e.value == ENOENT ? VM_EXIT_NO_CMD : VM_EXIT_NOT_EXEC;
		return;
	}
	fail(x, "VM '%s': its agent reports an end of unknown kind %u.", x->vm.name, e.kind);
}

static bool take_credit(struct vm_exec *x, const struct vm_frame *f)
{
	uint32_t credit;

	if (f->head.length < sizeof(credit))
		return false;
	memcpy(&credit, f->payload, sizeof(credit));
	if (f->head.stream || credit > VMEXEC_WINDOW - x->in.credit)
		return false;
	x->in.credit += credit;
	return true;
}

static bool take_frame(struct vm_exec *x, const struct vm_frame *f)
{
	x->answer_by = 0;
	switch (f->head.type) {
	case VMEXEC_PING:
		return true;
	case VMEXEC_DATA:
		return f->head.stream >= 1 && f->head.stream < VMEXEC_STREAMS &&
		       !vm_sink_push(&x->out[f->head.stream], f->payload, f->head.length);
	case VMEXEC_CREDIT:
		return take_credit(x, f);
	case VMEXEC_CLOSED:
		x->in.fd = -1;
		return true;
	case VMEXEC_EXIT:
		take_exit(x, f);
		return true;
	case VMEXEC_ERROR:
		fail(x, "VM '%s': %.*s.", x->vm.name, (int)f->head.length,
		     (const char *)f->payload);
		return true;
	}
	return false;
}

/* The connection broke before the command's end: say what became of the VM. */
static void take_end(struct vm_exec *x, int error)
{
	struct vm now;

	/* QEMU's death breaks the connection a moment before its pid file's lock goes. */
	usleep(50000);
	vm_look(x->conf, x->vm.name, &now);
	if (now.life != VM_ALIVE || now.pid != x->vm.pid)
		fail(x, "VM '%s' ended while '%.200s' ran in it.", x->vm.name, x->command);
	else
		fail(x, "VM '%s' was reset, or its agent ended, while '%.200s' ran in it (%s).",
		     x->vm.name, x->command, error ? strerror(error) : "end of connection");
}

static void take_input(struct vm_exec *x)
{
	struct vm_frame f;
	int more, got;

	do {
		more = vm_conn_fill(&x->conn);
		if (more < 0)
			x->error = errno;
		while (!x->over && (got = vm_conn_next(&x->conn, &f)) != 0) {
			if (got < 0 || !take_frame(x, &f))
				fail(x, "VM '%s': its agent broke the protocol.", x->vm.name);
		}
	} while (more > 0 && !x->over);
	if (more < 0 && !x->over)
		take_end(x, x->error);
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* A VM that hangs delivers no signal: who wants the end must get it all the same. */
static void pass_signal(struct vm_exec *x, uint32_t sig)
{
	put(x, VMEXEC_SIGNAL, 0, &sig, sizeof(sig));
	if (sig == SIGUSR1 || sig == SIGUSR2 || x->answer_by)
		return;
	put(x, VMEXEC_PING, 0, NULL, 0);
	x->answer_by = now_ms() + ANSWER_MS;
}

static void check_answer(struct vm_exec *x)
{
	if (!x->over && x->answer_by && now_ms() >= x->answer_by)
		fail(x,
		     "VM '%s' answers nothing since a signal that should end '%.200s' in it: given "
		     "up; "
		     "the VM hangs or is paused (see `xo vm ls`, `xo vm kill %s`).",
		     x->vm.name, x->command, x->vm.name);
}

static void take_signals(struct vm_exec *x)
{
	struct signalfd_siginfo info;

	while (read(x->sigfd, &info, sizeof(info)) == sizeof(info)) {
		struct vmexec_size size;

		if (info.ssi_signo != SIGWINCH) {
			pass_signal(x, info.ssi_signo);
		} else if (x->tty) {
			vm_tty_size(&size.rows, &size.cols);
			put(x, VMEXEC_RESIZE, 0, &size, sizeof(size));
		}
	}
}

static void take_watch(struct vm_exec *x)
{
	char buf[4096] __attribute__((aligned(8)));
	ssize_t n = read(x->watchfd, buf, sizeof(buf));

	for (ssize_t off = 0; n > 0 && off < n;) {
		const struct inotify_event *e = (const void *)(buf + off);

		off += sizeof(*e) + e->len;
		if (e->mask & IN_DELETE_SELF)
			fail(x, "VM '%s' ended while '%.200s' ran in it.", x->vm.name, x->command);
		else if (e->len && !strcmp(e->name, "resets"))
			fail(x, "VM '%s' was reset while '%.200s' ran in it.", x->vm.name,
			     x->command);
	}
}

static void take_stdin(struct vm_exec *x)
{
	if (vm_source_read(&x->in, &x->conn, 0, SIZE_MAX) == 0)
		put(x, VMEXEC_EOF, 0, NULL, 0);
}

static void pump(struct vm_exec *x)
{
	struct pollfd p[] = {
		{ .fd = x->conn.fd, .events = POLLIN | (vm_conn_pending(&x->conn) ? POLLOUT : 0) },
		{ .fd = x->sigfd, .events = POLLIN },
		{ .fd = x->watchfd, .events = POLLIN },
		{ .fd = vm_source_ready(&x->in, &x->conn) ? x->in.fd : -1, .events = POLLIN },
		{ .fd = vm_sink_busy(&x->out[1]) ? 1 : -1, .events = POLLOUT },
		{ .fd = vm_sink_busy(&x->out[2]) ? 2 : -1, .events = POLLOUT },
	};
	int n = poll(p, 6, x->answer_by ? ANSWER_MS / 5 : PING_MS);

	if (n == 0)
		put(x, VMEXEC_PING, 0, NULL, 0);
	if (n > 0) {
		if (p[1].revents)
			take_signals(x);
		if (p[3].revents)
			take_stdin(x);
		for (int i = 1; i < VMEXEC_STREAMS; i++)
			if (p[3 + i].revents)
				vm_sink_write(&x->out[i]);
		if (p[0].revents & ~POLLOUT)
			take_input(x);
		if (!x->over && p[2].revents)
			take_watch(x);
	}
	for (int i = 1; i < VMEXEC_STREAMS; i++)
		vm_sink_report(&x->out[i], &x->conn, i);
	/* Frames that the agent sent before it closed are still to be read: let take_input() see.
	 */
	vm_conn_flush(&x->conn);
	check_answer(x);
}

/* What the command wrote before its end still has to reach our stdout and stderr. */
static void drain(struct vm_exec *x)
{
	for (int i = 1; i < VMEXEC_STREAMS; i++) {
		while (vm_sink_busy(&x->out[i])) {
			struct pollfd p = { .fd = i, .events = POLLOUT };

			if (poll(&p, 1, -1) < 0 && errno != EINTR)
				return;
			vm_sink_write(&x->out[i]);
		}
	}
}

/* A full disk must not look like success; a reader that left is the command's own affair. */
static void check_written(struct vm_exec *x)
{
	for (int i = 1; i < VMEXEC_STREAMS; i++)
		if (x->out[i].broken && x->out[i].error != EPIPE)
			fail(x, "Cannot pass on the %s of '%.200s' in VM '%s': %s.",
			     i == 1 ? "output" : "error output", x->command, x->vm.name,
			     strerror(x->out[i].error));
}

static int run(struct vm_exec *x, const char *name, char **argv)
{
	fill_standard_fds();
	x->command = argv[0];
	if (vm_look_alive(x->conf, name, &x->vm, &x->why))
		return VM_EXIT_FAILED;
	x->watchfd = watch_vm(&x->vm);
	if (vm_connect(x->conf, &x->vm, CONNECT_MS, &x->conn, &x->why))
		return VM_EXIT_FAILED;
	/* Up to here a signal simply ends us. */
	x->sigfd = open_signals(&x->why);
	if (x->sigfd < 0)
		return VM_EXIT_FAILED;
	x->in = (struct vm_source){ .fd = 0, .credit = VMEXEC_WINDOW };
	for (int i = 1; i < VMEXEC_STREAMS; i++)
		vm_sink_init(&x->out[i], i, max_write(i));
	/* Nothing may run in the VM if its terminal cannot be shown here. */
	if (x->tty && vm_tty_raw(&x->why))
		return VM_EXIT_FAILED;
	/* A refusal ends the sending early; the sentence is then in our buffer. */
	send_request(x, argv);
	while (!x->over)
		pump(x);
	drain(x);
	check_written(x);
	vm_tty_restore();
	close(x->conn.fd);
	return x->status;
}

int vm_cmd_exec(const struct vm_conf *conf, int argc, char **argv)
{
	static const struct option options[] = {
		{ "help", no_argument, NULL, 'h' },
		{ "tty", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	struct vm_exec *x = &exec;
	bool dashes;
	int c, status;

	optind = 0;
	while ((c = getopt_long(argc, argv, "+ht", options, NULL)) != -1) {
		if (c == 'h')
			return fputs(usage, stdout) < 0;
		if (c != 't')
			goto bad; /* getopt_long() said what is wrong */
		x->tty = true;
	}
	/* NAME [--] CMD: what follows NAME is the command's, options and all. */
	dashes = optind > 1 && !strcmp(argv[optind - 1], "--");
	argc -= optind;
	argv += optind;
	if (argc < 1 + dashes) {
		vm_fail(&x->why, "The VM's NAME is missing.");
		goto say;
	}
	c = argc > 1 && !strcmp(argv[1], "--") ? 2 : 1;
	if (argc <= c) {
		vm_fail(&x->why, "The CMD to run in VM '%.60s' is missing.", argv[0]);
		goto say;
	}
	x->conf = conf;
	status = run(x, argv[0], argv + c);
	if (*x->why.text)
		vm_report("exec", &x->why, status);
	return status;
say:
	vm_report("exec", &x->why, VM_EXIT_FAILED);
bad:
	fputs(usage, stderr);
	return VM_EXIT_FAILED;
}
