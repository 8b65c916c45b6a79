// SPDX-License-Identifier: GPL-2.0
/* Reads the configuration file of `xo vm`. */
#include "vm.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FILE "/etc/crossover/vm.conf"

int vm_conf_load(struct vm_conf *conf, const char *path, struct vm_err *err)
{
	const char *file = path ? path : DEFAULT_FILE;
	struct vm_err inner;
	char *line = NULL;
	size_t size = 0;
	unsigned int number = 0;
	int ret = 0;
	FILE *f;

	vm_conf_defaults(conf);
	f = fopen(file, "re");
	if (!f) {
		if (!path && errno == ENOENT)
			return 0;
		return vm_fail(err, "Cannot read %s: %s.", file, strerror(errno));
	}
	while (!ret && getline(&line, &size, f) >= 0) {
		number++;
		if (vm_conf_line(conf, line, &inner))
			ret = vm_fail(err, "%s, line %u: %s", file, number, inner.text);
	}
	free(line);
	fclose(f);
	return ret;
}
