// SPDX-License-Identifier: GPL-2.0
/* The agent's end of the channel (lab/channel.h). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/io.h>
#include <sys/mman.h>
#include <unistd.h>

#include "agent.h"

#define TRIES 100

/* Shared, so that a child may use the channel while the agent waits for it. */
static struct lab_page *page;
static uint32_t page_number;

/* The channel itself does not work: the kernel log is all that is left to complain to. */
static void no_channel(const char *why)
{
	int fd = open("/dev/kmsg", O_WRONLY);

	if (fd >= 0)
		dprintf(fd, "lab-agent: %s\n", why);
	_exit(1);
}

static void find_page(void)
{
	uint64_t entry = 0;
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	*(volatile uint32_t *)&page->magic = LAB_PAGE_MAGIC; /* present from here on */
	if (fd < 0 || pread(fd, &entry, 8, (off_t)((uintptr_t)page / 4096 * 8)) != 8)
		no_channel("/proc/self/pagemap cannot be read");
	close(fd);
	page_number = (uint32_t)(entry & ((1ULL << 32) - 1));
}

void channel_open(void)
{
	page = mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (page == MAP_FAILED)
		no_channel("no page for the lab's channel");
	if (iopl(3))
		no_channel("no right to use I/O ports: the agent must run as root");
	find_page();
	channel_call(LAB_HELLO, LAB_CHANNEL_REVISION, NULL, 0);
}

const struct lab_page *channel_call(uint32_t op, uint32_t arg, const void *data, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		page->op = op;
		page->arg = arg;
		page->len = (uint32_t)size;
		memset(page->pad, 0, sizeof(page->pad));
		if (size)
			memcpy(page->data, data, size);
		page->status = LAB_PENDING;
		page->magic = LAB_PAGE_MAGIC;
		__asm__ volatile("outl %0, %w1"
				 :
				 : "a"(page_number), "Nd"(LAB_PORT_REQUEST)
				 : "memory");
		if (*(volatile int32_t *)&page->status != LAB_PENDING)
			return page;
		find_page();
	}
	no_channel("nobody answers on the lab's channel: is ucode preloaded into Bochs?");
	return NULL;
}

void channel_write(uint32_t stream, const void *data, size_t size)
{
	const uint8_t *bytes = data;

	do {
		size_t part = size < LAB_PAGE_DATA ? size : LAB_PAGE_DATA;

		channel_call(LAB_WRITE, stream, bytes, part);
		bytes += part;
		size -= part;
	} while (size);
}

void channel_progress(const char *format, ...)
{
	char line[256];
	va_list ap;
	int n;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	if (n > 0)
		channel_write(LAB_PROGRESS, line, strlen(line));
}

void fail(const char *format, ...)
{
	char sentence[LAB_PAGE_DATA];
	va_list ap;

	va_start(ap, format);
	vsnprintf(sentence, sizeof(sentence), format, ap);
	va_end(ap);
	channel_call(LAB_FAIL, 0, sentence, strlen(sentence));
	_exit(1);
}
