// SPDX-License-Identifier: MIT OR GPL-2.0
/* Names: of releases, engines, faults and VMs. */
#include <string.h>
#include "internal.h"

static const char *const engines[] = {
	[XO_ENGINE_EXIT] = "exit",
	[XO_ENGINE_RING] = "ring",
	[XO_ENGINE_VMFUNC] = "vmfunc",
	[XO_ENGINE_HW] = "hw",
};

static const char *const faults[] = {
	[0] = "no fault",
	[XO_GATE_FAULT_MEMORY] = "a touch of memory that it has not declared",
	[XO_GATE_FAULT_EXCEPTION] = "an exception",
	[XO_GATE_FAULT_OPCODE] = "an undefined or trapped instruction",
	[XO_GATE_FAULT_SYSCALL] = "a system call",
	[XO_GATE_FAULT_EXIT] = "an instruction that needs the hypervisor",
	[XO_GATE_FAULT_GATE] = "a refusal of the gate itself",
};

#define FAULTS	(sizeof(faults) / sizeof(faults[0]))
#define ENGINES (sizeof(engines) / sizeof(engines[0]))

unsigned int xo_revision(void)
{
	return XO_ABI_REVISION;
}

const char *xo_release(void)
{
	return XO_RELEASE;
}

const char *xo_engine_name(unsigned int engine)
{
	return engine < ENGINES && engines[engine] ? engines[engine] : "?";
}

unsigned int xo_engine_by_name(const char *name)
{
	for (unsigned int i = 0; i < ENGINES; i++)
		if (engines[i] && !strcmp(engines[i], name))
			return i;
	return 0;
}

const char *xo_fault_name(unsigned int kind)
{
	return kind < FAULTS ? faults[kind] : "an unknown fault";
}

void xo_fault_of(uint64_t word, struct xo_fault *out)
{
	out->kind = (unsigned int)(word >> 56);
	/* Canonical: bit 55 goes on. */
	out->rip = (uint64_t)((int64_t)(word << 8) >> 8);
}

static int is_lower(char c)
{
	return c >= 'a' && c <= 'z';
}

int xo_name_ok(const char *name)
{
	size_t i;

	if (!name || !is_lower(name[0]))
		return 0;
	for (i = 1; name[i]; i++)
		if (i >= XO_NAME_MAX - 1 ||
		    !(is_lower(name[i]) || (name[i] >= '0' && name[i] <= '9') || name[i] == '-'))
			return 0;
	return 1;
}
