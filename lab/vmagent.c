// SPDX-License-Identifier: GPL-2.0
/*
 * vm-agent: runs commands in this VM for the host's administrator (`xo vm exec`), as root.
 *
 * The parent only accepts; each connection is a process of its own (vmagent_session.c). Nothing
 * runs by the clock unless a client went away in mid-command. The protocol, and who may connect,
 * are described in vmexec.h.
 */
#include "vmagent.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

#define BACKLOG 128

static const char usage[] =
	"Usage: vm-agent [--listen unix:PATH]\n"
	"Runs commands in this virtual machine for `xo vm exec` on the host, as root.\n"
	"\n"
	"  --listen unix:PATH  serve a local socket instead of vsock (tests outside a VM);\n"
	"                      only this process's own user is served\n"
	"  --help              this text\n";

static int listen_vsock(void)
{
	struct sockaddr_vm addr = {
		.svm_family = AF_VSOCK,
		.svm_port = VMEXEC_PORT,
		.svm_cid = VMADDR_CID_ANY,
	};
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		fprintf(stderr, "vm-agent: No vsock socket: %s; load the kernel module vsock.\n",
			strerror(errno));
		return -1;
	}
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG)) {
		fprintf(stderr, "vm-agent: Cannot listen on vsock port %u: %s.\n", VMEXEC_PORT,
			strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

static int listen_unix(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path)) {
		fprintf(stderr, "vm-agent: The socket path %s is too long.\n", path);
		return -1;
	}
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, BACKLOG)) {
		fprintf(stderr, "vm-agent: Cannot listen on %s: %s.\n", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return -1;
	}
	return fd;
}

/* The host's kernel fills in a vsock peer's CID; it cannot be forged by anyone but the host. */
static bool peer_is_admin(int fd, bool local)
{
	struct sockaddr_vm peer;
	socklen_t len = sizeof(peer);
	struct ucred cred;

	if (local) {
		len = sizeof(cred);
		return !getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) &&
		       cred.uid == geteuid();
	}
	return !getpeername(fd, (struct sockaddr *)&peer, &len) && peer.svm_family == AF_VSOCK &&
	       peer.svm_cid == VMADDR_CID_HOST && peer.svm_port < VMEXEC_RESERVED;
}

/* A VM short of memory must keep its agent; commands get the ordinary score back. */
static void set_oom_score(const char *score)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, score, strlen(score)) < 0 && errno != EACCES)
		fprintf(stderr, "vm-agent: Cannot set the OOM score: %s.\n", strerror(errno));
	close(fd);
}

static void serve(int listener, bool local)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		pid_t pid;

		if (fd < 0) {
			/* Out of descriptors or memory: let the sessions that run end first. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			    errno == ENOMEM)
				usleep(100000);
			continue;
		}
		if (!peer_is_admin(fd, local)) {
			close(fd);
			continue;
		}
		pid = fork();
		if (pid == 0) {
			close(listener);
			set_oom_score("0");
			vm_session(fd, local);
		}
		if (pid < 0)
			vm_session_refuse(fd, "The VM has no process left for a command");
		close(fd);
	}
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "listen", required_argument, NULL, 'l' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL;
	int c, fd;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'h') {
			fputs(usage, stdout);
			return 0;
		}
		if (c != 'l' || strncmp(optarg, "unix:", 5)) {
			fputs(usage, stderr);
			return 2;
		}
		path = optarg + 5;
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	/* Sessions are not waited for: the kernel reaps them. */
	signal(SIGCHLD, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	fd = path ? listen_unix(path) : listen_vsock();
	if (fd < 0)
		return 1;
	/* The agent must hold no file system busy, and outlive what is mounted later. */
	if (chdir("/"))
		return 1;
	set_oom_score("-1000");
	serve(fd, path != NULL);
}
