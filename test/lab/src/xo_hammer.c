// SPDX-License-Identifier: GPL-2.0
/* clang-format off: a table
 *
 * xo_hammer: calls that leave a record in the callee, so that none can be lost, or made twice.
 *
 *	xo_hammer calls CALLEE FILE THREADS N [FIRST]  in the caller: a session, with so many threads. Each
 *	                                appends the numbers 0 to N-1 to FILE.T in the callee, a call for each;
 *	                                beside them calls that read, open, close and wait for a lock that all
 *	                                threads of all callers take. Tells how long one took at most.
 *	                                FIRST: regions of the emulator's from there on
 *	xo_hammer check FILE THREADS N  in the callee: the record has each number, once, in order
 *
 * When all of it is ready a line says so, and it begins when there is a file FILE.go in the caller.
 * It tells what came of it, and keeps its session until that file is gone.
 * clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <x86intrin.h>
#include <crossover/abi.h>
#include <crossover/crossover.h>
#include <crossover/mark.h>

#define DIE(...)    (fprintf(stderr, "xo_hammer: " __VA_ARGS__), fputc('\n', stderr), exit(1))

#define THREADS_MAX 8
#define WARM_UP	    50
#define READ_EACH   16 /* calls beside those that are recorded: one in so many */
#define OPEN_EACH   64
#define LOCK_EACH   128
#define LOCK_FILE   "/tmp/hammer.lock" /* one for all callers */
#define BUCKETS	    40

struct hammer {
	int fd; /* the session */
	const char *callee, *file;
	unsigned int number, region;
	uint64_t n;
	int64_t there, lock; /* the callee's descriptors */
	/* what came of it */
	uint64_t calls, instructions, ticks; /* of the longest call */
	uint64_t late[BUCKETS];		     /* calls that took up to 2^I ticks */
};

/* ------------------------------------------------------------------ calls, one by one */

/* A mark's region is a constant. */
#define EACH(what)                                                                               \
	what(0) what(1) what(2) what(3) what(4) what(5) what(6) what(7) what(8) what(9) what(10) \
		what(11)
#define BEGIN(id)            \
	if (h->region == id) \
		xo_mark_begin(id);
#define END(id)              \
	if (h->region == id) \
		xo_mark_end(id);

static void begin(const struct hammer *h)
{
	EACH(BEGIN)
}

static void end(const struct hammer *h)
{
	EACH(END)
}

/* The instructions of the longest call. Reading is long, and each of the CPUs makes one instruction
 * a tick at most. */
static void note_instructions(struct hammer *h, uint64_t ticks)
{
	static _Thread_local struct xo_counts counts;

	if (counts.valid && ticks * counts.cpus <= h->instructions)
		return;
	xo_mark_read(h->region, &counts);
	if (!counts.valid)
		DIE("nobody counts here");
	if (counts.all.instructions > h->instructions)
		h->instructions = counts.all.instructions;
}

static void note(struct hammer *h, uint64_t ticks)
{
	note_instructions(h, ticks);
	if (ticks > h->ticks)
		h->ticks = ticks;
	h->late[64 - __builtin_clzll(ticks | 1)]++;
	h->calls++;
}

/* A call whose request is `in`, and whose reply goes to `out`. */
static int64_t call(struct hammer *h, struct xo_g_call *c, const void *in, uint32_t in_len,
		    void *out, uint32_t room)
{
	uint64_t start;
	int err;

	c->op = XO_OP_SYSCALL;
	c->in = (uintptr_t)in;
	c->in_len = in_len;
	c->out = (uintptr_t)out;
	c->out_len = room;
	begin(h);
	start = __rdtsc();
	err = ioctl(h->fd, XO_G_CALL, c);
	start = __rdtsc() - start;
	end(h);
	if (err)
		DIE("%s.%u: call %u: %m", h->file, h->number, c->nr);
	note(h, start);
	return c->result;
}

static int64_t there_open(struct hammer *h, const char *path, int flags)
{
	struct xo_g_call c = { .nr = SYS_open, .args = { 0, flags, 0600 } };

	return call(h, &c, path, strlen(path) + 1, NULL, 0);
}

static void there_close(struct hammer *h, int64_t fd)
{
	struct xo_g_call c = { .nr = SYS_close, .args = { fd } };

	if (call(h, &c, NULL, 0, NULL, 0))
		DIE("close: %lld", (long long)c.result);
}

static void append(struct hammer *h, uint64_t number)
{
	struct xo_g_call c = { .nr = SYS_write, .args = { h->there, 0, sizeof(number) } };

	if (call(h, &c, &number, sizeof(number), NULL, 0) != sizeof(number))
		DIE("%s.%u: write of number %lu: %lld", h->file, h->number, number,
		    (long long)c.result);
}

/* What was written, at `number`. */
static void read_back(struct hammer *h, int64_t fd, uint64_t number)
{
	uint64_t found = ~0ULL;
	struct xo_g_call c = { .nr = SYS_pread64,
			       .args = { fd, 0, sizeof(found), number * sizeof(number) } };

	if (call(h, &c, NULL, 0, &found, sizeof(found)) != sizeof(found) || found != number)
		DIE("%s.%u: pread of number %lu: %lld, number %lu", h->file, h->number, number,
		    (long long)c.result, found);
}

static void flock_there(struct hammer *h, int how)
{
	struct xo_g_call c = { .nr = SYS_flock, .args = { h->lock, how } };

	if (call(h, &c, NULL, 0, NULL, 0))
		DIE("flock %d: %lld", how, (long long)c.result);
}

/* ------------------------------------------------------------------ a thread */

static const char *name_of(const struct hammer *h, char *name, size_t size)
{
	snprintf(name, size, "%s.%u", h->file, h->number);
	return name;
}

static void beside(struct hammer *h, uint64_t number)
{
	char name[256];
	int64_t fd;

	if (number % READ_EACH == 0)
		read_back(h, h->there, number / 2);
	if (number % OPEN_EACH == 0) {
		fd = there_open(h, name_of(h, name, sizeof(name)), O_RDONLY);
		if (fd < 0)
			DIE("open %s: %lld", name, (long long)fd);
		read_back(h, fd, number);
		there_close(h, fd);
	}
	if (number % LOCK_EACH == 0) {
		flock_there(h, LOCK_EX);
		read_back(h, h->there, number);
		flock_there(h, LOCK_UN);
	}
}

static void open_files(struct hammer *h)
{
	char name[256];

	h->there = there_open(h, name_of(h, name, sizeof(name)),
			      O_RDWR | O_CREAT | O_TRUNC | O_APPEND);
	h->lock = there_open(h, LOCK_FILE, O_RDWR | O_CREAT);
	if (h->there < 0 || h->lock < 0)
		DIE("open %s.%u: %lld, %lld", h->file, h->number, (long long)h->there,
		    (long long)h->lock);
}

/* What visits need: slots bound by a first call over exit, a stub that has parked, clocks that
 * agree. */
static void warm_up(struct hammer *h)
{
	for (int i = 0; i < WARM_UP; i++) {
		struct xo_g_call c = { .nr = SYS_getppid };

		call(h, &c, NULL, 0, NULL, 0);
		usleep(10000);
	}
	h->calls = h->instructions = h->ticks = 0;
	memset(h->late, 0, sizeof(h->late));
}

static pthread_barrier_t ready, set_off;

static void *hammer(void *arg)
{
	struct hammer *h = arg;

	open_files(h);
	warm_up(h);
	pthread_barrier_wait(&ready);
	pthread_barrier_wait(&set_off);
	for (uint64_t i = 0; i < h->n; i++) {
		append(h, i);
		beside(h, i);
	}
	return NULL;
}

/* ------------------------------------------------------------------ all of them */

/* Until there is a file FILE.go, or none. */
static void wait_for(const char *file, bool there)
{
	char name[256];

	snprintf(name, sizeof(name), "%s.go", file);
	while (!access(name, F_OK) != there)
		usleep(50000);
}

static void tell(const struct hammer *h, unsigned int threads)
{
	uint64_t calls = 0, instructions = 0, ticks = 0, late[BUCKETS] = { 0 };

	for (unsigned int i = 0; i < threads; i++) {
		calls += h[i].calls;
		if (h[i].instructions > instructions)
			instructions = h[i].instructions;
		if (h[i].ticks > ticks)
			ticks = h[i].ticks;
		for (int b = 0; b < BUCKETS; b++)
			late[b] += h[i].late[b];
	}
	printf("hammer numbers=%lu calls=%lu longest_instructions=%lu longest_ticks=%lu\n",
	       threads * h->n, calls, instructions, ticks);
	printf("late: calls of up to 2^N ticks:");
	for (int b = 0; b < BUCKETS; b++)
		if (late[b])
			printf(" %d:%lu", b, late[b]);
	putchar('\n');
}

static void calls(const char *callee, const char *file, unsigned int threads, uint64_t n,
		  unsigned int first)
{
	static struct hammer h[THREADS_MAX];
	struct xo *x = xo_new();
	pthread_t t[THREADS_MAX];

	if (!threads || threads > THREADS_MAX || first + threads > 12)
		DIE("%u threads", threads);
	if (!x || xo_open(x, XO_SIDE_GUEST, NULL) || xo_session_open(x, callee, "/", NULL))
		DIE("%s", x ? xo_error(x) : "no memory");
	pthread_barrier_init(&ready, NULL, threads + 1);
	pthread_barrier_init(&set_off, NULL, threads + 1);
	for (unsigned int i = 0; i < threads; i++) {
		h[i] = (struct hammer){ .fd = xo_fd(x),
					.callee = callee,
					.file = file,
					.number = i,
					.region = first + i,
					.n = n };
		if (pthread_create(&t[i], NULL, hammer, &h[i]))
			DIE("pthread_create");
	}
	pthread_barrier_wait(&ready);
	puts("ready");
	wait_for(file, true);
	pthread_barrier_wait(&set_off);
	for (unsigned int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	tell(h, threads);
	wait_for(file, false);
	xo_free(x);
}

static void check_one(const char *name, uint64_t n)
{
	FILE *f = fopen(name, "r");
	uint64_t number, want = 0;

	if (!f)
		DIE("%s: %m", name);
	while (fread(&number, sizeof(number), 1, f) == 1) {
		if (number != want)
			DIE("%s: number %lu where %lu was to come: a call was %s", name, number,
			    want, number < want ? "made twice" : "lost");
		want++;
	}
	if (want != n)
		DIE("%s: %lu numbers, not %lu", name, want, n);
	fclose(f);
}

static void check(const char *file, unsigned int threads, uint64_t n)
{
	char name[256];

	for (unsigned int i = 0; i < threads; i++) {
		snprintf(name, sizeof(name), "%s.%u", file, i);
		check_one(name, n);
	}
	printf("check %s: %lu numbers, each once\n", file, threads * n);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if ((argc == 6 || argc == 7) && !strcmp(argv[1], "calls"))
		calls(argv[2], argv[3], atoi(argv[4]), strtoul(argv[5], NULL, 10),
		      argc == 7 ? atoi(argv[6]) : 0);
	else if (argc == 5 && !strcmp(argv[1], "check"))
		check(argv[2], atoi(argv[3]), strtoul(argv[4], NULL, 10));
	else
		DIE("see the top of xo_hammer.c");
	return 0;
}
