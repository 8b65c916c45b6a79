/* SPDX-License-Identifier: GPL-2.0 */
/* What the parts of `xo doctor` share. */
#ifndef XO_DOCTOR_H
#define XO_DOCTOR_H

#include <stdbool.h>
#include "common.h"

struct finding {
	char found[600]; /* what was seen, for a person */
};

enum weight {
	NEEDED = 0,
	GATE,	  /* without it, those behind cannot be told */
	OPTIONAL, /* some engine's; without it all is well, but that engine cannot be used */
};

struct condition {
	const char *name;
	bool (*holds)(struct finding *f);
	const char *remedy; /* what to do where it does not hold */
	enum weight weight;
};

/* Note what was seen; returns `ok`. */
__attribute__((format(printf, 3, 4))) bool xo_found(struct finding *f, bool ok, const char *fmt,
						    ...);

/* First line of a small file, without its end; false if it cannot be read. */
bool xo_first_line(const char *path, char *text, int size);

/* doctor_vmfunc.c: what the engine `vmfunc` needs of a host */
bool xo_has_vmfunc(struct finding *f);
bool xo_has_execute_only(struct finding *f);
bool xo_keeps_secrets(struct finding *f);

/* doctor_policy.c: the policy of a VM that others may call, or that it needs none */
bool xo_has_policy(struct finding *f);

/* Each enrolled VM, as a caller over `vmfunc`, and each link with --kernel: `tell` gets a name,
 * what was found, what to do. */
void xo_judge_vms(void (*tell)(void *to, const char *name, bool ok, const char *found,
			       const char *remedy),
		  void *to);

#endif
