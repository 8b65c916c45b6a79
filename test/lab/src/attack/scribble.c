// SPDX-License-Identifier: GPL-2.0
/*
 * A caller that spoils its own copy of gate and save pages while its calls run: it may crash, and
 * nobody else. The process that watches is another, with a connection of its own.
 */
#include "attack.h"
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <crossover/abi.h>

#define PAGE	     4096UL
#define WINDOW_BYTES XO_WINDOW_SIZE(XO_SLOTS_PER_LINK)

static struct target target;
static volatile bool stop;
static volatile uint64_t *made; /* calls that victims came home from; shared with them */

/* One word of what the slot's save page says is written over, again and again, by another thread.
 */
static void *scribbler(void *arg)
{
	volatile uint64_t *save = (void *)(window(&target, 0) + XO_GATE_SAVE);
	static const uint64_t junk[] = { 0, ~0UL, 1UL << 63, XO_GATE_BASE, 0x1000 };
	uint64_t word = *(uint64_t *)arg;

	while (!stop) {
		save[word] = junk[seeded() % COUNT(junk)];
		save[word] ^= 1UL << (seeded() & 63);
		usleep(seeded() % 2000);
	}
	return NULL;
}

/* Our own copy of slot 0's gate text, to write to; what the other slots have stays genuine. */
static uint8_t *own_text(void)
{
	uint8_t *text = window(&target, 0), copy[PAGE];

	memcpy(copy, text, PAGE);
	if (mmap(text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != text)
		return NULL;
	memcpy(text, copy, PAGE);
	return text;
}

/* Bytes of the text change, one at a time, while another thread runs in it. */
static void *text_scribbler(void *arg)
{
	volatile uint8_t *text = arg;

	while (!stop) {
		uint64_t at = seeded() % 0x180;
		uint8_t was = text[at];

		text[at] ^= (uint8_t)(1 << (seeded() & 7));
		usleep(seeded() % 1000);
		text[at] = was;
		usleep(seeded() % 1000);
	}
	return NULL;
}

static void text_of_noise(void)
{
	uint8_t *text = own_text();
	size_t i;

	for (i = 0; text && i < PAGE; i++)
		text[i] = (uint8_t)seeded();
	gate_call(window(&target, 0), OP_SUM, 1, 1, 0);
}

/* In a child, which may die of it: words of the save page, the text, and noise for a text.
 */
static int victim(uint64_t n)
{
	uint64_t word = n % 8, v, i;
	void *(*how)(void *) = scribbler;
	void *arg = &word;
	pthread_t thread;

	seed_set(n + 1);
	alarm(4);
	target_open(&target, "attack", 2, true);
	if (n % 8 == 6) {
		text_of_noise();
		return 0;
	}
	if (n % 8 == 7) {
		how = text_scribbler;
		arg = own_text();
	}
	if (!arg || pthread_create(&thread, NULL, how, arg))
		return 3;
	for (i = 0; i < 300; i++, ++*made)
		target_call_for(&target, OP_SPIN, i, 20000, &v, 50);
	stop = true;
	pthread_join(thread, NULL);
	return 0;
}

int attack_scribble(int argc, char **argv)
{
	uint64_t rounds = argc > 1 ? strtoul(argv[1], NULL, 0) : 21, n, v, ended = 0, killed = 0;
	uint64_t wrong = 0, other = 0;
	struct target watcher;

	made = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (made == MAP_FAILED)
		die("no memory");
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
	printf("%lu processes that spoil their own gates: calls %lu; ended %lu, killed by a signal "
	       "%lu, other %lu; calls of another process meanwhile wrong: %lu of %lu\n",
	       rounds, *made, ended, killed, other, wrong, rounds * 200);
	check(*made > rounds, "calls ran on what was spoilt");
	check(!wrong && !other && ended + killed == rounds, "only who spoils its gate is harmed");
	check(!target_call(&watcher, OP_SUM, 20, 1, 0, &v) && v == 42, "a plain call after that");
	target_close(&watcher);
	return end_status();
}

/* ------------------------------------------------------------------ the link's window
 *
 * A root process maps all of it by /dev/mem: headers, arguments and buffers of all slots are
 * written over while this process connects and calls. Its own VM's calls may come out in any way.
 */

/* The kernel tells which areas it has mapped, and what is there: one is of a window's size. */
static uint64_t window_gpa(void)
{
	FILE *f = fopen("/proc/vmallocinfo", "re");
	unsigned long size;
	uint64_t gpa = 0;
	char line[512];

	while (f && fgets(line, sizeof(line), f)) {
		const char *phys = strstr(line, "phys=");

		if (phys && sscanf(line, "%*s %lu", &size) == 1 && size == WINDOW_BYTES + PAGE)
			gpa = strtoul(phys + 5, NULL, 0);
	}
	if (f)
		fclose(f);
	if (!gpa)
		die("/proc/vmallocinfo does not tell where the window is");
	return gpa;
}

static uint64_t *map_window(void)
{
	uint64_t gpa = window_gpa();
	int fd = open("/dev/mem", O_RDWR | O_CLOEXEC);
	uint64_t *map = MAP_FAILED;

	if (fd >= 0)
		map = mmap(NULL, WINDOW_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, (off_t)gpa);
	if (map == MAP_FAILED)
		die("/dev/mem at %#lx: %s", gpa, strerror(errno));
	return map;
}

static void *window_scribbler(void *arg)
{
	uint64_t *map = arg;

	while (!stop) {
		uint64_t slot = seeded() % XO_SLOTS_PER_LINK, i;
		uint64_t *header = map + slot * XO_SLOT_SIZE / 8;

		for (i = 0; i < 16; i++)
			header[seeded() % (seeded() & 1 ? 16 : XO_SLOT_SIZE / 8)] =
				seeded() >> (seeded() & 63);
	}
	return NULL;
}

/* xo_attack scribble-window TRIES */
int attack_scribble_window(int argc, char **argv)
{
	uint64_t tries = argc > 1 ? strtoul(argv[1], NULL, 0) : 50, n, v, connected = 0, failed = 0;
	struct target again;
	pthread_t thread;
	uint64_t *map;
	int i;

	target_open(&target, "attack", 2, false);
	map = map_window();
	if (pthread_create(&thread, NULL, window_scribbler, map))
		die("no thread");
	for (n = 0; n < tries; n++) {
		if (!target_try(&again, "attack", 2)) {
			connected++;
			for (i = 0; i < 10; i++)
				failed += target_call_for(&again, OP_RECORD, 0, 0, &v, 300) != 0;
		}
		target_close(&again);
	}
	stop = true;
	pthread_join(thread, NULL);
	printf("window written over: connected %lu of %lu times, calls that failed %lu of %lu\n",
	       connected, tries, failed, connected * 10);
	check(connected > 0, "it connected meanwhile");
	target_close(&target);
	return end_status();
}
