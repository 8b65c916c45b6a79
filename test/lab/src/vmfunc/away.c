// SPDX-License-Identifier: GPL-2.0
/* xo_caller: that the service's code ran away, on this very CPU, and that nobody left for it. */
#include <setjmp.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>

#include "caller.h"
#include "crossover/mark.h"

#define CALLS 1000
#define PAGE  4096

static sigjmp_buf caught;

static void catch (int sig)
{
	siglongjmp(caught, sig);
}

/* What a plain read at home finds there: 0 if anything can be read. */
static int signal_of_read(const void *at)
{
	int sig = sigsetjmp(caught, 1);

	if (!sig)
		(void)*(volatile const uint64_t *)at;
	return sig;
}

static void own_page(uint64_t at)
{
	uint64_t *page = mmap((void *)at, PAGE, PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);

	CHECK(page == (void *)at, "this program has something at %#lx, too", at);
	*page = 0x656d6f68; /* "home" */
}

/* The owner's secret: the service reads and writes it, we see what we have there or nothing. */
static void case_secret(const struct run *r)
{
	struct sigaction action = { .sa_handler = catch };
	struct xo_conn *conn = run_connect(r, "plain", 1);
	uint64_t at = run_call(conn, PLAIN_SECRET_AT, 0, 0, 0, 0, 0), secret_was;

	sigaction(SIGSEGV, &action, NULL);
	CHECK(signal_of_read((void *)at) == SIGSEGV, "home can read the owner's page at %#lx", at);
	secret_was = run_call(conn, PLAIN_SECRET, 42, 0, 0, 0, 0);
	printf("secret %lu\n", secret_was);
	own_page(at);
	CHECK(run_call(conn, PLAIN_SECRET, 43, 0, 0, 0, 0) == 42,
	      "the owner's page was not written");
	CHECK(*(uint64_t *)at == 0x656d6f68, "the call wrote the caller's page");
	for (uint64_t i = 0; i < 100; i++)
		CHECK(run_call(conn, PLAIN_SECRET, 44 + i, 0, 0, 0, 0) == 43 + i, "write %lu", i);
	CHECK(*(uint64_t *)at == 0x656d6f68, "a call wrote the caller's page");
	printf("left %lu\n", 143UL);
	munmap((void *)at, PAGE);
	xo_disconnect(conn);
}

/* What comes by itself: interrupts, their windows, the guest's timer; and that it is set anew. */
static uint64_t clocks(const struct xo_counts *c)
{
	uint64_t ticks = c->vcpu_exit[1] + c->vcpu_exit[7] + c->vcpu_exit[52];
	uint64_t sets = c->vcpu_exit[32];

	return ticks + (sets < ticks ? sets : ticks);
}

static uint64_t exits(const struct xo_counts *c)
{
	uint64_t sum = 0;

	for (int i = 0; i < XO_COUNT_EXITS; i++)
		sum += c->vcpu_exit[i];
	return sum;
}

/* A thousand null calls: four VMFUNCs each, and no exit but the clock's. */
static void case_no_exit(const struct run *r)
{
	static struct xo_counts c;
	struct xo_conn *conn = run_connect(r, "null", 1);
	uint64_t first, last = 0, wrong = 0;

	run_call(conn, 0, 0, 0, 0, 0, 0);
	first = run_call(conn, 0, 0, 0, 0, 0, 0);
	memset(&c, 0, sizeof(c));
	xo_mark_begin(12);
	for (int i = 0; i < CALLS; i++)
		wrong |= (uint64_t)xo_call(conn, 0, 0, 0, 0, 0, 0, &last);
	xo_mark_end(12);
	xo_mark_read(12, &c);
	CHECK(c.valid, "nobody counts here");
	CHECK(!wrong && last == first + CALLS, "%lu of %d calls counted", last - first, CALLS);
	printf("%d null calls: instructions %lu, away %lu, vmfuncs %lu, exits %lu (clock's %lu), "
	       "away at %lu\n",
	       CALLS, c.own.instructions, c.own.away_instructions, c.own.vmfuncs, exits(&c),
	       clocks(&c), c.own.exits_away);
	for (int i = 0; i < XO_COUNT_EXITS; i++)
		if (c.vcpu_exit[i])
			printf("exits of reason %d: %lu\n", i, c.vcpu_exit[i]);
	CHECK(exits(&c) == clocks(&c), "exits that the clock did not make");
	CHECK(c.own.away_instructions >= CALLS * 30, "too few instructions away");
	/* Who is interrupted goes the way again, or is brought the rest of it by the host. */
	CHECK(c.own.vmfuncs + c.own.exits_away * 4 >= CALLS * 4 &&
		      c.own.vmfuncs <= CALLS * 4 + c.own.exits_away * 4,
	      "not four VMFUNCs a call");
	xo_disconnect(conn);
}

/*
 * VMFUNC leaf 0 where no gate is armed: no such instruction, with any index. For VMs and processes
 * that are no callers, and for everybody once the module is gone.
 */
void check_dead(void)
{
	static const uint32_t index[] = { 0, 1, 2, 3, 511, 512 };
	struct sigaction action = { .sa_handler = catch };

	sigaction(SIGILL, &action, NULL);
	sigaction(SIGSEGV, &action, NULL);
	for (size_t i = 0; i < sizeof(index) / sizeof(index[0]); i++) {
		volatile int sig = sigsetjmp(caught, 1);

		if (!sig)
			__asm__ volatile("vmfunc" : : "a"(0), "c"(index[i]) : "memory");
		CHECK(sig == SIGILL, "VMFUNC with index %u ends with signal %d", index[i], sig);
	}
}

const struct run_case away_cases[] = {
	{ "secret", case_secret },
	{ "no-exit", case_no_exit },
	{ NULL, NULL },
};
