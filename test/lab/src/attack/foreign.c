// SPDX-License-Identifier: GPL-2.0
/*
 * The gate entered with the CR3 of another process, which is connected, too, or was: in ring 0, and
 * in ring 3, where the caller's kernel lets one process run on another's page tables. To the host
 * that *is* the other process: its gate, its slots, its save page; and nobody, once it has none.
 */
#include "ring0.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gate_blob.h"

#define PAGE   4096UL
#define RESULT 42 /* of OP_SUM with 20 and 1 */

static int device, to_other[2], from_other[2], own_text = -1;
static uint8_t *text;
static pid_t other;

/* Both have the same pages for a gate's text, and the page below: who writes it, does so for both.
 */
static void map_text(void)
{
	if (mmap(text - PAGE, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_SHARED | MAP_FIXED | MAP_POPULATE, own_text, 0) != text - PAGE)
		die("cannot map shared pages over the gate: %s", strerror(errno));
}

static void share_text(void)
{
	uint8_t copy[PAGE];

	memcpy(copy, text, PAGE);
	map_text();
	memcpy(text, copy, PAGE);
}

/* What is needed on these page tables must be mapped: nobody is there to answer a page fault. */
static void touch(const void *at)
{
	*(const volatile uint8_t *)at;
}

static void prepare(void)
{
	ring0_save();
	touch((const void *)ring0_back);
	touch(text);
}

/* ------------------------------------------------------------------ the other process
 *
 * 'p': a plain call; 'd': disconnects; answers '1', or '0' if that went wrong. */

static void other_main(void)
{
	char order, answer;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	text = ring0_connect();
	share_text();
	prepare();
	answer = ring0_plain_call() ? '1' : '0';
	prepare();
	while (write(from_other[1], &answer, 1) == 1 && read(to_other[0], &order, 1) == 1) {
		answer = '1';
		if (order == 'd') {
			/* Its slots are unmapped with that; what it has there goes on to be. */
			ring0_disconnect();
			map_text();
			touch(text);
			touch(text - PAGE);
			continue;
		}
		if (!ring0_plain_call())
			answer = '0';
		prepare();
	}
	_exit(0);
}

static bool other_says(void)
{
	char answer = '0';

	return read(from_other[0], &answer, 1) == 1 && answer == '1';
}

static bool other_does(char order)
{
	return write(to_other[1], &order, 1) == 1 && other_says();
}

static void start_other(void)
{
	own_text = memfd_create("text", 0);
	if (own_text < 0 || ftruncate(own_text, 2 * PAGE) || pipe(to_other) || pipe(from_other))
		die("cannot prepare another process: %s", strerror(errno));
	fflush(stdout);
	other = fork();
	if (!other)
		other_main();
	if (other < 0 || !other_says())
		die("the other process cannot call");
}

/* ------------------------------------------------------------------ on its page tables */

struct sums {
	uint64_t tries, returned, served, vectors[33], leaks, wrong;
};

static void one(struct sums *s, uint32_t k, bool ring3)
{
	struct xa_run run = { .which = XA_CR3_PID,
			      .cr3 = (uint64_t)other,
			      .ring3 = ring3,
			      .rip = (uint64_t)text + k - 3 };
	uint64_t given[16] = { 0 };
	uint32_t i;

	run.r[RCX] = 1;
	run.r[RDI] = OP_SUM;
	run.r[RSI] = 20;
	run.r[RDX] = 1;
	run.r[RSP] = ring0_frame();
	run.flags = 2;
	memcpy(text + k - 3, "\x0f\x01\xd4", 3);
	if (ioctl(device, XA_RUN, &run))
		die("XA_RUN: %s", strerror(errno));
	memcpy(text, xo_gate_text, PAGE);
	s->tries++;
	s->vectors[run.vector < 32 ? run.vector : 32]++;
	s->returned += run.rip == (uint64_t)ring0_back;
	s->served += run.rip == (uint64_t)ring0_back && run.r[RAX] == RESULT;
	for (i = 0; i < 16; i++)
		s->leaks += looks_like_eptp((uint64_t)run.r[i], given);
}

static void every_byte(const char *what, bool ring3, bool connected, uint32_t step)
{
	struct sums s = { 0 };
	uint64_t sum = 0;
	uint32_t k, i;

	for (k = 0; k <= XO_L_gate_end; k += step) {
		one(&s, k, ring3);
		if (!ring0_plain_call() || (connected && !other_does('p')))
			if (s.wrong++ < 3)
				printf("byte %#x: no plain call after it\n", k);
	}
	one(&s, XO_L_gate_in, ring3);
	printf("%-32s tries %lu: home by the gate %lu, with the service's result %lu;", what,
	       s.tries, s.returned, s.served);
	for (i = 0; i < 33; i++) {
		sum += s.vectors[i];
		if (s.vectors[i])
			printf(" exception %u %lu", i, s.vectors[i]);
	}
	printf("; host addresses seen %lu; plain calls wrong after it %lu\n", s.leaks, s.wrong);
	check(sum == s.tries && !s.leaks && !s.wrong, "another process's CR3: %s", what);
	/* In ring 3 it is the other's own gate. The way out leads anybody home, and nowhere else.
	 */
	if (ring3 && connected)
		check(s.served > 0, "its gate serves who runs on its page tables");
	else
		check(!s.served && (connected || !s.returned), "no service runs for it");
}

/* xo_attack foreign STEP */
int attack_foreign(int argc, char **argv)
{
	uint32_t step = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 0) : 1;

	device = ring0_open();
	start_other();
	text = ring0_connect();
	share_text();
	prepare();
	check(ring0_plain_call(), "a plain call by gate text that two processes share");
	every_byte("ring 0, the other connected", false, true, step);
	every_byte("ring 3, the other connected", true, true, step);
	check(other_does('p'), "the other process calls, and disconnects");
	if (!other_does('d'))
		die("the other process does not disconnect");
	every_byte("ring 0, the other disconnected", false, false, step);
	every_byte("ring 3, the other disconnected", true, false, step);
	check(ring0_plain_call(), "a plain call at the end");
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
	ring0_disconnect();
	return end_status();
}
