// SPDX-License-Identifier: GPL-2.0
/*
 * What a system call of another VM costs, in the events that the emulator counts
 * (crossover/mark.h).
 *
 *	bench_syscalls run NAME N M		M single ones of each operation, then N in a row;
 *						NAME is told in the rows. The program knows nothing
 *						of engines: `xo sh` routes it, or nobody does
 *	bench_syscalls long NAME N		getppid N times, each looked at: what its exits were
 *	bench_syscalls parts NAME N		N of each single call, where the guest modules are
 *built for measuring: what the crossing took, and the callee bench_syscalls hold run|long|parts ...
 *and then says @done, and waits to be killed: what the host counts of its session is there until
 *then bench_syscalls serve vsock|tcp		does the operations for who connects, until SIGTERM
 *	bench_syscalls vsock CID N M		the same by remote calls
 *	bench_syscalls tcp N M			the same, from within the server's VM
 *
 * A row also tells what the operation answered, so that one can see whose kernel that was.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/vm_sockets.h>

#include "row.h"

#define FILE_NAME "/etc/vm-secret"
#define PORT	  7007

struct answer {
	int64_t value; /* what stays the same, however often it is asked; negative: failed */
	char bytes[64];
};

enum { GETPPID, PREAD, FSTAT, OPEN_READ_CLOSE, OPERATIONS };

static const char *const names[OPERATIONS] = { "getppid", "pread", "fstat", "open+read+close" };

static int file = -1; /* open, for those that want one */

__attribute__((noreturn)) static void die(const char *what)
{
	fprintf(stderr, "bench_syscalls: %s: %m\n", what);
	exit(1);
}

/* ------------------------------------------------------------------ the operations */

static int64_t open_read_close(struct answer *a)
{
	int fd = open(FILE_NAME, O_RDONLY);
	int64_t n;

	if (fd < 0)
		return -1;
	n = read(fd, a->bytes, sizeof(a->bytes));
	return close(fd) ? -1 : n;
}

static void do_here(unsigned int op, struct answer *a)
{
	struct stat st;

	switch (op) {
	case GETPPID:
		a->value = syscall(SYS_getppid);
		break;
	case PREAD:
		a->value = pread(file, a->bytes, sizeof(a->bytes), 0);
		break;
	case FSTAT:
		a->value = fstat(file, &st) ? -1 : (int64_t)st.st_ino;
		break;
	default:
		a->value = open_read_close(a);
		break;
	}
}

/* ------------------------------------------------------------------ a remote call of each */

static int peer = -1;

static void transfer(bool out, int fd, void *data, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = out ? send(fd, (char *)data + done, size - done, MSG_NOSIGNAL)
				: recv(fd, (char *)data + done, size - done, 0);

		if (n <= 0)
			die("the connection");
		done += (size_t)n;
	}
}

static void do_there(unsigned int op, struct answer *a)
{
	uint32_t request = op;

	transfer(true, peer, &request, sizeof(request));
	transfer(false, peer, a, sizeof(*a));
}

static void address(bool vsock, unsigned int cid, struct sockaddr_storage *at, socklen_t *size)
{
	struct sockaddr_vm *v = (struct sockaddr_vm *)at;
	struct sockaddr_in *t = (struct sockaddr_in *)at;

	memset(at, 0, sizeof(*at));
	*size = vsock ? sizeof(*v) : sizeof(*t);
	at->ss_family = vsock ? AF_VSOCK : AF_INET;
	if (vsock) {
		v->svm_cid = cid;
		v->svm_port = PORT;
	} else {
		t->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		t->sin_port = htons(PORT);
	}
}

static void no_delay(bool vsock, int fd)
{
	int yes = 1;

	if (!vsock && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)))
		die("TCP_NODELAY");
}

static void connect_to(bool vsock, unsigned int cid)
{
	struct sockaddr_storage at;
	socklen_t size;

	address(vsock, cid, &at, &size);
	peer = socket(at.ss_family, SOCK_STREAM, 0);
	if (peer < 0 || connect(peer, (struct sockaddr *)&at, size))
		die("connect");
	no_delay(vsock, peer);
}

static void serve_one(int fd)
{
	struct answer a = { 0 };
	uint32_t op;

	while (recv(fd, &op, sizeof(op), MSG_WAITALL) == sizeof(op) && op < OPERATIONS) {
		do_here(op, &a);
		transfer(true, fd, &a, sizeof(a));
	}
}

static void loopback_up(void)
{
	struct ifreq r = { .ifr_name = "lo" };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &r))
		die("the loopback interface");
	r.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &r))
		die("the loopback interface");
	close(fd);
}

static void serve(bool vsock)
{
	struct sockaddr_storage at;
	int yes = 1, fd, one_peer;
	socklen_t size;

	if (!vsock)
		loopback_up();
	address(vsock, VMADDR_CID_ANY, &at, &size);
	fd = socket(at.ss_family, SOCK_STREAM, 0);
	if (fd < 0 || (!vsock && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes))) ||
	    bind(fd, (struct sockaddr *)&at, size) || listen(fd, 1))
		die("listen");
	puts("ready");
	fflush(stdout);
	for (;;) {
		one_peer = accept(fd, NULL, NULL);
		if (one_peer < 0)
			die("accept");
		no_delay(vsock, one_peer);
		serve_one(one_peer);
		close(one_peer);
	}
}

/* ------------------------------------------------------------------ measuring */

static bool same(const struct answer *a, const struct answer *b)
{
	return a->value == b->value && !memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static void check(unsigned int op, const struct answer *first, const struct answer *now)
{
	if (now->value < 0 || !same(first, now)) {
		fprintf(stderr, "bench_syscalls: %s answered %ld, then %ld\n", names[op],
			(long)first->value, (long)now->value);
		exit(1);
	}
}

static void print_answer(const struct answer *a)
{
	printf("\tanswer=%ld ", (long)a->value);
	for (size_t i = 0; i < sizeof(a->bytes) && a->bytes[i] && a->bytes[i] != '\n'; i++)
		putchar(a->bytes[i]);
}

static void measure(const char *name, unsigned int op, void (*call)(unsigned int, struct answer *),
		    unsigned long n, unsigned long tries)
{
	struct answer first = { 0 }, now = { 0 };

	call(op, &first);
	check(op, &first, &first);
	best_begin();
	for (unsigned long i = 0; i < tries; i++) {
		xo_mark_begin(ONE);
		call(op, &now);
		xo_mark_end(ONE);
		check(op, &first, &now);
		best_take();
	}
	xo_mark_begin(MANY);
	for (unsigned long i = 0; i < n; i++) {
		call(op, &now);
		check(op, &first, &now);
	}
	xo_mark_end(MANY);
	xo_mark_read(MANY, &many);
	printf("@row\tengine=%s\tkind=%s", name, names[op]);
	print_best();
	printf("\town_instructions=%lu", best.own.instructions);
	print_exits("exit_", best.all.exit);
	print_many(n);
	print_answer(&first);
	putchar('\n');
}

/* ------------------------------------------------------------------ each of many, looked at */

#define EXIT_INTERRUPT	1
#define EXIT_WRMSR	32 /* of Linux's tick: the next timer is set */
#define EXIT_PREEMPTION 52

/* Calls by what exits the caller's vCPU had in them. */
struct kind_of_call {
	const char *name;
	uint64_t calls, instructions, vmfuncs_most, cr3_most, exit[XO_COUNT_EXITS];
};

enum { QUIET, TICKED, CAUSED, KINDS };

static struct kind_of_call seen[KINDS] = {
	[QUIET] = { .name = "quiet" },	 /* no exit at all */
	[TICKED] = { .name = "ticked" }, /* the host's tick or the guest's timer came, and what
					    followed */
	[CAUSED] = { .name = "caused" }, /* exits, and neither of these among them */
};

static unsigned int kind_of(const struct xo_counts *c)
{
	unsigned int kind = QUIET;

	for (unsigned int i = 0; i < XO_COUNT_EXITS; i++)
		if (c->vcpu_exit[i])
			kind = CAUSED;
	if (c->vcpu_exit[EXIT_INTERRUPT] || c->vcpu_exit[EXIT_PREEMPTION] ||
	    c->vcpu_exit[EXIT_WRMSR])
		kind = TICKED;
	return kind;
}

static void look_at(const struct xo_counts *c)
{
	struct kind_of_call *k = &seen[kind_of(c)];

	k->calls++;
	k->instructions += c->own.instructions;
	if (c->own.vmfuncs > k->vmfuncs_most)
		k->vmfuncs_most = c->own.vmfuncs;
	if (c->own.cr3_loads > k->cr3_most)
		k->cr3_most = c->own.cr3_loads;
	for (unsigned int i = 0; i < XO_COUNT_EXITS; i++)
		k->exit[i] += c->vcpu_exit[i];
}

static void print_kind(const struct kind_of_call *k)
{
	char prefix[32];

	printf("\t%s=%lu\t%s_instructions=%lu\t%s_vmfuncs_most=%lu\t%s_cr3_loads_most=%lu", k->name,
	       k->calls, k->name, k->instructions, k->name, k->vmfuncs_most, k->name, k->cr3_most);
	snprintf(prefix, sizeof(prefix), "%s_exit_", k->name);
	print_exits(prefix, k->exit);
}

static void measure_each(const char *name, unsigned long n)
{
	struct answer first = { 0 }, now = { 0 };

	do_here(GETPPID, &first);
	xo_mark_begin(MANY);
	for (unsigned long i = 0; i < n; i++) {
		xo_mark_begin(ONE);
		do_here(GETPPID, &now);
		xo_mark_end(ONE);
		check(GETPPID, &first, &now);
		xo_mark_read(ONE, &one);
		look_at(&one);
	}
	xo_mark_end(MANY);
	xo_mark_read(MANY, &many);
	printf("@long\tengine=%s\tkind=%s", name, names[GETPPID]);
	print_many(n);
	for (unsigned int kind = 0; kind < KINDS; kind++)
		print_kind(&seen[kind]);
	putchar('\n');
}

/* ------------------------------------------------------------------ the parts of a visit
 *
 * The way in begins with the first instruction of xo_visit_enter(), the way out ends before its
 * RET; between them the callee runs its function for visitors: a request decoded, the system call's
 * own function, a reply. What is left is the caller's own: its system call, the router.
 */
static struct xo_counts way_in, callee, way_out;

static int64_t call_getppid(void)
{
	return syscall(SYS_getppid);
}

static int64_t call_pread(void)
{
	char bytes[64];

	return pread(file, bytes, sizeof(bytes), 0);
}

static int64_t call_fstat(void)
{
	struct stat st;

	return fstat(file, &st);
}

static int opened = -1; /* by call_open(), for the two behind it */

static int64_t call_open(void)
{
	opened = open(FILE_NAME, O_RDONLY);
	return opened;
}

static int64_t call_read(void)
{
	char bytes[64];

	return read(opened, bytes, sizeof(bytes));
}

static int64_t call_close(void)
{
	return close(opened);
}

static const struct {
	const char *name;
	int64_t (*call)(void);
} single[] = {
	{ "getppid", call_getppid }, { "pread", call_pread }, { "fstat", call_fstat },
	{ "open", call_open },	     { "read", call_read },   { "close", call_close },
};

#define SINGLES (sizeof(single) / sizeof(single[0]))

/* The least of each: it was one visit from beginning to end, and nothing came in between. */
struct parts {
	uint64_t visits;
	struct xo_count_set all, in, callee, out;
};

static struct parts parts[SINGLES];

static void read_parts(void)
{
	xo_mark_read(ONE, &one);
	xo_mark_read(XO_MARK_WAY_IN, &way_in);
	xo_mark_read(XO_MARK_CALLEE, &callee);
	xo_mark_read(XO_MARK_WAY_OUT, &way_out);
}

static void take_parts(struct parts *p, const uint32_t *begins)
{
	bool whole = way_in.begins == begins[0] + 1 && callee.begins == begins[1] + 1 &&
		     way_out.begins == begins[2] + 1 && !way_in.running && !callee.running &&
		     !way_out.running && !one.own.exits;

	if (!whole)
		return;
	if (p->visits++ && p->all.instructions <= one.own.instructions)
		return;
	p->all = one.own;
	p->in = way_in.own;
	p->callee = callee.own;
	p->out = way_out.own;
}

static void measure_single(unsigned int i)
{
	uint32_t begins[3];

	read_parts();
	begins[0] = way_in.begins;
	begins[1] = callee.begins;
	begins[2] = way_out.begins;
	xo_mark_begin(ONE);
	if (single[i].call() < 0)
		die(single[i].name);
	xo_mark_end(ONE);
	read_parts();
	take_parts(&parts[i], begins);
}

static void print_parts(const char *name, unsigned int i)
{
	const struct parts *p = &parts[i];

	printf("@parts\tengine=%s\tkind=%s\tvisits=%lu\tinstructions=%lu\tcrossing=%lu\tin=%lu"
	       "\tout=%lu\tcallee=%lu\tvmfuncs=%lu\tcrossing_vmfuncs=%lu\tcr3_loads=%lu"
	       "\tcrossing_cr3_loads=%lu\tcallee_cr3_loads=%lu\tcr4_loads=%lu\taway=%lu"
	       "\tcallee_away=%lu\texits=%lu\n",
	       name, single[i].name, p->visits, p->all.instructions,
	       p->in.instructions + p->out.instructions, p->in.instructions, p->out.instructions,
	       p->callee.instructions, p->all.vmfuncs, p->in.vmfuncs + p->out.vmfuncs,
	       p->all.cr3_loads, p->in.cr3_loads + p->out.cr3_loads, p->callee.cr3_loads,
	       p->in.cr4_loads + p->out.cr4_loads, p->all.away_instructions,
	       p->callee.away_instructions, p->all.exits);
}

static void measure_parts(const char *name, unsigned long n)
{
	for (unsigned long i = 0; i < n; i++)
		for (unsigned int k = 0; k < SINGLES; k++)
			measure_single(k);
	for (unsigned int k = 0; k < SINGLES; k++) {
		if (!parts[k].visits) {
			fprintf(stderr,
				"bench_syscalls: no %s was a visit of a guest module that is built "
				"for measuring\n",
				single[k].name);
			exit(1);
		}
		print_parts(name, k);
	}
}

/* What visits need besides calls: time, for a stub that parks, and until its caller asks for it. */
static void warm_up(void)
{
	for (unsigned int i = 0; i < 10; i++) {
		syscall(SYS_getppid);
		usleep(50000);
	}
}

__attribute__((noreturn)) static void hold(void)
{
	puts("@done");
	fflush(stdout);
	for (;;)
		pause();
}

static int usage(void)
{
	fputs("usage: bench_syscalls [hold] run NAME N M | [hold] long|parts NAME N | "
	      "serve vsock|tcp | vsock CID N M | tcp N M\n",
	      stderr);
	return 2;
}

static void open_file(void)
{
	file = open(FILE_NAME, O_RDONLY);
	if (file < 0)
		die(FILE_NAME);
}

static void measure_all(const char *name, void (*call)(unsigned int, struct answer *),
			unsigned long n, unsigned long tries)
{
	for (unsigned int op = 0; op < OPERATIONS; op++)
		measure(name, op, call, n, tries);
}

static unsigned long number(const char *arg)
{
	return strtoul(arg, NULL, 0);
}

static int here(int argc, char **argv)
{
	bool each = !strcmp(argv[1], "long"), split = !strcmp(argv[1], "parts");

	if (argc != (each || split ? 4 : 5))
		return usage();
	open_file();
	warm_up();
	if (each)
		measure_each(argv[2], number(argv[3]));
	else if (split)
		measure_parts(argv[2], number(argv[3]));
	else
		measure_all(argv[2], do_here, number(argv[3]), number(argv[4]));
	return 0;
}

static int there(int argc, char **argv)
{
	bool vsock = !strcmp(argv[1], "vsock");

	if (argc != (vsock ? 5 : 4))
		return usage();
	connect_to(vsock, vsock ? (unsigned int)number(argv[2]) : 0);
	measure_all(argv[1], do_there, number(argv[argc - 2]), number(argv[argc - 1]));
	return 0;
}

int main(int argc, char **argv)
{
	bool held = argc > 1 && !strcmp(argv[1], "hold");
	const char *how = "";
	int ret = 2;

	argc -= held;
	argv += held;
	if (argc > 1)
		how = argv[1];
	if (argc == 3 && !strcmp(how, "serve")) {
		open_file();
		serve(!strcmp(argv[2], "vsock"));
	}
	xo_mark_read(ONE, &one);
	if (!one.valid) {
		fputs("bench_syscalls: no counters here: this runs in the lab only\n", stderr);
		return 1;
	}
	if (!strcmp(how, "run") || !strcmp(how, "long") || !strcmp(how, "parts"))
		ret = here(argc, argv);
	else if (!strcmp(how, "vsock") || !strcmp(how, "tcp"))
		ret = there(argc, argv);
	else
		usage();
	if (!ret && held)
		hold();
	return ret;
}
