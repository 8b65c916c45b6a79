// SPDX-License-Identifier: GPL-2.0
/*
 * Bochs must have a display, and the only one in Debian that needs neither a screen nor a terminal
 * is its VNC server, which would let anybody on the network type into the emulated machine. Here it
 * gets a socket without a network: nobody can connect, and its thread waits for ever. Bochs uses
 * the network for nothing else. All are called by Bochs and its plugins in place of libc's.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ucode.h"

#define EXPORT __attribute__((visibility("default")))

EXPORT int socket(int domain, int type, int protocol)
{
	return (int)syscall(SYS_socket, AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

EXPORT int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	return 0;
}

EXPORT int listen(int fd, int backlog)
{
	return 0;
}

EXPORT int accept(int fd, struct sockaddr *restrict address, socklen_t *restrict size)
{
	for (;;)
		pause();
}
