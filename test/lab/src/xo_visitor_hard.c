// SPDX-License-Identifier: GPL-2.0
/* clang-format off: a table
 *
 * xo_visitor_hard: system calls by visits that fault, wait, wake others, set timers, patch text.
 *
 *	xo_visitor_hard faults CALLEE N FILE      N sessions: FILE, the same in both, is read into memory that
 *	                                          neither side has touched
 *	xo_visitor_hard cow CALLEE N FILE         N sessions whose stub's memory is the zero page until it is written
 *	xo_visitor_hard denied CALLEE N FILE      into memory that is not there, or not to be written: EFAULT
 *	xo_visitor_hard disk CALLEE N FILE        FILE is not in the callee's memory, and the same in both
 *	xo_visitor_hard reads CALLEE N PATH TEXT  PATH is read, and says TEXT
 *	xo_visitor_hard writes CALLEE N PATH TEXT...  the TEXTs are written there in turns; what ends in '?'
 *	                                          is read again
 *	xo_visitor_hard kills CALLEE N PID        sends signals, one after the other
 *	xo_visitor_hard counts N                  in the callee: ends when it has got N of these
 *
 * Each says how many of its calls began as visits, and how many of those ended without an exit while away.
 * clang-format on */
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <crossover/mark.h>
#include "xo_session.h"

#define PAGE   4096UL
#define LONG   60000	   /* bytes: most of a slot */
#define STACK  (4UL << 20) /* bytes: what is larger is a thread's */
#define SIGNAL SIGRTMIN

/* ------------------------------------------------------------------ counted calls */

static struct tally {
	unsigned long calls, visits, clean, faulted;
} tally;

static struct xo_counts one;

static void begin(void)
{
	xo_mark_begin(0);
}

/* True: it was a visit, without an exit while away. (At home memory may be new to the host.) */
static bool end(void)
{
	bool visit, clean;

	xo_mark_end(0);
	xo_mark_read(0, &one);
	if (!one.valid)
		DIE("nobody counts here");
	visit = one.own.away_instructions;
	clean = visit && !one.own.exits_away;
	tally.calls++;
	tally.visits += visit;
	tally.clean += clean;
	return clean;
}

static void told(const char *what)
{
	usleep(500000); /* for who looks at the session's record */
	printf("%s: right calls=%lu visits=%lu clean=%lu faulted=%lu\n", what, tally.calls,
	       tally.visits, tally.clean, tally.faulted);
}

static int opened(int fd, const char *path, int flags)
{
	int64_t there = remote_open(fd, path, flags);

	if (there < 0)
		DIE("%s: %s", path, strerror(-there));
	return there;
}

static void closed(int fd, int there)
{
	int64_t ret = remote_close(fd, there);

	if (ret)
		DIE("close: result %lld", (long long)ret);
}

/* Until calls are visits. They take nothing but the slot's header. */
static void warm_up(int fd)
{
	for (int i = 0; i < 100; i++) {
		int64_t pid = 0;

		xo_mark_begin(0);
		if (call(fd, SYS_getpid, &pid) || pid <= 0)
			DIE("getpid: result %lld", (long long)pid);
		xo_mark_end(0);
		xo_mark_read(0, &one);
		if (one.own.away_instructions)
			return;
		usleep(30000);
	}
	DIE("no visits");
}

static int local(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		DIE("%s: %m", path);
	return fd;
}

static void *untouched(size_t bytes, int prot)
{
	void *at = mmap(NULL, bytes, prot, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		DIE("mmap: %m");
	return at;
}

static void compare(int here, const char *got, int64_t len, uint32_t bytes, off_t at)
{
	static char want[LONG];
	ssize_t n = pread(here, want, bytes, at);

	if (n != len || memcmp(want, got, len))
		DIE("at %ld: %lld bytes, not %zd, or others", (long)at, (long long)len, n);
}

/* ------------------------------------------------------------------ what the stub is */

/* Page faults of the stub's so far. */
static unsigned long faults(int fd, int stat)
{
	char text[512] = "", *p;
	unsigned long minor, major;

	if (remote_pread(fd, stat, text, sizeof(text) - 1, 0) <= 0)
		DIE("/proc/self/stat");
	p = strrchr(text, ')');
	if (!p || sscanf(p, ") %*c %*d %*d %*d %*d %*d %*u %lu %*u %lu", &minor, &major) != 2)
		DIE("/proc/self/stat: '%s'", text);
	return minor + major;
}

/* Reads a byte of each page of the stub's private memory: where it was never written, the zero page
 * is there then. */
static void peek(int fd)
{
	static char maps[64 << 10];
	int there = opened(fd, "/proc/self/maps", O_RDONLY), mem;
	struct xo_g_call c = { .nr = SYS_read, .args = { there, 0, PAGE } };
	unsigned long from, to;
	size_t len = 0;
	char byte;

	for (int64_t n = 1; n > 0 && len < sizeof(maps) - PAGE; len += n) {
		n = raw(fd, &c, NULL, 0, maps + len, PAGE);
		if (n < 0)
			DIE("/proc/self/maps: result %lld", (long long)n);
	}
	closed(fd, there);
	mem = opened(fd, "/proc/self/mem", O_RDONLY);
	for (char *line = strtok(maps, "\n"); line; line = strtok(NULL, "\n")) {
		if (sscanf(line, "%lx-%lx", &from, &to) != 2 || !strstr(line, " rw-p ") ||
		    to - from > STACK)
			continue;
		for (; from < to; from += PAGE)
			if (remote_pread(fd, mem, &byte, 1, from) != 1)
				DIE("/proc/self/mem at %lx", from);
	}
	closed(fd, mem);
}

/* ------------------------------------------------------------------ memory that is not there yet
 */

static void do_faults(const char *callee, const char *file)
{
	int fd = session(callee), stat = opened(fd, "/proc/self/stat", O_RDONLY),
	    there = opened(fd, file, O_RDONLY), here = local(file);
	unsigned long before;
	char *to = untouched(LONG, PROT_READ | PROT_WRITE);
	int64_t len;
	bool clean;

	warm_up(fd);
	before = faults(fd, stat);
	begin();
	len = remote_pread(fd, there, to, LONG, 100);
	clean = end();
	/* A page of the slot that was touched before, and its header, are there. */
	if (clean && faults(fd, stat) - before >= LONG / PAGE - 2)
		tally.faulted++;
	compare(here, to, len, LONG, 100);
	munmap(to, LONG);
	close(here);
	close(fd);
}

/* A path so long that the stub's room for it goes over into a page that no call has used. */
static const char *long_path(const char *file)
{
	static char path[4000];
	size_t name = strlen(file) - strlen("/tmp");

	memset(path, '/', sizeof(path));
	memcpy(path, "/tmp", strlen("/tmp"));
	strcpy(path + sizeof(path) - name - 1, file + strlen("/tmp"));
	return path;
}

static void do_cow(const char *callee, const char *file)
{
	int fd = session(callee), stat = opened(fd, "/proc/self/stat", O_RDONLY),
	    here = local(file);
	unsigned long before;
	char got[PAGE];
	int64_t there;
	bool clean;

	warm_up(fd);
	peek(fd);
	before = faults(fd, stat);
	begin();
	there = remote_open(fd, long_path(file), O_RDONLY);
	clean = end();
	if (there < 0)
		DIE("open by a long path: result %lld", (long long)there);
	if (clean && faults(fd, stat) > before)
		tally.faulted++;
	compare(here, got, remote_pread(fd, there, got, sizeof(got), 5), sizeof(got), 5);
	closed(fd, there);
	close(here);
	close(fd);
}

static void sessions(const char *what, void (*each)(const char *callee, const char *file),
		     const char *callee, unsigned long n, const char *file)
{
	for (unsigned long i = 0; i < n; i++)
		each(callee, file);
	told(what);
}

/* Into `to`, or from there, it cannot be: the call fails here, and the next is right. */
static void refused(int fd, int there, int here, void *to)
{
	struct xo_g_call c = { .nr = SYS_pread64, .args = { there, 0, PAGE, 0 } };
	char got[PAGE];
	int err;

	begin();
	err = try_raw(fd, &c, NULL, 0, to, PAGE);
	end();
	if (err != -EFAULT)
		DIE("read into %p: %d, result %lld", to, err, (long long)c.result);
	compare(here, got, remote_pread(fd, there, got, PAGE, 7), PAGE, 7);
}

static void denied(const char *callee, unsigned long n, const char *file)
{
	int fd = session(callee), there = opened(fd, file, O_RDONLY), here = local(file);
	char *half = untouched(2 * PAGE, PROT_READ | PROT_WRITE),
	     *fixed = untouched(PAGE, PROT_READ);

	munmap(half + PAGE, PAGE);
	warm_up(fd);
	for (unsigned long i = 0; i < n; i++) {
		refused(fd, there, here, half + PAGE / 2);
		refused(fd, there, here, fixed);
	}
	told("denied");
}

/* ------------------------------------------------------------------ others that it needs */

static void put(int fd, const char *path, const char *text, size_t len)
{
	int there = opened(fd, path, O_WRONLY);
	struct xo_g_call c = { .nr = SYS_write, .args = { there, 0, len } };
	int64_t ret;

	begin();
	ret = raw(fd, &c, text, len, NULL, 0);
	end();
	if (ret != (int64_t)len)
		DIE("%s: '%s': result %lld", path, text, (long long)ret);
	closed(fd, there);
}

static void disk(const char *callee, unsigned long n, const char *file)
{
	int fd = session(callee), there = opened(fd, file, O_RDONLY), here = local(file);
	char *got = untouched(PAGE, PROT_READ | PROT_WRITE);
	struct stat st;

	fstat(here, &st);
	warm_up(fd);
	put(fd, "/proc/sys/vm/drop_caches", "4", 1); /* quietly */
	memset(&tally, 0, sizeof(tally));
	for (unsigned long i = 0; i < n; i++) {
		off_t at = i * 101 * PAGE % (st.st_size - PAGE);
		struct tally before = tally;
		int64_t len;

		put(fd, "/proc/sys/vm/drop_caches", "1", 1);
		tally = before;
		begin();
		len = remote_pread(fd, there, got, PAGE, at);
		end();
		compare(here, got, len, PAGE, at);
	}
	told("disk");
}

static void says(int fd, const char *path, const char *text)
{
	int there = opened(fd, path, O_RDONLY);
	char got[64] = "";
	int64_t len;

	begin();
	len = remote_pread(fd, there, got, sizeof(got) - 1, 0);
	end();
	if (len != (int64_t)strlen(text) + 1 || strncmp(got, text, len - 1) || got[len - 1] != '\n')
		DIE("%s: '%s', not '%s'", path, got, text);
	closed(fd, there);
}

static void reads(const char *callee, unsigned long n, const char *path, const char *text)
{
	int fd = session(callee);

	warm_up(fd);
	for (unsigned long i = 0; i < n; i++)
		says(fd, path, text);
	told(path);
}

static void writes(const char *callee, unsigned long n, const char *path, int texts, char **text)
{
	int fd = session(callee);

	warm_up(fd);
	for (unsigned long i = 0; i < n; i++) {
		char copy[64];
		size_t len = strlen(text[i % texts]);
		bool again = text[i % texts][len - 1] == '?';

		if (len >= sizeof(copy))
			DIE("'%s' is too long", text[i % texts]);
		memcpy(copy, text[i % texts], len + 1);
		len -= again;
		copy[len] = 0;
		put(fd, path, copy, len);
		if (again)
			says(fd, path, copy);
	}
	told(path);
}

static void kills(const char *callee, unsigned long n, int pid)
{
	struct xo_g_call c = { .nr = SYS_kill, .args = { pid, SIGNAL } };
	int fd = session(callee);

	warm_up(fd);
	for (unsigned long i = 0; i < n; i++) {
		begin();
		if (raw(fd, &c, NULL, 0, NULL, 0))
			DIE("kill: result %lld", (long long)c.result);
		end();
		usleep(5000); /* it waits again */
	}
	told("kills");
}

static void counts(unsigned long n)
{
	struct timespec most = { .tv_sec = 100 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGNAL);
	sigprocmask(SIG_BLOCK, &set, NULL);
	printf("counts: ready\n");
	for (unsigned long i = 0; i < n; i++)
		if (sigtimedwait(&set, NULL, &most) < 0)
			DIE("after %lu signals: %m", i);
	most.tv_sec = 1;
	if (sigtimedwait(&set, NULL, &most) > 0)
		DIE("more than %lu signals", n);
	printf("counts: right\n");
}

int main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";
	unsigned long n = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 5 && !strcmp(verb, "faults"))
		sessions(verb, do_faults, argv[2], n, argv[4]);
	else if (argc == 5 && !strcmp(verb, "cow"))
		sessions(verb, do_cow, argv[2], n, argv[4]);
	else if (argc == 5 && !strcmp(verb, "denied"))
		denied(argv[2], n, argv[4]);
	else if (argc == 5 && !strcmp(verb, "disk"))
		disk(argv[2], n, argv[4]);
	else if (argc == 6 && !strcmp(verb, "reads"))
		reads(argv[2], n, argv[4], argv[5]);
	else if (argc > 5 && !strcmp(verb, "writes"))
		writes(argv[2], n, argv[4], argc - 5, argv + 5);
	else if (argc == 5 && !strcmp(verb, "kills"))
		kills(argv[2], n, atoi(argv[4]));
	else if (argc == 3 && !strcmp(verb, "counts"))
		counts(strtoul(argv[2], NULL, 10));
	else
		DIE("see the top of xo_visitor_hard.c");
	return 0;
}
