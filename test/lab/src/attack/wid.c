// SPDX-License-Identifier: GPL-2.0
/*
 * Who calls is told by the host. A caller writes all that it can write while it asks the service
 *who it is: it hears its own VM's name and WID, always. xo_attack wid NAME WID
 */
#include "attack.h"
#include <pthread.h>
#include <string.h>
#include <crossover/abi.h>
#include <crossover/gate.h>

#define SLOTS 4

static struct target target;
static volatile bool stop;

/* Writes forged visits all over what is the caller's own: save pages and the buffer's other half.
 */
static void *forger(void *arg)
{
	struct xo_visit forged = { .wid = 1, .caller = "web" };
	uint8_t *buffer = target_buffer(&target);
	unsigned int i;

	while (!stop)
		for (i = 0; i < SLOTS; i++) {
			forged.wid = seeded();
			memcpy(buffer + XO_GATE_BUFFER_SIZE / 2 + 256 * i, &forged, sizeof(forged));
			memcpy(window(&target, i) + XO_GATE_SAVE + 0x300, &forged, sizeof(forged));
		}
	return NULL;
}

static uint64_t asked, wrong_wid, errors;

static void *asker(void *arg)
{
	uint64_t wid = *(uint64_t *)arg, n, v;

	for (n = 0; n < 2000; n++) {
		if (target_call(&target, OP_WHO, 0, 0, 0, &v))
			__atomic_fetch_add(&errors, 1, __ATOMIC_RELAXED);
		else if (v != wid)
			__atomic_fetch_add(&wrong_wid, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&asked, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

int attack_wid(int argc, char **argv)
{
	uint64_t wid = argc > 2 ? strtoul(argv[2], NULL, 0) : 0, v;
	struct xo_visit seen;
	pthread_t thread[3], f;
	size_t i;

	if (argc < 3)
		die("usage: xo_attack wid NAME WID");
	target_open(&target, "attack", SLOTS, true);
	check(!target_call(&target, OP_WHO, 0, 0, 0, &v) && v == wid, "the service sees WID %lu",
	      v);
	memcpy(&seen, target_buffer(&target), sizeof(seen));
	check(!strncmp(seen.caller, argv[1], sizeof(seen.caller)), "and the name %.32s",
	      seen.caller);
	check(seen.engine == XO_ENGINE_VMFUNC && seen.buffer_size == XO_GATE_BUFFER_SIZE,
	      "engine %u, buffer of %lu bytes", seen.engine, (unsigned long)seen.buffer_size);
	pthread_create(&f, NULL, forger, NULL);
	for (i = 0; i < COUNT(thread); i++)
		pthread_create(&thread[i], NULL, asker, &wid);
	for (i = 0; i < COUNT(thread); i++)
		pthread_join(thread[i], NULL);
	stop = true;
	pthread_join(f, NULL);
	check(asked == 6000 && !wrong_wid && !errors, "asked %lu times: wrong WID %lu, errors %lu",
	      asked, wrong_wid, errors);
	check(!target_call(&target, OP_SUM, 20, 1, 0, &v) && v == 42, "a plain call after that");
	target_close(&target);
	return end_status();
}
