// SPDX-License-Identifier: GPL-2.0
/*
 * A caller that spoils its own copy of gate and save pages while its calls run: it may crash, and
 * nobody else. The process that watches is another, with a connection of its own.
 */
#include "attack.h"
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static struct target target;
static volatile bool stop;

/* What the slot's save page says is written over, again and again, by another thread. */
static void *scribbler(void *arg)
{
	volatile uint64_t *save = (void *)(window(&target, 0) + XO_GATE_SAVE);
	static const uint64_t junk[] = { 0, ~0UL, 1UL << 63, XO_GATE_BASE, 0x1000 };
	uint64_t word = *(uint64_t *)arg;

	while (!stop) {
		save[word] = junk[seeded() % COUNT(junk)];
		save[seeded() % 8] ^= word & 1 ? 0 : 1UL << (seeded() & 63);
	}
	return NULL;
}

static void text_spoilt(void)
{
	uint8_t *text = window(&target, 0);
	size_t i;

	if (mmap(text, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != text)
		return;
	for (i = 0; i < 4096; i++)
		text[i] = (uint8_t)seeded();
}

/* In a child, which may die of it. */
static int victim(uint64_t n)
{
	pthread_t thread;
	uint64_t word = n % 6, v, i;

	seed_set(n + 1);
	alarm(20);
	target_open(&target, "attack", 2, true);
	if (n % 7 == 6) {
		text_spoilt();
		gate_call(window(&target, 0), OP_SUM, 1, 1, 0);
		return 0;
	}
	if (pthread_create(&thread, NULL, scribbler, &word))
		return 3;
	for (i = 0; i < 300; i++)
		target_call_for(&target, OP_SPIN, i, 2000, &v, 50);
	stop = true;
	pthread_join(thread, NULL);
	return 0;
}

int attack_scribble(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 21, n, v, ended = 0, killed = 0;
	uint64_t wrong = 0, other = 0;
	struct target watcher;

	target_open(&watcher, "attack", 2, true);
	for (n = 0; n < rounds; n++) {
		pid_t pid = fork();
		int status;
		uint64_t i;

		if (!pid)
			_exit(victim(n));
		for (i = 0; i < 200; i++)
			wrong += target_call(&watcher, OP_SPIN, i, 500, 0, &v) || v != spin(i, 500);
		if (waitpid(pid, &status, 0) != pid)
			other++;
		else if (WIFSIGNALED(status))
			killed++;
		else
			ended++;
	}
	printf("%lu processes that spoil their own gates: ended %lu, killed by a signal %lu, other "
	       "%lu; "
	       "calls of another process meanwhile wrong: %lu of %lu\n",
	       rounds, ended, killed, other, wrong, rounds * 200);
	check(!wrong && !other && ended + killed == rounds, "only who spoils its gate is harmed");
	check(!target_call(&watcher, OP_SUM, 20, 1, 0, &v) && v == 42, "a plain call after that");
	target_close(&watcher);
	return end_status();
}
