// SPDX-License-Identifier: GPL-2.0
/* The user's terminal during `xo vm exec -t`. */
#include "vm_exec.h"
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

static struct termios saved;
static bool is_raw;

void vm_tty_size(uint16_t *rows, uint16_t *cols)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };

	ioctl(STDIN_FILENO, TIOCGWINSZ, &size);
	*rows = size.ws_row;
	*cols = size.ws_col;
}

int vm_tty_raw(struct vm_err *err)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &saved))
		return vm_fail(err, "-t needs a terminal on stdin: %s.", strerror(errno));
	raw = saved;
	cfmakeraw(&raw);
	if (tcsetattr(STDIN_FILENO, TCSADRAIN, &raw))
		return vm_fail(err, "Cannot set the terminal: %s.", strerror(errno));
	is_raw = true;
	return 0;
}

void vm_tty_restore(void)
{
	if (is_raw)
		tcsetattr(STDIN_FILENO, TCSADRAIN, &saved);
	is_raw = false;
}
