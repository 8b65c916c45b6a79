// SPDX-License-Identifier: GPL-2.0
/* Which of the stub's descriptors are the caller's; see stub_impl.h. */
#include "stub_impl.h"

#include <errno.h>
#include <unistd.h>
#include "stub_exec.h"

#define GIVEN	XO_DESCRIPTOR_GIVEN
#define CLOSING XO_DESCRIPTOR_CLOSING

static _Atomic uint32_t state[XO_STUB_FD_BASE];

static bool hold(int fd, uint32_t also)
{
	uint32_t now;

	if (fd < 0 || fd >= XO_STUB_FD_BASE)
		return false;
	now = atomic_load(&state[fd]);
	do {
		if (!(now & GIVEN) || (now & CLOSING))
			return false;
	} while (!atomic_compare_exchange_weak(&state[fd], &now, (now + 1) | also));
	return true;
}

bool xo_stub_fd_hold(int fd)
{
	return hold(fd, 0);
}

int xo_stub_fd_release(int fd)
{
	/* No longer the caller's before the number can be another file's. */
	if (atomic_fetch_sub(&state[fd], 1) != (GIVEN | CLOSING | 1))
		return 0;
	atomic_store(&state[fd], 0);
	return close(fd) ? -errno : 0;
}

int xo_stub_fd_give(int fd)
{
	if (fd >= XO_STUB_FD_BASE) {
		close(fd);
		return -EMFILE;
	}
	atomic_store(&state[fd], GIVEN);
	return fd;
}

int xo_stub_fd_close(int fd)
{
	return hold(fd, CLOSING) ? xo_stub_fd_release(fd) : -EBADF;
}

const void *xo_stub_fd_words(void)
{
	return state;
}
