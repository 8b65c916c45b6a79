// SPDX-License-Identifier: GPL-2.0
/*
 * xo_svc: a service and its callers, for tests of both engines.
 *
 *	xo_svc serve NAME [VM...]	offers NAME to these VMs ("*": all; none: nobody) until
 *SIGTERM xo_svc TEST VM NAME [N]		calls it; says "ok" and status 0, or what is wrong
 *
 * With XO_TEST_ENGINE=vmfunc (or exit) calls that went by another engine are wrong.
 */
#include <crossover/crossover.h>

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

enum op {
	ADD,	  /* a1 to a5 */
	SUM,	  /* of a1 bytes of the buffer, which are then counted up by one */
	SPIN,	  /* a1 times, then a1 */
	FOREVER,  /* no return */
	COUNT,	  /* a1 is added to a counter: its new value */
	WID,	  /* the caller's, as the visit says */
	NAME,	  /* 1 if the caller's VM is called as the buffer says */
	ENGINE,	  /* as the visit says */
	FLOAT,	  /* a1 / a2 in floating point, rounded */
	BAD_NULL, /* from here on: ends badly */
	BAD_HEAP,
	BAD_SYSCALL,
	BAD_UD2,
	BAD_DIVIDE,
	BAD_TEXT,
	BAD_STACK,
	BAD_LAST = BAD_STACK,
};

/* ------------------------------------------------------------------ the service */

static uint64_t counter;
static char *heap, *volatile null = (char *)8;

static uint64_t sum_of(unsigned char *p, uint64_t n)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < n; i++)
		sum += p[i]++;
	return sum;
}

static uint64_t name_is(const char *a, const char *b)
{
	for (int i = 0; i < XO_NAME_MAX; i++) {
		if (a[i] != b[i])
			return 0;
		if (!a[i])
			return 1;
	}
	return 0;
}

static uint64_t overflow(uint64_t n)
{
	volatile char big[4096];

	big[n & 4095] = 1;
	return n ? overflow(n - 1) + (uint64_t)big[n & 4095] : 0;
}

static uint64_t bad(uint64_t op)
{
	uint64_t v = 0;

	switch (op) {
	case BAD_NULL:
		*(volatile char *)null = 1;
		break;
	case BAD_HEAP:
		*(volatile char *)heap = 1;
		break;
	case BAD_SYSCALL:
		__asm__ volatile("syscall" : "=a"(v) : "a"(39) : "rcx", "r11", "memory");
		break;
	case BAD_UD2:
		__asm__ volatile("ud2");
		break;
	case BAD_DIVIDE:
		__asm__ volatile("xor %%edx, %%edx; xor %%ecx, %%ecx; div %%rcx"
				 : "+a"(v)::"rcx", "rdx");
		break;
	case BAD_TEXT:
		*(volatile char *)(uintptr_t)overflow = 1;
		break;
	case BAD_STACK:
		return overflow(1 << 20);
	}
	return v;
}

static uint64_t service(uint64_t op, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4,
			uint64_t a5, const struct xo_visit *visit)
{
	volatile uint64_t i = 0;

	switch (op) {
	case ADD:
		return a1 + a2 + a3 + a4 + a5;
	case SUM:
		return sum_of(visit->buffer, a1 < visit->buffer_size ? a1 : visit->buffer_size);
	case SPIN:
		while (i < a1)
			i++;
		return i;
	case FOREVER:
		for (;;)
			i++;
	case COUNT:
		return __atomic_add_fetch(&counter, a1, __ATOMIC_RELAXED);
	case WID:
		return visit->wid;
	case NAME:
		return name_is(visit->caller, visit->buffer);
	case ENGINE:
		return visit->engine;
	case FLOAT:
		return (uint64_t)((double)a1 / (double)a2 + 0.5);
	default:
		return bad(op);
	}
}

static char victim[2 * 4096] __attribute__((aligned(4096)));

/* What an owner may do to its own memory, by signal. */
static void trouble(int sig)
{
	pid_t pid;

	switch (sig) {
	case SIGUSR1: /* fork: parent and child write what they share */
		pid = fork();
		if (!pid) {
			memset(victim, 1, sizeof(victim));
			counter += 1000000;
			usleep(300000);
			_exit(0);
		}
		memset(victim, 2, sizeof(victim));
		waitpid(pid, NULL, 0);
		break;
	case SIGUSR2: /* other pages at the same place */
		madvise(victim, sizeof(victim), MADV_DONTNEED);
		break;
	case SIGHUP:
		mprotect(victim, sizeof(victim), PROT_READ);
		break;
	case SIGWINCH:
		munmap(victim, sizeof(victim));
		break;
	case SIGURG: /* an exec() that fails, and one that does not */
		execl("/nonexistent", "", NULL);
		execl("/bin/sleep", "sleep", "30", NULL);
		break;
	}
	printf("did %d\n", sig);
}

static sigset_t orders;

static void block(void)
{
	static const int sigs[] = { SIGTERM, SIGUSR1, SIGUSR2, SIGHUP, SIGWINCH, SIGURG };

	sigemptyset(&orders);
	for (size_t i = 0; i < sizeof(sigs) / sizeof(*sigs); i++)
		sigaddset(&orders, sigs[i]);
	sigprocmask(SIG_BLOCK, &orders, NULL);
}

static void wait_for_term(void)
{
	int sig;

	while (!sigwait(&orders, &sig) && sig != SIGTERM)
		trouble(sig);
}

static int accept_caller(const struct xo_caller *caller, void *arg)
{
	printf("accept vm=%s uid=%u pid=%u comm=%s\n", caller->vm, caller->uid, caller->pid,
	       caller->comm);
	return 0;
}

static void on_fault(const struct xo_fault *fault, const char *caller, void *arg)
{
	printf("fault kind=%u inside=%d caller=%s\n", fault->kind,
	       fault->rip - (uint64_t)(uintptr_t)sum_of < 0x2000, caller);
}

static int serve(struct xo *x, int argc, char **argv)
{
	struct xo_service_spec spec = { .name = argv[0],
					.entry = service,
					.allow = (const char *const *)argv + 1,
					.accept = accept_caller,
					.fault = on_fault };
	struct xo_service_stat stat;
	struct xo_service *s;

	setlinebuf(stdout);
	heap = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	victim[0] = 1;
	block();
	if (xo_service_create(x, &spec, &s)) {
		printf("%s\n", xo_error(x));
		return 1;
	}
	xo_service_stat(s, &stat);
	printf("ready reason=%u\n", stat.reason);
	wait_for_term();
	xo_service_stat(s, &stat);
	printf("ends connections=%llu calls=%llu faults=%llu reason=%u\n",
	       (unsigned long long)stat.connections, (unsigned long long)stat.calls,
	       (unsigned long long)stat.faults, stat.reason);
	xo_service_destroy(s);
	printf("ended\n");
	return 0;
}

/* ------------------------------------------------------------------ callers */

static struct xo_conn *conn;

#define CHECK(cond, ...)                                                \
	do {                                                            \
		if (!(cond)) {                                          \
			printf("line %d: not (%s): ", __LINE__, #cond); \
			printf(__VA_ARGS__);                            \
			printf("\n");                                   \
			exit(1);                                        \
		}                                                       \
	} while (0)

static int call(uint64_t op, uint64_t a1, uint64_t *v)
{
	return xo_call(conn, op, a1, 0, 0, 0, 0, v);
}

static struct timespec in_ms(long ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_nsec += ms % 1000 * 1000000;
	t.tv_sec += ms / 1000 + t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	return t;
}

static void basic(uint64_t n)
{
	uint64_t v = 0, first = 0;
	size_t size;
	char *buffer = xo_buffer(conn, &size);

	for (uint64_t i = 0; i < n; i++) {
		int err = xo_call(conn, ADD, i, 2, 3, 4, ~0ULL, &v);

		CHECK(!err, "call %llu: %s", (unsigned long long)i, strerror(-err));
		CHECK(v == i + 8, "call %llu gave %llu", (unsigned long long)i,
		      (unsigned long long)v);
	}
	CHECK(!call(COUNT, 0, &first), "count");
	for (uint64_t i = 1; i <= n; i++)
		CHECK(!call(COUNT, 1, &v) && v == first + i, "count is %llu",
		      (unsigned long long)v);
	CHECK(size == XO_GATE_BUFFER_SIZE, "size %zu", size);
	for (size_t i = 0; i < size; i++)
		CHECK(!buffer[i], "byte %zu of a new buffer", i);
	memset(buffer, 7, size);
	CHECK(!call(SUM, size, &v) && v == 7 * size, "sum %llu", (unsigned long long)v);
	CHECK(!call(SUM, size, &v) && v == 8 * size, "sum %llu", (unsigned long long)v);
	CHECK(buffer[0] == 9 && buffer[size - 1] == 9, "the caller's view");
	gethostname(buffer, XO_NAME_MAX);
	CHECK(!call(NAME, 0, &v) && v == 1, "the caller's name is not %s", buffer);
	CHECK(!call(WID, 0, &v) && v, "the caller's world");
	CHECK(!xo_call(conn, FLOAT, 22, 7, 0, 0, 0, &v) && v == 3, "float");
}

static void *one_thread(void *arg)
{
	uint64_t v, n = *(uint64_t *)arg;
	int err;

	for (uint64_t i = 0; i < n; i++) {
		do {
			err = call(SPIN, 50 + i % 500, &v);
		} while (err == -EBUSY);
		CHECK(!err && v == 50 + i % 500, "%s, %llu", strerror(-err), (unsigned long long)v);
	}
	return NULL;
}

static void threads(uint64_t n)
{
	pthread_t t[6];

	for (int i = 0; i < 6; i++)
		CHECK(!pthread_create(&t[i], NULL, one_thread, &n), "thread");
	for (int i = 0; i < 6; i++)
		pthread_join(t[i], NULL);
}

static void faults(uint64_t n)
{
	struct xo_fault fault;
	uint64_t v = 42;
	int err;

	CHECK(!xo_conn_fault(conn, &fault), "marked already");
	for (uint64_t op = BAD_NULL; op <= BAD_LAST; op++) {
		err = call(op, 0, &v);
		CHECK(err == -EFAULT && v == 42, "op %llu: error %d, value %llu",
		      (unsigned long long)op, err, (unsigned long long)v);
		CHECK(xo_conn_fault(conn, &fault), "op %llu: not marked", (unsigned long long)op);
		CHECK(fault.kind >= 1 && fault.kind <= 5 &&
			      (op != BAD_SYSCALL || fault.kind == XO_GATE_FAULT_SYSCALL),
		      "op %llu: kind %u", (unsigned long long)op, fault.kind);
		printf("op %llu: kind %u rip %#llx\n", (unsigned long long)op, fault.kind,
		       (unsigned long long)fault.rip);
		CHECK(!call(SPIN, 9, &v) && v == 9, "it does not go on after op %llu",
		      (unsigned long long)op);
		v = 42;
	}
}

static void deadline(uint64_t n)
{
	struct timespec before = in_ms(0), after, late = in_ms(100);
	uint64_t v;
	long ms;
	int err = xo_call_deadline(conn, FOREVER, 0, 0, 0, 0, 0, &v, &late);

	after = in_ms(0);
	ms = (after.tv_sec - before.tv_sec) * 1000 + (after.tv_nsec - before.tv_nsec) / 1000000;
	CHECK(err == -ETIMEDOUT, "error %d", err);
	CHECK(ms >= 99 && ms < 2000, "after %ld ms", ms);
	late = in_ms(2000);
	err = xo_call_deadline(conn, SPIN, 1000, 0, 0, 0, 0, &v, &late);
	CHECK(!err && v == 1000, "the next: error %d", err);
	printf("after %ld ms\n", ms);
}

static volatile int handled, handler_calls, handler_busy, handler_bad;

static void calling_handler(int sig)
{
	uint64_t v;
	int err = call(SPIN, 10, &v);

	handled++;
	if (!err && v == 10)
		handler_calls++;
	else if (err == -EBUSY)
		handler_busy++;
	else
		handler_bad = err ? err : 1;
}

static void every(long us)
{
	struct itimerval t = { .it_interval = { .tv_usec = us }, .it_value = { .tv_usec = us } };

	setitimer(ITIMER_REAL, &t, NULL);
}

/* Calls under a storm of signals, whose handlers call too: none is lost, none made twice. */
static void signals(uint64_t n)
{
	struct sigaction sa = { .sa_handler = calling_handler };
	uint64_t v, first, made = 0;
	struct xo_conn_stat stat;

	sigaction(SIGALRM, &sa, NULL);
	CHECK(!call(COUNT, 0, &first), "count");
	every(4000);
	for (uint64_t i = 0; i < n; i++) {
		int err = call(SPIN, 3000, &v);

		CHECK(!err && v == 3000, "call %llu: %d", (unsigned long long)i, err);
		CHECK(!call(COUNT, 1, &v), "count");
		made++;
		CHECK(v == first + made, "%llu counted, not %llu", (unsigned long long)(v - first),
		      (unsigned long long)made);
	}
	every(0);
	CHECK(!handler_bad, "a handler's call: %d", handler_bad);
	CHECK(handled && handler_calls, "no handler ran");
	xo_conn_stat(conn, &stat);
	printf("signals %d calls %d busy %d interrupted %llu\n", handled, handler_calls,
	       handler_busy, (unsigned long long)stat.interrupted);
	CHECK(stat.interrupted, "no call was interrupted");
}

static sigjmp_buf out;

static void leaving_handler(int sig)
{
	xo_abandon(conn);
	siglongjmp(out, 1);
}

/* Handlers that longjmp out of endless calls give their slots back, over vmfunc; over exit those
 * that the service still works on stay taken, and the rest is EBUSY. */
static void abandon(uint64_t n)
{
	struct sigaction sa = { .sa_handler = leaving_handler };
	volatile uint64_t i;
	uint64_t v;
	int err;

	sigaction(SIGALRM, &sa, NULL);
	for (i = 0; i < n; i++) {
		if (!sigsetjmp(out, 1)) {
			struct itimerval t = { .it_value = { .tv_usec = 30000 } };

			setitimer(ITIMER_REAL, &t, NULL);
			err = call(FOREVER, 0, &v);
			CHECK(0, "an endless call ended: %d", err);
		}
		err = call(SPIN, 10, &v);
		CHECK(!err && v == 10, "after %llu: %d", (unsigned long long)i, err);
	}
}

static void forked(uint64_t n)
{
	uint64_t v;
	int status;
	pid_t pid;

	CHECK(!call(SPIN, 5, &v), "before");
	pid = fork();
	if (!pid) {
		int err = call(SPIN, 5, &v);

		xo_disconnect(conn);
		_exit(err == -ESTALE ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && status == 0, "the child: status %#x", status);
	CHECK(!call(SPIN, 5, &v) && v == 5, "after");
}

/* A call that was inside when its service left `vmfunc` for good ends with EHOSTDOWN, once. */
static unsigned int lost;

static int call_or_lose(uint64_t op, uint64_t a1, uint64_t *v)
{
	int err = call(op, a1, v);

	if (err == -EHOSTDOWN && !lost++)
		return 1;
	CHECK(!err, "op %llu: %s", (unsigned long long)op, strerror(-err));
	return 0;
}

/* Counts for that many ms: none lost, none twice, whatever happens to the connection meanwhile. */
static void steady(uint64_t ms)
{
	struct timespec end = in_ms((long)ms), t;
	uint64_t v, last, n = 0;
	struct xo_conn_stat stat;

	CHECK(!call(COUNT, 0, &last), "count");
	printf("counts\n");
	fflush(stdout);
	do {
		if (call_or_lose(COUNT, 1, &v)) {
			CHECK(!call(COUNT, 0, &v), "count");
			last = v == last ? last - 1 : v - 1; /* it had counted, or not yet */
		}
		CHECK(v == last + 1, "call %llu: %llu after %llu", (unsigned long long)n,
		      (unsigned long long)v, (unsigned long long)last);
		last = v;
		call_or_lose(SPIN, n++ % 2000, &v);
		t = in_ms(0);
	} while (t.tv_sec < end.tv_sec || (t.tv_sec == end.tv_sec && t.tv_nsec < end.tv_nsec));
	xo_conn_stat(conn, &stat);
	printf("steady %llu lost %u engine %s reason %u calls %llu exit_calls %llu interrupted "
	       "%llu "
	       "retried "
	       "%llu\n",
	       (unsigned long long)n, lost, xo_engine_name(stat.engine), stat.reason,
	       (unsigned long long)stat.calls, (unsigned long long)stat.exit_calls,
	       (unsigned long long)stat.interrupted, (unsigned long long)stat.retried);
}

static void execs(int sig)
{
	execl("/bin/true", "true", NULL);
}

/* A caller that dies, or becomes another program, in mid-call. */
static void doomed(const char *vm, const char *service, int by_exec)
{
	struct itimerval t = { .it_value = { .tv_usec = 20000 + rand() % 50000 } };
	struct sigaction sa = { .sa_handler = by_exec ? execs : SIG_DFL };
	struct xo *x = xo_new();
	uint64_t v;

	if (!x || xo_open(x, XO_SIDE_GUEST, NULL) || xo_connect(x, vm, service, NULL, &conn))
		_exit(1);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &t, NULL);
	for (;;)
		if (call(rand() % 4 ? SPIN : FOREVER, 1000, &v))
			_exit(2);
}

static char **where;

/* n of them: page tables go and come, and the host must never take one for another's. */
static void killed(uint64_t n)
{
	int status;
	pid_t pid;

	for (uint64_t i = 0; i < n; i++) {
		srand((unsigned int)i);
		pid = fork();
		if (!pid)
			doomed(where[0], where[1], i % 3 == 0);
		CHECK(waitpid(pid, &status, 0) == pid, "wait");
		CHECK(i % 3 ? WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM : status == 0,
		      "caller %llu: status %#x", (unsigned long long)i, status);
		basic(2);
		memset(xo_buffer(conn, NULL), 0, XO_GATE_BUFFER_SIZE);
	}
}

/* Says when it is in an endless call, and how that ended. */
static void ended(uint64_t n)
{
	uint64_t v;
	int err;

	printf("calls\n");
	fflush(stdout);
	err = call(FOREVER, 0, &v);
	CHECK(err == -EHOSTDOWN, "error %d", err);
	err = call(SPIN, 1, &v);
	CHECK(err == -EHOSTDOWN, "the next: error %d", err);
}

static const struct {
	const char *name;
	void (*run)(uint64_t n);
} tests[] = {
	{ "basic", basic },	  { "threads", threads }, { "faults", faults },
	{ "deadline", deadline }, { "signals", signals }, { "abandon", abandon },
	{ "forked", forked },	  { "ended", ended },	  { "steady", steady },
	{ "killed", killed },
};

static void right_engine(void)
{
	const char *wanted = getenv("XO_TEST_ENGINE");
	struct xo_conn_stat stat;

	xo_conn_stat(conn, &stat);
	printf("engine %s calls %llu exit_calls %llu interrupted %llu retried %llu faults %llu\n",
	       xo_engine_name(stat.engine), (unsigned long long)stat.calls,
	       (unsigned long long)stat.exit_calls, (unsigned long long)stat.interrupted,
	       (unsigned long long)stat.retried, (unsigned long long)stat.faults);
	if (!wanted)
		return;
	CHECK(!strcmp(xo_engine_name(stat.engine), wanted), "reason %u", stat.reason);
	CHECK(stat.engine == XO_ENGINE_EXIT ? !stat.calls : !stat.exit_calls, "both engines");
}

static int run(struct xo *x, const char *test, char **argv, uint64_t n)
{
	const struct xo_connect_opts opts = { .slots = 8 };
	int err;

	for (size_t i = 0; i < sizeof(tests) / sizeof(*tests); i++) {
		if (strcmp(tests[i].name, test))
			continue;
		where = argv;
		err = xo_connect(x, argv[0], argv[1], &opts, &conn);
		if (err) {
			printf("connect %d: %s\n", err, xo_error(x));
			return 1;
		}
		tests[i].run(n);
		if (strcmp(test, "ended") && strcmp(test, "steady"))
			right_engine();
		xo_disconnect(conn);
		printf("ok\n");
		return 0;
	}
	printf("no such test: %s\n", test);
	return 2;
}

int main(int argc, char **argv)
{
	struct xo *x = xo_new();

	if (argc < 3 || !x || xo_open(x, XO_SIDE_ANY, NULL)) {
		printf("xo_svc: %s\n", argc < 3 ? "see its source" : xo_error(x));
		return 2;
	}
	if (!strcmp(argv[1], "serve"))
		return serve(x, argc - 2, argv + 2);
	return run(x, argv[1], argv + 2, argc > 4 ? strtoull(argv[4], NULL, 0) : 0);
}
