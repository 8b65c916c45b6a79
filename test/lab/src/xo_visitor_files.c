// SPDX-License-Identifier: GPL-2.0
/* clang-format off: a table
 *
 * xo_visitor_files: system calls with memory and descriptors by visits, counted and disturbed.
 *
 *	xo_visitor_files calls CALLEE OP N WANT    in the caller: N times; the best of them, and all
 *	xo_visitor_files forced CALLEE OP WANT AGAIN [STEP]  an exit before each (each STEPth) instruction
 *	                                           away; AGAIN: and another so many later (0: none)
 *	xo_visitor_files ticked CALLEE OP WANT AGAIN [STEP]  the same with interrupts of the host, AGAIN
 *	                                           and again
 *	xo_visitor_files waits CALLEE PIPE         a thread blocks in read(), others go on; see waits()
 *	xo_visitor_files holds CALLEE PIPE         reads it, empty as it is, and tells what ended that
 *	xo_visitor_files churn S                   in the callee: maps, unmaps, forks, mprotects for S seconds
 *	xo_visitor_files denied NR ERRNO COMMAND...  runs it so that this system call fails, by seccomp
 *
 * OP is a system call's number, and WANT its result; or pread, fstat or open (open, read, close),
 * and WANT a file that is the same in both VMs.
 * clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <crossover/mark.h>
#include "xo_session.h"

/* ------------------------------------------------------------------ one operation */

#define BYTES 64

struct op {
	void (*run)(int fd, struct op *op);
	void (*check)(struct op *op);
	uint32_t nr;
	int64_t want;
	const char *file;
	int here, there; /* descriptors of it: ours, and the callee's */
	off_t at;
	/* what came of it; open: of each of its calls */
	int64_t result[3];
	char bytes[BYTES];
	struct stat st;
};

static void run_number(int fd, struct op *op)
{
	int err = call(fd, op->nr, &op->result[0]);

	if (err)
		DIE("call %u: %s", op->nr, strerror(-err));
}

static void check_number(struct op *op)
{
	if (op->result[0] != op->want)
		DIE("call %u: result %lld, not %lld", op->nr, (long long)op->result[0],
		    (long long)op->want);
}

static void compare(const struct op *op, int64_t len)
{
	char want[BYTES];
	ssize_t n = pread(op->here, want, BYTES, op->at);

	if (n != len)
		DIE("%s: %lld bytes at %ld, not %zd", op->file, (long long)len, (long)op->at, n);
	if (memcmp(op->bytes, want, n))
		DIE("%s: other bytes at %ld", op->file, (long)op->at);
}

static void run_pread(int fd, struct op *op)
{
	op->result[0] = remote_pread(fd, op->there, op->bytes, BYTES, op->at);
}

static void check_pread(struct op *op)
{
	compare(op, op->result[0]);
	op->at = (op->at + 61) % 8000;
}

static void run_fstat(int fd, struct op *op)
{
	struct xo_g_call c = { .nr = SYS_fstat, .args = { op->there, 0 } };

	op->result[0] = raw(fd, &c, NULL, 0, &op->st, sizeof(op->st));
}

static void check_fstat(struct op *op)
{
	struct stat want;

	fstat(op->here, &want);
	if (op->result[0] || op->st.st_size != want.st_size || op->st.st_mode != want.st_mode)
		DIE("fstat: result %lld, size %ld, mode %o", (long long)op->result[0],
		    (long)op->st.st_size, op->st.st_mode);
	memset(&op->st, 0, sizeof(op->st));
}

static void run_open(int fd, struct op *op)
{
	struct xo_g_call c = { .nr = SYS_read, .args = { 0, 0, BYTES } };

	op->result[0] = remote_open(fd, op->file, O_RDONLY);
	c.args[0] = op->result[0];
	op->result[1] = raw(fd, &c, NULL, 0, op->bytes, BYTES);
	op->result[2] = remote_close(fd, op->result[0]);
}

static void check_open(struct op *op)
{
	if (op->result[0] < 0 || op->result[2])
		DIE("open: result %lld, close: %lld", (long long)op->result[0],
		    (long long)op->result[2]);
	compare(op, op->result[1]);
	memset(op->bytes, 0, BYTES);
}

static const struct {
	const char *name;
	void (*run)(int fd, struct op *op);
	void (*check)(struct op *op);
} named[] = { { "pread", run_pread, check_pread },
	      { "fstat", run_fstat, check_fstat },
	      { "open", run_open, check_open } };

static void once(int fd, struct op *op)
{
	op->run(fd, op);
	op->check(op);
}

/* On a session. */
static struct op make_op(int fd, const char *name, const char *want)
{
	struct op op = { .run = run_number,
			 .check = check_number,
			 .nr = atoi(name),
			 .want = atoll(want),
			 .file = want };

	for (size_t i = 0; i < sizeof(named) / sizeof(named[0]); i++)
		if (!strcmp(name, named[i].name)) {
			op.run = named[i].run;
			op.check = named[i].check;
		}
	if (op.run == run_number)
		return op;
	op.here = open(want, O_RDONLY);
	op.there = remote_open(fd, want, O_RDONLY);
	if (op.here < 0 || op.there < 0)
		DIE("%s: here %d, there %d", want, op.here, op.there);
	return op;
}

/* What visits need: slots bound by a first call over exit, a stub that has parked. */
static void warm_up(int fd, struct op *op)
{
	for (int i = 0; i < 20; i++) {
		once(fd, op);
		usleep(50000);
	}
}

static void print_exits(const struct xo_counts *n)
{
	for (int i = 0; i < XO_COUNT_EXITS; i++)
		if (n->vcpu_exit[i])
			printf(" exit_%d=%lu", i, n->vcpu_exit[i]);
}

/* The best of all calls, counted one by one; then all of them together. */
static void calls(const char *callee, const char *name, unsigned long n, const char *want)
{
	static struct xo_counts all, one;
	struct xo_count_set best = { .instructions = ~0ULL };
	int fd = session(callee);
	struct op op = make_op(fd, name, want);

	warm_up(fd, &op);
	for (unsigned long i = 0; i < 200; i++) {
		xo_mark_begin(1);
		op.run(fd, &op);
		xo_mark_end(1);
		xo_mark_read(1, &one);
		op.check(&op);

		if (one.valid && one.own.away_instructions && !one.own.exits &&
		    one.own.instructions < best.instructions)
			best = one.own;
	}
	xo_mark_begin(0);
	for (unsigned long i = 0; i < n; i++)
		once(fd, &op);
	xo_mark_end(0);
	xo_mark_read(0, &all);
	printf("best instructions=%lu away=%lu vmfuncs=%lu cr3_loads=%lu exits=%lu\n",
	       best.instructions, best.away_instructions, best.vmfuncs, best.cr3_loads, best.exits);
	printf("all calls=%lu instructions=%lu away=%lu vmfuncs=%lu", n, all.own.instructions,
	       all.own.away_instructions, all.own.vmfuncs);
	print_exits(&all);
	putchar('\n');
}

static void forced(const char *callee, const char *name, const char *want, uint64_t again,
		   uint64_t step, bool host)
{
	unsigned long fired = 0, second = 0, none = 0, exits = 0;
	int fd = session(callee);
	struct op op = make_op(fd, name, want);
	uint64_t k, last = 0;

	warm_up(fd, &op);
	for (k = 1; none < 50 && k < 40000; k += step) {
		struct xo_forced f = { 0 };
		int tries;

		for (tries = 0; tries < 50; tries++) {
			(host ? xo_mark_force_host : xo_mark_force)(k, again);
			op.run(fd, &op);
			xo_mark_forced(&f);
			op.check(&op);
			if (!f.valid)
				DIE("nobody forces exits here");
			if (f.fired || f.away)
				break;
			usleep(1000); /* it went by exit */
		}
		if (getenv("XO_TRACE"))
			printf("k=%lu fired=%u rip=%lx eptp=%lx tries=%d\n", k, f.fired,
			       f.at[0].rip, f.at[0].eptp, tries);
		if (f.fired) {
			fired++;
			last = k;
			none = 0;
		} else {
			none++;
		}
		second += f.fired > 1;
		exits += f.fired;
	}
	printf("forced op=%s fired=%lu twice=%lu last=%lu exits=%lu\n", name, fired, second, last,
	       exits);
}

/* ------------------------------------------------------------------ calls that wait */

static struct {
	int fd, err, ended;
	struct xo_g_call c;
	char got[BYTES];
} waiter;

static void *wait_there(void *unused)
{
	waiter.err = ioctl(waiter.fd, XO_G_CALL, &waiter.c) ? errno : 0;
	__atomic_store_n(&waiter.ended, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void nothing(int sig)
{
}

/* A thread of its own makes a call that blocks. */
static pthread_t begin(uint32_t nr, uint64_t a, uint64_t b, uint64_t c)
{
	pthread_t t;

	memset(waiter.got, 0, sizeof(waiter.got));
	waiter.ended = 0;
	waiter.c = (struct xo_g_call){ .op = XO_OP_SYSCALL,
				       .nr = nr,
				       .args = { a, b, c },
				       .out = (uintptr_t)waiter.got,
				       .out_len = BYTES };
	if (pthread_create(&t, NULL, wait_there, NULL))
		DIE("pthread_create");
	usleep(300000);
	if (__atomic_load_n(&waiter.ended, __ATOMIC_ACQUIRE))
		DIE("call %u did not wait: result %lld, errno %d", nr, (long long)waiter.c.result,
		    waiter.err);
	return t;
}

static void end(pthread_t t, int64_t want)
{
	pthread_join(t, NULL);
	if (waiter.err || waiter.c.result != want)
		DIE("call %u that waited: errno %d, result %lld", waiter.c.nr, waiter.err,
		    (long long)waiter.c.result);
}

static void interrupt(pthread_t t)
{
	pthread_kill(t, SIGUSR2);
	end(t, -EINTR);
}

static void write_pipe(int fd, int there, const char *text)
{
	struct xo_g_call c = { .nr = SYS_write, .args = { there, 0, strlen(text) } };
	int64_t ret = raw(fd, &c, text, strlen(text), NULL, 0);

	if (ret != (int64_t)strlen(text))
		DIE("write: result %lld", (long long)ret);
}

static void lock(int fd, int there, int how)
{
	struct xo_g_call c = { .nr = SYS_flock, .args = { there, how } };

	if (raw(fd, &c, NULL, 0, NULL, 0))
		DIE("flock %d: result %lld", how, (long long)c.result);
}

/* poll() of one descriptor. */
static void asked(int fd, int there, short want)
{
	struct pollfd p = { .fd = there, .events = POLLIN };
	struct xo_g_call c = { .nr = SYS_poll, .args = { 0, 1, 1000000 } };
	int64_t ret = raw(fd, &c, &p, sizeof(p), &p, sizeof(p));

	if (ret != !!want || (p.revents & POLLIN) != want)
		DIE("poll: result %lld, events %x", (long long)ret, p.revents);
}

static void drain(int fd, int there)
{
	struct xo_g_call c = { .nr = SYS_read, .args = { there, 0, BYTES } };
	char got[BYTES];

	if (raw(fd, &c, NULL, 0, got, BYTES) != 1)
		DIE("read: result %lld", (long long)c.result);
}

/* Another thread's calls meanwhile. */
static void others(int fd, struct op *op)
{
	for (int i = 0; i < 200; i++)
		once(fd, op);
}

/*
 * PIPE is a FIFO in the callee. One thread of the session reads it while it is empty; the other
 * makes calls meanwhile, and ends that by writing; then by a signal, after which it all goes on.
 * The same with a lock that is held. And poll() must wait nowhere: it is asked at once.
 */
static void waits(const char *callee, const char *pipe)
{
	static const char text[] = "what it waits for";
	struct sigaction sa = { .sa_handler = nothing };
	int fd = session(callee), a = remote_open(fd, pipe, O_RDWR),
	    b = remote_open(fd, pipe, O_RDWR);
	struct op pid = { .run = run_number, .check = check_number, .nr = SYS_getpid };
	pthread_t t;

	sigaction(SIGUSR2, &sa, NULL);
	call(fd, pid.nr, &pid.want);
	waiter.fd = fd;
	if (a < 0 || b < 0)
		DIE("open: results %d, %d", a, b);
	warm_up(fd, &pid);
	for (int i = 0; i < 5; i++) {
		t = begin(SYS_read, a, 0, BYTES);
		others(fd, &pid);
		write_pipe(fd, a, text);
		end(t, strlen(text));
		if (memcmp(waiter.got, text, strlen(text)))
			DIE("read: '%.17s'", waiter.got);
		interrupt(begin(SYS_read, a, 0, BYTES));
		lock(fd, a, LOCK_EX);
		t = begin(SYS_flock, b, LOCK_EX, 0);
		others(fd, &pid);
		lock(fd, a, LOCK_UN);
		end(t, 0);
		interrupt(begin(SYS_flock, a, LOCK_EX, 0));
		lock(fd, b, LOCK_UN);
		asked(fd, a, 0);
		write_pipe(fd, a, "x");
		asked(fd, a, POLLIN);
		drain(fd, a);
		once(fd, &pid);
	}
	printf("waits: right\n");
}

/* A call that is evicted, and waits until the world around it ends. */
static void holds(const char *callee, const char *pipe)
{
	int fd = session(callee), there = remote_open(fd, pipe, O_RDWR);
	struct op pid = { .run = run_number, .check = check_number, .nr = SYS_getpid };
	pthread_t t;

	if (there < 0)
		DIE("open: result %d", there);
	call(fd, pid.nr, &pid.want);
	warm_up(fd, &pid);
	waiter.fd = fd;
	t = begin(SYS_read, there, 0, BYTES);
	printf("holds: waiting\n");
	pthread_join(t, NULL);
	/* Behind its bytes are others, of an older call in the slot. */
	printf("holds: ended errno=%d result=%lld text='%.*s'\n", waiter.err,
	       (long long)waiter.c.result, waiter.c.result > 0 ? (int)waiter.c.result : 0,
	       waiter.got);
}

/* One round: a page of memory is shared by fork, written on both sides, made read-only and writable
 * again, and goes; an address is used for one page after the other. */
static void churn_once(int i)
{
	static void *const at = (void *)0x600000000000;
	char *p = mmap(at, 64 << 12, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	int status = 0;
	pid_t pid;

	if (p != at)
		DIE("mmap: %m");
	for (int k = 0; k < 64; k++) {
		if (p[k << 12])
			DIE("new page %d has %d in it", k, p[k << 12]);
		p[k << 12] = i | 1;
	}
	pid = fork();
	if (!pid) {
		for (int k = 0; k < 64; k++)
			p[k << 12] = 0;
		_exit(0);
	}
	if (pid < 0 || mprotect(p, 32 << 12, PROT_READ) ||
	    mprotect(p, 32 << 12, PROT_READ | PROT_WRITE))
		DIE("fork, mprotect: %m");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	for (int k = 0; k < 64; k++)
		if (p[k << 12] != (char)(i | 1))
			DIE("page %d is the child's", k);
	if (status || munmap(p, 64 << 12))
		DIE("child: status %d", status);
}

static void churn(int seconds)
{
	time_t end = time(NULL) + seconds;
	int i = 0;

	while (time(NULL) < end)
		churn_once(i++);
	printf("churn: %d rounds\n", i);
}

static void denied(uint32_t nr, uint32_t error, char **command)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { .len = sizeof(filter) / sizeof(filter[0]), .filter = filter };

	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		DIE("PR_SET_SECCOMP: %m");
	execvp(command[0], command);
	DIE("%s: %m", command[0]);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && !strcmp(argv[1], "calls"))
		calls(argv[2], argv[3], strtoul(argv[4], NULL, 10), argv[5]);
	else if ((argc == 6 || argc == 7) &&
		 (!strcmp(argv[1], "forced") || !strcmp(argv[1], "ticked")))
		forced(argv[2], argv[3], argv[4], strtoul(argv[5], NULL, 10),
		       argc == 7 ? strtoul(argv[6], NULL, 10) : 1, argv[1][0] == 't');
	else if (argc == 4 && !strcmp(argv[1], "waits"))
		waits(argv[2], argv[3]);
	else if (argc == 4 && !strcmp(argv[1], "holds"))
		holds(argv[2], argv[3]);
	else if (argc == 3 && !strcmp(argv[1], "churn"))
		churn(atoi(argv[2]));
	else if (argc > 4 && !strcmp(argv[1], "denied"))
		denied(atoi(argv[2]), atoi(argv[3]), argv + 4);
	else
		DIE("see the top of xo_visitor_files.c");
	if (getenv("XO_STAY")) /* for who looks at the session's record */
		pause();
	return 0;
}
