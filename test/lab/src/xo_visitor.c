// SPDX-License-Identifier: GPL-2.0
/* clang-format off: a table
 *
 * xo_visitor: system calls by visits, counted and disturbed. WANT: their result; -1: any above 0.
 *
 *	xo_visitor calls CALLEE NR N WANT       in the caller: N calls; how many were by visits, their
 *	                                        counts, and all exits meanwhile
 *	xo_visitor forced CALLEE NR WANT AGAIN  an exit before each instruction away; AGAIN: and another
 *	                                        so many instructions later (0: none)
 *	xo_visitor ticked CALLEE NR WANT AGAIN  the same with interrupts of the host, AGAIN and again
 *	xo_visitor until CALLEE NR WANT S [REST]  calls for S seconds or until SIGTERM, whatever becomes of
 *	                                        them; and REST milliseconds after each eighth
 *	xo_visitor notsc COMMAND...             runs it so that it may not read the TSC (CR4.TSD)
 *	xo_visitor nowait CALLEE NR WANT S      calls for S seconds that may not wait, and how those ended
 *	xo_visitor idle CALLEE S                a session that made some calls, and makes none for S seconds
 *	xo_visitor visits                       in either: visits of each link, as counted there
 *	xo_visitor tsc                          in any: the time-stamp counter
 *	xo_visitor records                      in the host: records and their counters
 * clang-format on */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>
#include <crossover/mark.h>
#include "xo_session.h"

/* WANT -1: anything above 0. */
static int is_right(int64_t result, int64_t want)
{
	return want >= 0 ? result == want : result > 0;
}

static void must(int fd, uint32_t nr, int64_t want)
{
	int64_t result = 0;
	int err = call(fd, nr, &result);

	if (err)
		DIE("call %u: %s", nr, strerror(-err));
	if (!is_right(result, want))
		DIE("call %u: result %lld, not %lld", nr, (long long)result, (long long)want);
}

/* What visits need: slots bound by a first call over exit, a stub that has parked. */
static void warm_up(int fd, uint32_t nr, int64_t want)
{
	for (int i = 0; i < 20; i++) {
		must(fd, nr, want);
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
static void calls(const char *callee, uint32_t nr, unsigned long n, int64_t want)
{
	static struct xo_counts all, one;
	struct xo_count_set best = { .instructions = ~0ULL };

	int fd = session(callee);

	warm_up(fd, nr, want);
	for (unsigned long i = 0; i < 200; i++) {
		int64_t result = 0;

		xo_mark_begin(1);
		call(fd, nr, &result);
		xo_mark_end(1);
		xo_mark_read(1, &one);

		if (one.valid && one.own.away_instructions && !one.own.exits &&
		    one.own.instructions < best.instructions)
			best = one.own;
	}
	xo_mark_begin(0);
	for (unsigned long i = 0; i < n; i++)
		must(fd, nr, want);
	xo_mark_end(0);
	xo_mark_read(0, &all);
	printf("best instructions=%lu away=%lu vmfuncs=%lu cr3_loads=%lu exits=%lu\n",
	       best.instructions, best.away_instructions, best.vmfuncs, best.cr3_loads, best.exits);
	printf("all calls=%lu instructions=%lu away=%lu vmfuncs=%lu", n, all.own.instructions,
	       all.own.away_instructions, all.own.vmfuncs);
	print_exits(&all);
	putchar('\n');
}

static void forced(const char *callee, uint32_t nr, int64_t want, uint64_t again, bool host)
{
	unsigned long fired = 0, second = 0, none = 0, exits = 0;
	int fd = session(callee);
	uint64_t k, last = 0;

	warm_up(fd, nr, want);
	for (k = 1; none < 50 && k < 20000; k++) {
		struct xo_forced f = { 0 };
		int tries;

		for (tries = 0; tries < 50; tries++) {
			(host ? xo_mark_force_host : xo_mark_force)(k, again);
			must(fd, nr, want);
			xo_mark_forced(&f);
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
	printf("forced nr=%u fired=%lu twice=%lu last=%lu exits=%lu\n", nr, fired, second, last,
	       exits);
}

static volatile sig_atomic_t stop;

static void on_term(int sig)
{
	stop = sig;
}

static void until(const char *callee, uint32_t nr, int64_t want, int seconds, int rest)
{
	time_t end = time(NULL) + seconds;
	unsigned long right = 0, wrong = 0, failed = 0, sessions = 0;
	int64_t result = 0;
	int fd = -1, err;

	signal(SIGTERM, on_term);
	while (!stop && time(NULL) < end) {
		if (fd < 0) {
			fd = try_session(callee);
			if (fd < 0) {
				usleep(20000);
				continue;
			}
			sessions++;
		}
		err = call(fd, nr, &result);
		if (err) {
			failed++;
			if (err != -EHOSTDOWN && !(stop && err == -EINTR))
				DIE("call %u: %s", nr, strerror(-err));
			close(fd);
			fd = -1;
		} else if (is_right(result, want)) {
			if (++right % 8 == 0 && rest)
				usleep(rest * 1000);
		} else {
			wrong++;
		}
	}
	printf("until sessions=%lu right=%lu wrong=%lu hostdown=%lu\n", sessions, right, wrong,
	       failed);
	if (wrong)
		exit(1);
}

static void idle(const char *callee, int seconds)
{
	int fd = session(callee);

	signal(SIGTERM, on_term);
	warm_up(fd, 39, -1);
	while (!stop && seconds--)
		sleep(1);
	if (!stop)
		must(fd, 39, -1);
}

static void visits(void)
{
	struct xo_g_link_info l = { .revision = XO_ABI_REVISION };
	int fd = open_device();

	while (!ioctl(fd, XO_G_LINK_INFO, &l)) {
		printf("%llu\n", (unsigned long long)l.visits);
		l.after = l.id;
	}
	if (errno != ENOENT)
		DIE("XO_G_LINK_INFO: %m");
}

static void records(void)
{
	struct xo_h_record_info r = { .revision = XO_ABI_REVISION };
	int fd = open_device();

	while (!ioctl(fd, XO_H_RECORD_INFO, &r)) {
		printf("record %llu state=%u parks=%llu wakes=%llu kicks=%llu evictions=%llu "
		       "again=%llu finished=%llu faults=%llu suspensions=%llu "
		       "resumptions=%llu taken_over=%llu descheduled=%llu injected=%llu "
		       "unfit=%llu",
		       (unsigned long long)r.id, r.state, (unsigned long long)r.parks,
		       (unsigned long long)r.wakes, (unsigned long long)r.kicks,
		       (unsigned long long)r.evictions, (unsigned long long)r.again,
		       (unsigned long long)r.finished, (unsigned long long)r.faults,
		       (unsigned long long)r.suspensions, (unsigned long long)r.resumptions,
		       (unsigned long long)r.taken_over, (unsigned long long)r.descheduled,
		       (unsigned long long)r.injected, (unsigned long long)r.unfit);
		for (int i = 0; i < 80; i++)
			if (r.evicted_by[i])
				printf(" by_%d=%llu", i, (unsigned long long)r.evicted_by[i]);
		putchar('\n');
		r.after = r.id;
	}
	if (errno != ENOENT)
		DIE("XO_H_RECORD_INFO: %m");
}

static void notsc(char **command)
{
	if (prctl(PR_SET_TSC, PR_TSC_SIGSEGV))
		DIE("PR_SET_TSC: %m");
	execvp(command[0], command);
	DIE("%s: %m", command[0]);
}

/* One at a time: what cannot begin at once is given up, and made anew; now and then by one that
 * waits. */
static void nowait(const char *callee, uint32_t nr, int64_t want, int seconds)
{
	unsigned long right = 0, busy = 0, longest = 0;
	int fd = session(callee);
	time_t end;

	warm_up(fd, nr, want);
	end = time(NULL) + seconds;
	while (time(NULL) < end) {
		unsigned long begin = __builtin_ia32_rdtsc(), ticks;
		int64_t result = 0;
		int err = call_op(fd, XO_OP_SYSCALL | XO_CALL_NOWAIT, nr, &result);

		ticks = __builtin_ia32_rdtsc() - begin;
		if (err && ticks > longest)
			longest = ticks;
		if (err && err != -EBUSY)
			DIE("call %u: %s", nr, strerror(-err));
		if (!err && !is_right(result, want))
			DIE("call %u: result %lld, not %lld", nr, (long long)result,
			    (long long)want);
		right += !err;
		busy += err == -EBUSY;
		if (err)
			usleep(1000);
		if (err && busy % 64 == 0)
			must(fd, nr, want);
	}
	printf("nowait right=%lu busy=%lu longest_busy_ticks=%lu\n", right, busy, longest);
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc == 6 && !strcmp(argv[1], "calls"))
		calls(argv[2], atoi(argv[3]), strtoul(argv[4], NULL, 10), atoll(argv[5]));
	else if (argc == 6 && (!strcmp(argv[1], "forced") || !strcmp(argv[1], "ticked")))
		forced(argv[2], atoi(argv[3]), atoll(argv[4]), strtoul(argv[5], NULL, 10),
		       argv[1][0] == 't');
	else if (argc == 6 && !strcmp(argv[1], "nowait"))
		nowait(argv[2], atoi(argv[3]), atoll(argv[4]), atoi(argv[5]));
	else if ((argc == 6 || argc == 7) && !strcmp(argv[1], "until"))
		until(argv[2], atoi(argv[3]), atoll(argv[4]), atoi(argv[5]),
		      argc == 7 ? atoi(argv[6]) : 0);
	else if (argc > 2 && !strcmp(argv[1], "notsc"))
		notsc(argv + 2);
	else if (argc == 4 && !strcmp(argv[1], "idle"))
		idle(argv[2], atoi(argv[3]));
	else if (argc == 2 && !strcmp(argv[1], "tsc"))
		printf("%llu\n", __builtin_ia32_rdtsc());
	else if (argc == 2 && !strcmp(argv[1], "visits"))
		visits();
	else if (argc == 2 && !strcmp(argv[1], "records"))
		records();
	else
		DIE("see the top of xo_visitor.c");
	if (getenv("XO_STAY")) /* for who looks at the session's record */
		pause();
	return 0;
}
