// SPDX-License-Identifier: GPL-2.0
/* xo_attack NAME [ARGUMENT...]: one of the attacks, or the services that they attack. */
#include "attack.h"
#include <string.h>

static const struct {
	const char *name;
	int (*run)(int argc, char **argv);
} attacks[] = {
	{ "leaf", attack_leaf },
	{ "bytes", attack_bytes },
	{ "ticks", attack_ticks },
	{ "poison", attack_poison },
	{ "service-leaves", attack_service_leaves },
	{ "deeds", attack_deeds },
	{ "state", attack_state },
	{ "second", attack_second },
	{ "scribble", attack_scribble },
	{ "scribble-window", attack_scribble_window },
	{ "wid", attack_wid },
	{ "caller", attack_caller },
	{ "plain", attack_plain },
	{ "generation", attack_generation },
	{ "pages", attack_pages },
	{ "ring0", attack_ring0 },
	{ "cr3", attack_cr3 },
	{ "foreign", attack_foreign },
	{ "serve", attack_serve },
	{ "visits", attack_visits },
	{ "kgate", attack_kgate },
	{ "kgate-unlinked", attack_kgate_unlinked },
};

int main(int argc, char **argv)
{
	size_t i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	for (i = 0; argc > 1 && i < COUNT(attacks); i++)
		if (!strcmp(attacks[i].name, argv[1]))
			return attacks[i].run(argc - 1, argv + 1);
	fputs("usage: xo_attack NAME [ARGUMENT...]\n", stderr);
	return 2;
}
