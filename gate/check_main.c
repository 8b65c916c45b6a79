// SPDX-License-Identifier: GPL-2.0
/*
 * gate-check TEXT RT_GPR RT_VECTOR KERNEL_TEXT: checks gate texts (pages, as linked), the table of
 * pages, and counts the instructions of a call. Exit status 1: something is wrong, and standard
 * error says what.
 */
#include <stdlib.h>
#include "gate/check.h"

static void load(const char *path, unsigned char *page)
{
	FILE *f = fopen(path, "rb");

	if (!f || fread(page, 1, XO_PAGE, f) != XO_PAGE || fgetc(f) != EOF) {
		fprintf(stderr, "gate-check: %s is not one page that can be read\n", path);
		exit(1);
	}
	fclose(f);
}

static void count(const char *what, const unsigned char *text, const unsigned char *runtime)
{
	struct xo_gate_count n;

	if (!xo_gate_count_call(&n, text, runtime, stderr))
		exit(1);
	printf("gate: a call, %s: %u instructions (home %u, gate %u, runtime %u, service %u, "
	       "runtime %u, gate %u, home %u)\n",
	       what,
	       n.home_in + n.gate_in + n.runtime_in + n.service + n.runtime_out + n.gate_out +
		       n.home_out,
	       n.home_in, n.gate_in, n.runtime_in, n.service, n.runtime_out, n.gate_out,
	       n.home_out);
}

int main(int argc, char **argv)
{
	static const struct xo_gate_page map[] = { XO_GATE_MAP };
	static unsigned char text[XO_PAGE], gpr[XO_PAGE], vector[XO_PAGE], ktext[XO_PAGE];
	struct xo_gate_check c = { .out = stderr }, k = { .out = stderr, .kernel = true };

	if (argc != 5) {
		fprintf(stderr, "usage: gate-check TEXT RT_GPR RT_VECTOR KERNEL_TEXT\n");
		return 2;
	}
	load(argv[1], text);
	load(argv[2], gpr);
	load(argv[3], vector);
	load(argv[4], ktext);
	xo_gate_check_map(&c, map, sizeof(map) / sizeof(map[0]));
	xo_gate_check_text(&c, text);
	if (!c.wrong)
		xo_gate_check_text(&k, ktext);
	c.wrong += k.wrong;
	if (c.wrong) {
		fprintf(stderr, "gate-check: %u ways to break gate text or its context\n", c.wrong);
		return 1;
	}
	printf("gate: %u offsets, %u states, %u path ends, %u VMFUNCs, %u stores to the list: all "
	       "verified\n",
	       c.offsets, c.states, c.paths, c.vmfuncs, c.stores);
	printf("gate of kernel worlds: %u offsets, %u states, %u path ends, %u VMFUNCs, %u stores "
	       "to "
	       "the list: all verified\n",
	       k.offsets, k.states, k.paths, k.vmfuncs, k.stores);
	count("general registers", text, gpr);
	count("vector state", text, vector);
	return 0;
}
