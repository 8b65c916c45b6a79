// SPDX-License-Identifier: GPL-2.0
/*
 * xo_raw: /dev/crossover of a guest without router, stub and library, for tests of the module.
 *
 *	xo_raw serve                        in the callee
 *	xo_raw ping CALLEE N                N null calls
 *	xo_raw echo CALLEE N                N calls with data of many lengths, checked
 *	xo_raw threads CALLEE T N           T threads on one session, N calls each
 *	xo_raw many CALLEE S N              S sessions at once (one process), N calls each
 *	xo_raw op CALLEE NR ARG             one call; prints "ret=R errno=E result=V ms=T"
 *	xo_raw after CALLEE N NR ARG        the same behind N null calls
 *	xo_raw signal CALLEE NR ARG MS SIG  the same, with SIG (2: handled, 9: fatal) after MS
 *	xo_raw ring ADDRESS                 the ring's page at that physical address: "SLOT CALL
 *BUSY" xo_raw busy ADDRESS MASK            these slots and no others are busy, and none has a call
 *	xo_raw link                         what XO_G_LINK_INFO tells
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <crossover/abi.h>
#include "xo_raw.h"

int raw_open(void)
{
	int fd = open("/dev/crossover", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		DIE("/dev/crossover: %m");
	return fd;
}

static int session(const char *callee)
{
	struct xo_g_connect c = { .revision = XO_ABI_REVISION, .umask = 022 };
	int fd = raw_open();

	strncpy(c.callee, callee, sizeof(c.callee) - 1);
	if (ioctl(fd, XO_G_CONNECT, &c))
		DIE("XO_G_CONNECT to %s: %m (errno %d)", callee, errno);
	return fd;
}

static int call(int fd, uint32_t nr, uint64_t arg, struct xo_g_call *c)
{
	c->op = XO_OP_PING;
	c->nr = nr;
	c->args[0] = arg;
	return ioctl(fd, XO_G_CALL, c);
}

static void pings(int fd, unsigned long n)
{
	while (n--) {
		struct xo_g_call c = { 0 };

		if (call(fd, RAW_NULL, 0, &c) || c.result)
			DIE("ping: %m, result %lld", (long long)c.result);
	}
}

static void echo(int fd, uint32_t len, unsigned int seed)
{
	static __thread uint8_t in[XO_SLOT_DATA], out[XO_SLOT_DATA];
	struct xo_g_call c = {
		.in = (uintptr_t)in, .out = (uintptr_t)out, .in_len = len, .out_len = len
	};

	for (uint32_t i = 0; i < len; i++)
		in[i] = seed + i * 7 + (i >> 8);
	if (call(fd, RAW_ECHO, 0, &c))
		DIE("echo of %u bytes: %m", len);
	if (c.result != len || c.out_len != len)
		DIE("echo of %u bytes: result %lld, %u bytes", len, (long long)c.result, c.out_len);
	for (uint32_t i = 0; i < len; i++) {
		uint8_t want = ~in[i];

		if (out[i] != want)
			DIE("echo of %u bytes: byte %u is %02x, not %02x", len, i, out[i], want);
	}
}

static void echoes(int fd, unsigned long n, unsigned int seed)
{
	static const uint32_t lengths[] = {
		0, 1, 7, 8, 100, 4095, 4096, 4097, 20000, XO_SLOT_DATA
	};

	for (unsigned long i = 0; i < n; i++)
		echo(fd, lengths[i % (sizeof(lengths) / sizeof(*lengths))], seed + i);
}

struct work {
	int fd;
	unsigned int seed;
	unsigned long n;
};

static void *worker(void *arg)
{
	struct work *w = arg;

	for (unsigned long i = 0; i < w->n; i++)
		echo(w->fd, (i * 61 + w->seed) % 300, w->seed + i);
	return NULL;
}

static void run_workers(struct work *work, int threads)
{
	pthread_t *t = calloc(threads, sizeof(*t));

	for (int i = 0; i < threads; i++)
		if (pthread_create(&t[i], NULL, worker, &work[i]))
			DIE("pthread_create: %m");
	for (int i = 0; i < threads; i++)
		pthread_join(t[i], NULL);
	free(t);
}

static void threads(const char *callee, int count, unsigned long n, int sessions)
{
	struct work *work = calloc(count, sizeof(*work));
	int fd = -1;

	for (int i = 0; i < count; i++) {
		if (i < sessions)
			fd = session(callee);
		work[i] = (struct work){ .fd = fd, .seed = i * 1000, .n = n };
	}
	run_workers(work, count);
	free(work);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000ULL + t.tv_nsec / 1000000;
}

static void one(const char *callee, unsigned long before, uint32_t nr, uint64_t arg)
{
	struct xo_g_call c = { 0 };
	int fd = session(callee), ret, error;
	uint64_t start;

	pings(fd, before);
	start = now_ms();
	ret = call(fd, nr, arg, &c);
	error = ret ? errno : 0;
	printf("ret=%d errno=%d result=%lld ms=%llu\n", ret, error, (long long)c.result,
	       (unsigned long long)(now_ms() - start));
}

static void on_signal(int sig)
{
}

static int signalled(const char *callee, uint32_t nr, uint64_t arg, unsigned int ms, int sig)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct sigaction sa = { .sa_handler = on_signal };

		sigaction(SIGINT, &sa, NULL);
		one(callee, 0, nr, arg);
		fflush(stdout);
		_exit(0);
	}
	usleep(ms * 1000);
	kill(pid, sig);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		printf("killed=%d\n", WTERMSIG(status));
	return 0;
}

static void links(void)
{
	struct xo_g_link_info l = { .revision = XO_ABI_REVISION };
	int fd = raw_open();

	for (; !ioctl(fd, XO_G_LINK_INFO, &l); l.after = l.id)
		printf("link=%llu peer=%s peer_wid=%llu role=%u slots=%u sessions=%u calls=%llu "
		       "errors=%llu bytes=%llu ring=%llu engine=%u\n",
		       l.id, l.peer, l.peer_wid, l.role, l.slots, l.sessions, l.calls, l.errors,
		       l.bytes, l.ring, l.engine);
}

/* /dev/mem reads and writes RAM only, but maps this too. */
static struct xo_ring *map_ring(uint64_t address)
{
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	void *p = MAP_FAILED;

	if (fd >= 0)
		p = mmap(NULL, XO_RING_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			 (off_t)address);
	if (p == MAP_FAILED)
		DIE("/dev/mem at %llx: %m", (unsigned long long)address);
	return p;
}

static void ring_show(const volatile struct xo_ring *r)
{
	for (int i = 0; i < XO_SLOTS_PER_LINK; i++)
		printf("%d %llu %u\n", i, (unsigned long long)r[i].call, r[i].busy);
}

static void ring_busy(volatile struct xo_ring *r, uint64_t mask)
{
	for (int i = 0; i < XO_SLOTS_PER_LINK; i++) {
		r[i].call = 0;
		r[i].busy = mask >> i & 1;
	}
}

static unsigned long number(int argc, char **argv, int i)
{
	if (i >= argc)
		DIE("too few arguments, see the head of xo_raw.c");
	return strtoul(argv[i], NULL, 0);
}

int main(int argc, char **argv)
{
	const char *cmd = argc > 1 ? argv[1] : "", *vm = argc > 2 ? argv[2] : "";

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!strcmp(cmd, "serve"))
		return raw_serve();
	if (!strcmp(cmd, "link"))
		links();
	else if (!strcmp(cmd, "ring"))
		ring_show(map_ring(number(argc, argv, 2)));
	else if (!strcmp(cmd, "busy"))
		ring_busy(map_ring(number(argc, argv, 2)), number(argc, argv, 3));
	else if (!strcmp(cmd, "ping"))
		pings(session(vm), number(argc, argv, 3));
	else if (!strcmp(cmd, "echo"))
		echoes(session(vm), number(argc, argv, 3), 1);
	else if (!strcmp(cmd, "threads"))
		threads(vm, number(argc, argv, 3), number(argc, argv, 4), 1);
	else if (!strcmp(cmd, "many"))
		threads(vm, number(argc, argv, 3), number(argc, argv, 4), 1 << 20);
	else if (!strcmp(cmd, "op"))
		one(vm, 0, number(argc, argv, 3), number(argc, argv, 4));
	else if (!strcmp(cmd, "after"))
		one(vm, number(argc, argv, 3), number(argc, argv, 4), number(argc, argv, 5));
	else if (!strcmp(cmd, "signal"))
		return signalled(vm, number(argc, argv, 3), number(argc, argv, 4),
				 number(argc, argv, 5), number(argc, argv, 6));
	else
		DIE("unknown command '%s', see the head of xo_raw.c", cmd);
	puts("ok");
	return 0;
}
