// SPDX-License-Identifier: GPL-2.0
/*
 * xo_qmp VM COMMAND...: QEMU of that VM is sent each command (JSON, QMP), and what it answers is
 * printed, a line each. Status 1: one was refused.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#define DIE(...) (fprintf(stderr, "xo_qmp: " __VA_ARGS__), fputc('\n', stderr), exit(1))

static FILE *talk(const char *vm)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	FILE *f = fdopen(fd, "r+");

	snprintf(to.sun_path, sizeof(to.sun_path), "/run/crossover/vm/%s/qmp", vm);
	if (!f || connect(fd, (struct sockaddr *)&to, sizeof(to)))
		DIE("%s: %m", to.sun_path);
	setvbuf(f, NULL, _IONBF, 0);
	return f;
}

/* Events between are left out. */
static int answer(FILE *f, int print)
{
	static char line[65536];

	while (fgets(line, sizeof(line), f)) {
		if (strncmp(line, "{\"return\"", 9) && strncmp(line, "{\"error\"", 8))
			continue;
		if (print)
			fputs(line, stdout);
		return line[2] == 'e';
	}
	DIE("QEMU has ended");
}

int main(int argc, char **argv)
{
	char greeting[4096];
	FILE *f;
	int bad = 0;

	if (argc < 3)
		DIE("usage: xo_qmp VM COMMAND...");
	f = talk(argv[1]);
	if (!fgets(greeting, sizeof(greeting), f))
		DIE("no greeting");
	fputs("{\"execute\":\"qmp_capabilities\"}\n", f);
	answer(f, 0);
	for (int i = 2; i < argc; i++) {
		fprintf(f, "%s\n", argv[i]);
		bad |= answer(f, 1);
	}
	return bad;
}
