// SPDX-License-Identifier: GPL-2.0
/* One connection: the request, the running command's streams and signals, its exit. */
#include "vmagent.h"
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* After its client has gone, a command has this long between SIGHUP and SIGKILL. */
#define HANGUP_GRACE_MS 5000
/* How long a client that does not close may keep the last frame's connection. */
#define LINGER_MS	10000

/* How far a session may read a stream: all of it, or only what was there at exit. */
#define UNLIMITED	SIZE_MAX
/* More than a terminal can hold; a bound should a process open it anew after the command's end. */
#define TERMINAL_HOLDS	65536

struct session {
	struct vm_conn conn;
	struct vm_request req;
	struct vm_child child;
	struct vm_sink in;
	struct vm_source out[VMEXEC_STREAMS]; /* 1 and 2 */
	size_t left[VMEXEC_STREAMS];	      /* bytes still to pass on */
	int sigfd;
	bool local; /* not in a VM: never power off */
	bool exited;
	struct vmexec_exit exit;
};

/* Static, so that untouched pages of the windows cost nothing in each session. */
static struct session session;

static void conn_wait(struct vm_conn *c, short events)
{
	struct pollfd p = { .fd = c->fd, .events = events };

	poll(&p, 1, LINGER_MS);
}

/* Sends what is queued and lets the client close first, so that nothing is lost by our close. */
static _Noreturn void session_end(struct session *s)
{
	struct pollfd p = { .fd = s->conn.fd, .events = POLLIN };
	char drop[512];

	while (vm_conn_pending(&s->conn) && !vm_conn_flush(&s->conn) && vm_conn_pending(&s->conn))
		conn_wait(&s->conn, POLLOUT);
	shutdown(s->conn.fd, SHUT_WR);
	while (poll(&p, 1, LINGER_MS) > 0)
		if (recv(s->conn.fd, drop, sizeof(drop), MSG_DONTWAIT) <= 0)
			break;
	_exit(0);
}

static void refuse(struct vm_conn *c, const char *why)
{
	vm_conn_put(c, VMEXEC_ERROR, 0, why, strlen(why));
}

void vm_session_refuse(int fd, const char *why)
{
	vm_conn_init(&session.conn, fd);
	refuse(&session.conn, why);
	vm_conn_flush(&session.conn);
}

static _Noreturn void session_fail(struct session *s, const char *why)
{
	refuse(&s->conn, why);
	session_end(s);
}

/* The client vanished: hang up as a terminal would, then make sure. */
static _Noreturn void session_hangup(struct session *s)
{
	struct pollfd p = { .fd = s->sigfd, .events = POLLIN };

	if (s->exited || !s->child.pid)
		_exit(0);
	kill(-s->child.pid, SIGHUP);
	kill(-s->child.pid, SIGCONT);
	close(s->in.fd);
	if (poll(&p, 1, HANGUP_GRACE_MS) <= 0 || waitpid(s->child.pid, NULL, WNOHANG) == 0)
		kill(-s->child.pid, SIGKILL);
	_exit(0);
}

static struct vm_frame next_frame(struct session *s)
{
	struct vm_frame f;

	for (;;) {
		int got = vm_conn_next(&s->conn, &f);

		if (got > 0)
			return f;
		if (got < 0)
			session_fail(s, "The client sent a frame that is too long");
		conn_wait(&s->conn, POLLIN);
		if (vm_conn_fill(&s->conn) < 0)
			_exit(0);
	}
}

static void greet(struct session *s)
{
	struct vmexec_hello ours = { .magic = VMEXEC_MAGIC, .version = VMEXEC_VERSION };
	struct vmexec_hello theirs;
	struct vm_frame f = next_frame(s);

	if (f.head.type != VMEXEC_HELLO || f.head.length < sizeof(theirs))
		session_fail(s, "The client does not speak the agent's protocol");
	memcpy(&theirs, f.payload, sizeof(theirs));
	vm_conn_put(&s->conn, VMEXEC_HELLO, 0, &ours, sizeof(ours));
	if (theirs.magic != VMEXEC_MAGIC || theirs.version != VMEXEC_VERSION)
		session_fail(s, "The agent in the VM and xo are of different versions; "
				"start the VM again with the system image that belongs to this xo");
	vm_conn_flush(&s->conn);
}

static void add_args(struct session *s, const struct vm_frame *f)
{
	struct vm_request *r = &s->req;
	char *grown;

	if (r->args_len + f->head.length > VMEXEC_MAX_ARGS)
		session_fail(s, "The command's arguments are longer than Linux can take (2 MiB)");
	grown = realloc(r->args, r->args_len + f->head.length + 1);
	if (!grown)
		session_fail(s, "The VM has no memory left for the command's arguments");
	memcpy(grown + r->args_len, f->payload, f->head.length);
	r->args = grown;
	r->args_len += f->head.length;
}

static bool args_are_whole(const struct vm_request *r)
{
	uint32_t count = 0;

	for (size_t i = 0; i < r->args_len; i++)
		count += r->args[i] == '\0';
	return count && count == r->start.argc && r->args[r->args_len - 1] == '\0';
}

static void read_request(struct session *s)
{
	for (;;) {
		struct vm_frame f = next_frame(s);

		switch (f.head.type) {
		case VMEXEC_ARG:
			add_args(s, &f);
			continue;
		case VMEXEC_POWEROFF:
			if (s->local)
				session_fail(s, "This agent serves a local socket, not a VM; it "
						"does not power machines off");
			sync();
			reboot(RB_POWER_OFF);
			session_fail(s, "The VM's kernel refused to power off");
		case VMEXEC_START:
			if (f.head.length < sizeof(s->req.start))
				break;
			memcpy(&s->req.start, f.payload, sizeof(s->req.start));
			if (args_are_whole(&s->req))
				return;
			break;
		}
		session_fail(s, "The client sent a request that is not whole");
	}
}

static int open_sigfd(void)
{
	sigset_t set;

	/* The parent ignores SIGCHLD; here the exit status is wanted. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void start_command(struct session *s)
{
	bool exec_failed;
	int error;

	s->sigfd = open_sigfd();
	if (s->sigfd < 0)
		session_fail(s, "The VM has no descriptor left for a command");
	error = vm_child_start(&s->req, &s->child, &exec_failed);
	if (error && !exec_failed)
		session_fail(s, strerror(error));
	if (error) {
		s->exit = (struct vmexec_exit){ VMEXEC_NOT_STARTED, error };
		vm_conn_put(&s->conn, VMEXEC_EXIT, 0, &s->exit, sizeof(s->exit));
		session_end(s);
	}
	vm_sink_init(&s->in, s->child.in, VMEXEC_WINDOW);
	for (int i = 1; i < VMEXEC_STREAMS; i++) {
		s->out[i].fd = i == 1 ? s->child.out : s->child.err;
		s->out[i].credit = VMEXEC_WINDOW;
		s->left[i] = UNLIMITED;
	}
}

static void forward_signal(struct session *s, const struct vm_frame *f)
{
	uint32_t sig;

	memcpy(&sig, f->payload, sizeof(sig));
	if (sig > 0 && sig < NSIG && !s->exited)
		kill(-s->child.pid, sig);
}

static void resize(struct session *s, const struct vm_frame *f)
{
	struct vmexec_size size;

	memcpy(&size, f->payload, sizeof(size));
	if ((s->req.start.flags & VMEXEC_TTY) && s->child.in >= 0 && s->in.fd >= 0)
		vm_child_resize(&s->child, size.rows, size.cols);
}

static int take_credit(struct session *s, const struct vm_frame *f)
{
	struct vm_source *src;
	uint32_t credit;

	if (f->head.stream < 1 || f->head.stream >= VMEXEC_STREAMS)
		return -1;
	src = &s->out[f->head.stream];
	memcpy(&credit, f->payload, sizeof(credit));
	if (credit > VMEXEC_WINDOW - src->credit)
		return -1;
	src->credit += credit;
	return 0;
}

/* Nobody reads this stream: close it, so that the command gets SIGPIPE as it would locally. */
static int close_stream(struct session *s, const struct vm_frame *f)
{
	struct vm_source *src;

	if (f->head.stream < 1 || f->head.stream >= VMEXEC_STREAMS)
		return -1;
	src = &s->out[f->head.stream];
	if (src->fd >= 0)
		close(src->fd);
	src->fd = -1;
	return 0;
}

static int take_frame(struct session *s, const struct vm_frame *f)
{
	switch (f->head.type) {
	case VMEXEC_DATA:
		return f->head.stream ? -1 : vm_sink_push(&s->in, f->payload, f->head.length);
	case VMEXEC_EOF:
		/* Closing our end of a terminal ends nothing; its end-of-file key does. */
		if (s->req.start.flags & VMEXEC_TTY)
			return vm_sink_push(&s->in, (const uint8_t *)"\4", 1);
		s->in.eof = true;
		return 0;
	case VMEXEC_SIGNAL:
		if (f->head.length < sizeof(uint32_t))
			return -1;
		forward_signal(s, f);
		return 0;
	case VMEXEC_CREDIT:
		return f->head.length < sizeof(uint32_t) ? -1 : take_credit(s, f);
	case VMEXEC_CLOSED:
		return close_stream(s, f);
	case VMEXEC_RESIZE:
		if (f->head.length < sizeof(struct vmexec_size))
			return -1;
		resize(s, f);
		return 0;
	case VMEXEC_PING:
		/* If it does not fit, what fills the buffer answers as well. */
		vm_conn_put(&s->conn, VMEXEC_PING, 0, NULL, 0);
		return 0;
	}
	return -1;
}

static void take_input(struct session *s)
{
	struct vm_frame f;
	int more, got;

	do {
		more = vm_conn_fill(&s->conn);
		while ((got = vm_conn_next(&s->conn, &f)) > 0) {
			if (take_frame(s, &f)) {
				kill(-s->child.pid, SIGKILL);
				session_fail(s, "The client broke the agent's protocol; "
						"the command was killed");
			}
		}
	} while (more > 0 && got == 0);
	if (more < 0 || got < 0)
		session_hangup(s);
}

/*
 * The command is over: pass on what its pipes hold now and no more. A background process that
 * it left behind may keep them open for ever.
 */
static void take_exit(struct session *s)
{
	struct signalfd_siginfo info;
	int status, there;

	while (read(s->sigfd, &info, sizeof(info)) > 0)
		;
	if (s->exited || waitpid(s->child.pid, &status, WNOHANG) != s->child.pid)
		return;
	s->exited = true;
	if (WIFSIGNALED(status))
		s->exit = (struct vmexec_exit){ VMEXEC_SIGNALED, WTERMSIG(status) };
	else
		s->exit = (struct vmexec_exit){ VMEXEC_EXITED, WEXITSTATUS(status) };
	/*
	 * The kernel hung the terminal up when its session leader ended, so nobody can write to it
	 * any more, but not all of what it holds is counted yet: pump() reads until it is empty.
	 */
	if (s->req.start.flags & VMEXEC_TTY) {
		s->left[1] = TERMINAL_HOLDS;
		return;
	}
	for (int i = 1; i < VMEXEC_STREAMS; i++)
		s->left[i] =
			s->out[i].fd >= 0 && !ioctl(s->out[i].fd, FIONREAD, &there) ? there : 0;
}

static void pass_output(struct session *s, int i)
{
	long n = vm_source_read(&s->out[i], &s->conn, i, s->left[i]);

	if (s->left[i] == UNLIMITED)
		return;
	if (n > 0)
		s->left[i] -= n;
	else
		s->left[i] = 0;
}

static bool is_over(const struct session *s)
{
	return s->exited && (s->out[1].fd < 0 || !s->left[1]) && (s->out[2].fd < 0 || !s->left[2]);
}

static bool may_read(const struct session *s, int i)
{
	return s->left[i] && vm_source_ready(&s->out[i], &s->conn);
}

static void pump(struct session *s)
{
	/* After the exit nothing is waited for but room: a terminal that is empty is at its end. */
	bool drain = s->exited && (may_read(s, 1) || may_read(s, 2));
	struct pollfd p[] = {
		{ .fd = s->conn.fd, .events = POLLIN | (vm_conn_pending(&s->conn) ? POLLOUT : 0) },
		{ .fd = s->sigfd, .events = POLLIN },
		{ .fd = vm_sink_busy(&s->in) ? s->in.fd : -1, .events = POLLOUT },
		{ .fd = may_read(s, 1) ? s->out[1].fd : -1, .events = POLLIN },
		{ .fd = may_read(s, 2) ? s->out[2].fd : -1, .events = POLLIN },
	};

	if (poll(p, 5, drain ? 0 : -1) < 0)
		return;
	/* Output before the exit: what was written first must be counted first. */
	for (int i = 1; i < VMEXEC_STREAMS; i++)
		if (p[2 + i].revents || (drain && p[2 + i].fd >= 0))
			pass_output(s, i);
	if (p[1].revents)
		take_exit(s);
	if (p[2].revents)
		vm_sink_write(&s->in);
	if (p[0].revents & ~POLLOUT)
		take_input(s);
	if (vm_sink_report(&s->in, &s->conn, 0) || vm_conn_flush(&s->conn))
		session_hangup(s);
}

_Noreturn void vm_session(int fd, bool local)
{
	struct session *s = &session;

	s->local = local;
	vm_conn_init(&s->conn, fd);
	greet(s);
	read_request(s);
	start_command(s);
	while (!is_over(s))
		pump(s);
	if (vm_conn_put(&s->conn, VMEXEC_EXIT, 0, &s->exit, sizeof(s->exit)))
		_exit(1);
	session_end(s);
}
