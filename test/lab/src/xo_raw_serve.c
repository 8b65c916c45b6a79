// SPDX-License-Identifier: GPL-2.0
/*
 * The callee's half of xo_raw: a master that takes OPENs, forks a process for each, and that serves
 * raw messages, with a new thread whenever no other waits. No system calls are run for anybody.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <crossover/abi.h>
#include "xo_raw.h"

static int stub_fd;
static void *slots[XO_SLOTS_PER_LINK];
static pthread_mutex_t slots_lock = PTHREAD_MUTEX_INITIALIZER;

static void on_cancel(int sig)
{
}

static void *slot_map(uint32_t slot)
{
	void *p;

	pthread_mutex_lock(&slots_lock);
	p = slots[slot];
	if (!p) {
		p = mmap(NULL, XO_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stub_fd,
			 (off_t)slot * XO_SLOT_SIZE);
		if (p == MAP_FAILED)
			DIE("mmap of slot %u: %m", slot);
		slots[slot] = p;
	}
	pthread_mutex_unlock(&slots_lock);
	return p;
}

static bool given_up(const struct xo_g_serve *req)
{
	struct xo_g_adopt a = {
		.revision = XO_ABI_REVISION, .slot = req->slot, .link = req->link, .seq = req->seq
	};

	return ioctl(stub_fd, XO_G_CANCELLED, &a) == 1;
}

static int64_t nap(const struct xo_g_serve *req, uint64_t ms, bool stubborn)
{
	struct timespec t = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

	while (nanosleep(&t, &t))
		if (!stubborn && given_up(req))
			return -EINTR;
	return 0;
}

static int64_t try_other_slot(uint32_t mine)
{
	void *p = mmap(NULL, XO_SLOT_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stub_fd,
		       (off_t)(mine ^ 32) * XO_SLOT_SIZE);

	return p == MAP_FAILED ? -errno : 0;
}

static int32_t answer(const struct xo_g_serve *req)
{
	struct xo_msg *msg = slot_map(req->slot);
	uint8_t *data = (uint8_t *)msg + XO_SLOT_HEADER;
	uint32_t len = *(volatile uint32_t *)&msg->in_len;
	uint64_t arg = *(volatile __u64 *)&msg->args[0];

	msg->result = 0;
	msg->out_len = 0;
	if (msg->op == XO_OP_CLOSE)
		return 0;
	switch (msg->nr) {
	case RAW_NULL:
		return 0;
	case RAW_ECHO:
		if (len > XO_SLOT_DATA)
			return -EINVAL;
		for (uint32_t i = 0; i < len; i++)
			data[i] = ~data[i];
		msg->result = msg->out_len = len;
		return 0;
	case RAW_SLEEP:
	case RAW_STUBBORN:
		msg->result = nap(req, arg, msg->nr == RAW_STUBBORN);
		return 0;
	case RAW_DIE:
		kill(getpid(), SIGKILL);
		return 0;
	case RAW_LONG:
		msg->out_len = XO_SLOT_DATA + 1;
		return 0;
	case RAW_REFUSE:
		return -(int32_t)arg;
	case RAW_WHO:
		msg->result = getpid();
		return 0;
	case RAW_TOUCH:
		msg->result = try_other_slot(req->slot);
		return 0;
	default:
		msg->result = -ENOSYS;
		return 0;
	}
}

static void *stub_loop(void *arg);

static void another_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, stub_loop, NULL) == 0)
		pthread_detach(t);
}

static void *stub_loop(void *arg)
{
	struct xo_g_serve req = { 0 };

	if (arg)
		req = *(struct xo_g_serve *)arg;
	req.revision = XO_ABI_REVISION;
	for (;;) {
		if (ioctl(stub_fd, XO_G_SERVE, &req)) {
			req.reply = 0;
			if (errno == EINTR || errno == ESTALE)
				continue;
			if (errno == ENOLINK)
				exit(0);
			DIE("stub's XO_G_SERVE: %m");
		}
		if (!req.idle)
			another_thread();
		req.status = answer(&req);
		req.reply = 1;
	}
}

static void stub(const struct xo_g_serve *open)
{
	struct xo_g_adopt a = { .revision = XO_ABI_REVISION,
				.slot = open->slot,
				.link = open->link,
				.seq = open->seq };
	struct sigaction sa = { .sa_handler = on_cancel };
	struct xo_opened opened = {
		.revision = XO_ABI_REVISION, .pid = getpid(), .uid = getuid(), .gid = getgid()
	};
	struct xo_g_serve first = *open;
	struct xo_msg *msg;

	sigaction(XO_CANCEL_SIGNAL, &sa, NULL);
	stub_fd = raw_open();
	if (ioctl(stub_fd, XO_G_ADOPT, &a))
		DIE("XO_G_ADOPT: %m");
	opened.wid = a.wid;
	msg = slot_map(open->slot);
	memcpy((char *)msg + XO_SLOT_HEADER, &opened, sizeof(opened));
	msg->result = a.session;
	msg->out_len = sizeof(opened);
	first.reply = 1;
	first.status = 0;
	first.timeout_ms = 0;
	stub_loop(&first);
}

int raw_serve(void)
{
	struct xo_g_serve req = { .revision = XO_ABI_REVISION };
	int fd = raw_open();
	pid_t pid;

	signal(SIGCHLD, SIG_IGN);
	for (;;) {
		if (ioctl(fd, XO_G_SERVE, &req)) {
			req.reply = 0;
			if (errno == EINTR || errno == ESTALE || errno == ETIMEDOUT)
				continue;
			DIE("master's XO_G_SERVE: %m");
		}
		pid = fork();
		if (pid == 0) {
			close(fd);
			stub(&req);
		}
		req.reply = pid < 0;
		req.status = -EBUSY;
	}
}
