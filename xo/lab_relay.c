// SPDX-License-Identifier: GPL-2.0
/* The loop of a run: what the machine sends goes to the user, what the user types goes to it. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "../lab/channel.h"
#include "lab.h"

#define LEAVE_KEY 0x1d /* Ctrl-] */
#define TAIL	  4000 /* bytes of the host's kernel log shown when a run fails */

struct vm_log {
	char name[LAB_VM_NAME + 1];
	struct lab_scan scan;
	FILE *file;
	struct vm_log *next;
};

struct relay {
	const struct lab_folders *folders;
	const struct lab_options *options;
	const struct lab_key *key;
	struct lab_machine *machine;
	struct lab_scan host;
	struct vm_log *vms;
	FILE *kernel_log;
	FILE *report; /* what the scans found */
	char *report_text;
	size_t report_size;
	double deadline;
	unsigned int stale; /* uses that the TLB model reported */
	bool script_runs;
	bool first_output;
	bool input_open;
	bool raw;
	struct termios terminal;
	int status; /* -1 while the run goes on */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void lab_say(const char *format, ...)
{
	static double start;
	va_list ap;

	if (start == 0)
		start = now();
	fprintf(stderr, "lab: %6.2f s  ", now() - start);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	/* The terminal may be raw. */
	fputs("\r\n" + !isatty(2), stderr);
	fflush(stderr);
}

static void end(struct relay *r, int status)
{
	if (r->status < 0)
		r->status = status;
}

static void write_all(struct relay *r, int fd, const void *data, size_t size)
{
	const char *bytes = data;

	while (size) {
		ssize_t n = write(fd, bytes, size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			lab_say("the script's output cannot be written: %s", strerror(errno));
			return end(r, LAB_EXIT_FAILED);
		}
		bytes += n;
		size -= (size_t)n;
	}
}

static void show_file_tail(const char *what, const char *folder, const char *name)
{
	char path[PATH_MAX], *text, *from;
	struct lab_error ignored;
	size_t size;

	lab_path(path, "%s/%s", folder, name);
	text = lab_read_file(path, &size, &ignored);
	if (!text || !size) {
		free(text);
		return;
	}
	from = size > TAIL ? text + size - TAIL : text;
	fprintf(stderr, "lab: end of %s (%s):\n", what, name);
	fwrite(from, 1, size - (size_t)(from - text), stderr);
	fputs("\n", stderr);
	free(text);
}

static void show_tails(struct relay *r)
{
	fflush(r->kernel_log);
	show_file_tail("the emulated host's kernel log", r->folders->run, "kernel.log");
	if (!r->script_runs)
		show_file_tail("the emulated host's serial port", r->folders->run, "serial.txt");
}

static struct vm_log *find_vm_log(struct relay *r, const char *name, size_t size)
{
	char path[PATH_MAX];
	struct vm_log *v;

	for (v = r->vms; v; v = v->next) {
		if (strlen(v->name) == size && !memcmp(v->name, name, size))
			return v;
	}
	if (size < 1 || size > LAB_VM_NAME || memchr(name, '/', size) || name[0] == '.')
		return NULL;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	memcpy(v->name, name, size);
	v->scan.whose = v->name;
	v->scan.report = r->report;
	lab_path(path, "%s/vm-%s.log", r->folders->run, v->name);
	v->file = fopen(path, "we");
	v->next = r->vms;
	r->vms = v;
	return v;
}

static void take_vm_log(struct relay *r, const char *data, size_t size)
{
	const char *line_end = memchr(data, '\n', size);
	struct vm_log *v = line_end ? find_vm_log(r, data, (size_t)(line_end - data)) : NULL;

	if (!v)
		return;
	size -= (size_t)(line_end + 1 - data);
	lab_scan_bytes(&v->scan, line_end + 1, size);
	if (v->file)
		fwrite(line_end + 1, 1, size, v->file);
}

static unsigned int kernels_in_trouble(struct relay *r)
{
	unsigned int found;

	lab_scan_end(&r->host);
	found = r->host.found;
	for (struct vm_log *v = r->vms; v; v = v->next) {
		lab_scan_end(&v->scan);
		found += v->scan.found;
	}
	return found;
}

static void take_saved(struct relay *r)
{
	struct lab_error err;

	if (kernels_in_trouble(r)) {
		lab_say("a kernel is in trouble already: no snapshot is kept");
		return end(r, LAB_EXIT_FAILED);
	}
	if (lab_snapshot_keep(r->machine, r->key, &err)) {
		lab_say("%s", err.text);
		return end(r, LAB_EXIT_FAILED);
	}
	lab_say("snapshot kept: the next run like this one resumes from it");
}

static void make_raw(struct relay *r)
{
	struct termios raw;

	if (tcgetattr(0, &r->terminal))
		return;
	raw = r->terminal;
	cfmakeraw(&raw);
	r->raw = !tcsetattr(0, TCSANOW, &raw);
}

static void send_input(struct relay *r, uint32_t type, const void *data, size_t size)
{
	struct lab_message message = { .type = type };

	memcpy(message.data, data, size);
	send(r->machine->sock, &message, LAB_MESSAGE_HEAD + size, MSG_NOSIGNAL);
}

static void send_window(struct relay *r)
{
	struct winsize w;
	uint16_t size[2];

	if (r->options->script || !r->script_runs || ioctl(0, TIOCGWINSZ, &w))
		return;
	size[0] = w.ws_row;
	size[1] = w.ws_col;
	send_input(r, LAB_WINDOW, size, sizeof(size));
}

static void take_script_start(struct relay *r)
{
	lab_say("%s", r->options->script ? "script starts" : "shell starts; Ctrl-] leaves the lab");
	r->script_runs = true;
	if (r->options->script) {
		r->deadline = now() + r->options->timeout;
		return;
	}
	r->deadline = 0;
	r->input_open = true;
	make_raw(r);
	send_window(r);
}

/* The snapshot's files were read or mapped: who waits for the lock may go on. */
static void release_snapshot(struct lab_machine *m)
{
	if (!m->resumed || m->snapshot_lock < 0)
		return;
	close(m->snapshot_lock);
	m->snapshot_lock = -1;
}

static void take_output(struct relay *r, const struct lab_message *message, size_t size)
{
	if (!r->first_output && r->options->script)
		lab_say("first output of the script");
	r->first_output = true;
	write_all(r, message->type == LAB_STDOUT ? 1 : 2, message->data, size);
}

static void take_message(struct relay *r, const struct lab_message *message, size_t size)
{
	const char *text = (const char *)message->data;

	switch (message->type) {
	case LAB_STDOUT:
	case LAB_STDERR:
		return take_output(r, message, size);
	case LAB_PROGRESS:
		release_snapshot(r->machine);
		return lab_say("%.*s", (int)size, text);
	case LAB_VMLOG:
		return take_vm_log(r, text, size);
	case LAB_SCRIPT:
		return take_script_start(r);
	case LAB_CONSOLE:
		fwrite(text, 1, size, r->kernel_log);
		fflush(r->kernel_log);
		return lab_scan_bytes(&r->host, text, size);
	case LAB_SAVED:
		return take_saved(r);
	case LAB_READY:
		return lab_say("%.*s; crossover-ucode.so preloaded", (int)size, text);
	case LAB_STALE:
		r->stale++;
		return lab_say("%.*s", (int)size, text);
	case LAB_NOTE:
		return lab_say("%.*s", (int)size, text);
	case LAB_ENDED:
		return end(r, (int)(message->arg & 0xff));
	case LAB_FAILED:
		lab_say("%.*s", (int)size, text);
		return end(r, LAB_EXIT_FAILED);
	}
}

static void read_machine(struct relay *r)
{
	struct lab_message message;
	ssize_t n = recv(r->machine->sock, &message, sizeof(message), 0);

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n >= LAB_MESSAGE_HEAD)
		return take_message(r, &message, (size_t)n - LAB_MESSAGE_HEAD);
	lab_say("Bochs ended before the script did: the machine switched itself off, or Bochs "
		"failed");
	show_file_tail("Bochs's own words", r->folders->run, "bochs.out");
	end(r, LAB_EXIT_FAILED);
}

static void read_user(struct relay *r)
{
	char text[1024], *leave;
	ssize_t n = read(0, text, sizeof(text));

	if (n < 0 && errno == EINTR)
		return;
	if (n <= 0) {
		r->input_open = false;
		lab_say("the terminal is gone");
		return end(r, LAB_EXIT_SIGNAL + SIGHUP);
	}
	leave = r->raw ? memchr(text, LEAVE_KEY, (size_t)n) : NULL;
	if (leave)
		return end(r, 0);
	send_input(r, LAB_TYPED, text, (size_t)n);
}

static void read_signal(struct relay *r, int fd)
{
	struct signalfd_siginfo info;

	if (read(fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH)
		return send_window(r);
	lab_say("ended by signal %u", info.ssi_signo);
	end(r, LAB_EXIT_SIGNAL + (int)info.ssi_signo);
}

/* s until the script has to run */
static unsigned int start_limit(const struct relay *r)
{
	if (r->options->start_limit)
		return r->options->start_limit;
	return r->machine->resumed ? LAB_RESUME_LIMIT : LAB_COLD_LIMIT;
}

static void check_deadline(struct relay *r)
{
	if (r->deadline == 0 || now() < r->deadline)
		return;
	if (r->script_runs) {
		lab_say("timeout: the script did not end within %u s", r->options->timeout);
		end(r, LAB_EXIT_TIMEOUT);
	} else {
		lab_say("the machine did not get as far as the script within %u s", start_limit(r));
		end(r, LAB_EXIT_FAILED);
	}
	show_tails(r);
}

static void loop(struct relay *r, int signals)
{
	struct pollfd fds[3] = { { .fd = r->machine->sock, .events = POLLIN },
				 { .fd = signals, .events = POLLIN },
				 { .fd = 0, .events = POLLIN } };

	while (r->status < 0) {
		fds[2].fd = r->input_open ? 0 : -1;
		if (poll(fds, 3, 500) < 0 && errno != EINTR)
			break;
		check_deadline(r);
		if (fds[1].revents)
			read_signal(r, signals);
		if (fds[0].revents && r->status < 0)
			read_machine(r);
		if (fds[2].revents && r->input_open)
			read_user(r);
	}
}

static int begin(struct relay *r)
{
	char path[PATH_MAX];
	sigset_t set;

	lab_path(path, "%s/kernel.log", r->folders->run);
	r->kernel_log = fopen(path, "we");
	r->report = open_memstream(&r->report_text, &r->report_size);
	if (!r->kernel_log || !r->report)
		return -1;
	r->host.whose = "host";
	r->host.report = r->report;
	r->deadline = now() + start_limit(r);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGWINCH);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What the kernels and the TLB model said decides over what the script said. */
static int judge(struct relay *r)
{
	unsigned int found = kernels_in_trouble(r);

	fflush(r->report);
	if (!found && !r->stale)
		return r->status;
	fwrite(r->report_text, 1, r->report_size, stderr);
	if (found)
		lab_say("%u line%s of kernel logs mean trouble (above): the run fails", found,
			found == 1 ? "" : "s");
	if (r->stale)
		lab_say("stale translations were used (%u told above): the run fails", r->stale);
	return r->status == LAB_EXIT_TIMEOUT ? LAB_EXIT_TIMEOUT : LAB_EXIT_FAILED;
}

static void finish(struct relay *r, int signals)
{
	struct vm_log *v;

	if (r->raw)
		tcsetattr(0, TCSADRAIN, &r->terminal);
	if (r->report)
		fclose(r->report);
	free(r->report_text);
	if (r->kernel_log)
		fclose(r->kernel_log);
	while ((v = r->vms)) {
		r->vms = v->next;
		if (v->file)
			fclose(v->file);
		free(v);
	}
	if (signals >= 0)
		close(signals);
}

int lab_relay(const struct lab_folders *f, const struct lab_options *o, const struct lab_key *key,
	      struct lab_machine *m)
{
	struct relay r = { .folders = f, .options = o, .key = key, .machine = m, .status = -1 };
	int signals = begin(&r), status = LAB_EXIT_FAILED;

	if (signals < 0) {
		lab_say("the run's logs cannot be opened: %s", strerror(errno));
	} else {
		loop(&r, signals);
		if (r.raw)
			tcsetattr(0, TCSADRAIN, &r.terminal);
		r.raw = false;
		status = judge(&r);
		if (r.status == LAB_EXIT_FAILED)
			show_tails(&r);
	}
	finish(&r, signals);
	return status;
}
