// SPDX-License-Identifier: GPL-2.0
/*
 * Calls that signals interrupt, at any moment from before they begin to after they have ended: a
 * read that would never end by itself, and then short calls, which often have the same slot.
 *
 *	xo_visitor_cancel CALLEE PIPE N		PIPE is a FIFO in the callee, and empty
 *
 * None is interrupted without a signal, and none that a signal interrupts goes on in the callee.
 * Tells how many of each, and keeps its session until it is killed.
 */
#include <signal.h>
#include <stdbool.h>
#include <sys/time.h>
#include "xo_session.h"

#define SHORT	8    /* calls behind each that blocks */
#define LATE_US 1500 /* at most, until the first signal; then so often: */
#define NEXT_US 4000

static volatile sig_atomic_t came;

static void on_alarm(int sig)
{
	came++;
}

static void alarms(long first_us, long then_us)
{
	const struct itimerval it = { { 0, then_us }, { 0, first_us } };

	setitimer(ITIMER_REAL, &it, NULL);
}

/* True: interrupted, by a signal that came meanwhile. Else *result is the callee's. */
static bool interrupted(int fd, struct xo_g_call *c, void *out, uint32_t room)
{
	int was = came, err = try_raw(fd, c, NULL, 0, out, room);

	if (err && err != -EINTR)
		DIE("call %u: %s", c->nr, strerror(-err));
	if (!err && c->result != -EINTR)
		return false;
	if (came == was)
		DIE("call %u was interrupted, and by nothing", c->nr);
	return true;
}

int main(int argc, char **argv)
{
	const struct sigaction sa = { .sa_handler = on_alarm };
	unsigned long n, i, k, cut = 0, right = 0;
	int64_t pid = 0;
	char got[64];
	int fd, there;

	if (argc != 4)
		DIE("CALLEE PIPE N");
	n = strtoul(argv[3], NULL, 0);
	fd = session(argv[1]);
	there = remote_open(fd, argv[2], O_RDWR);
	if (there < 0 || call(fd, SYS_getpid, &pid) || pid <= 0)
		DIE("open: %d, getpid: %lld", there, (long long)pid);
	sigaction(SIGALRM, &sa, NULL);
	srand(n);
	for (i = 0; i < n; i++) {
		struct xo_g_call read = { .nr = SYS_read, .args = { there, 0, sizeof(got) } };

		alarms(1 + rand() % LATE_US, NEXT_US);
		if (!interrupted(fd, &read, got, sizeof(got)))
			DIE("read of nothing: result %lld", (long long)read.result);
		alarms(1 + rand() % LATE_US, 0);
		for (k = 0; k < SHORT; k++) {
			struct xo_g_call get = { .nr = SYS_getpid };

			if (interrupted(fd, &get, NULL, 0))
				cut++;
			else if (get.result == pid)
				right++;
			else
				DIE("getpid: result %lld", (long long)get.result);
		}
		alarms(0, 0);
	}
	printf("cancel: reads interrupted=%lu short calls right=%lu interrupted=%lu\n", n, right,
	       cut);
	fflush(stdout);
	for (;;)
		pause();
}
