// SPDX-License-Identifier: GPL-2.0
/* The channel (lab/channel.h): port writes of the emulated host on one side, xo lab on the other.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "../lab/channel.h"
#include "tlb_bochs.h"
#include "ucode.h"

#define LONGEST_WAIT 20 /* ms */

static int sock = -1;

/* A line of the kernel log, sent when it is complete, full, or when anything else is sent. */
static uint8_t console[1024];
static size_t console_fill;

static void send_packet(uint32_t type, uint32_t arg, const void *data, size_t size)
{
	struct lab_message message = { .type = type, .arg = arg };

	if (sock < 0)
		return;
	memcpy(message.data, data, size);
	while (send(sock, &message, LAB_MESSAGE_HEAD + size, MSG_NOSIGNAL) < 0) {
		if (errno != EINTR)
			_exit(1); /* xo lab is gone, and nobody else wants this machine */
	}
}

static void flush_console(void)
{
	size_t size = console_fill;

	console_fill = 0;
	if (size)
		send_packet(LAB_CONSOLE, 0, console, size);
}

void channel_send(uint32_t type, uint32_t arg, const void *data, size_t size)
{
	flush_console();
	send_packet(type, arg, data, size < LAB_PAGE_DATA ? size : LAB_PAGE_DATA);
}

void channel_fail(const char *format, ...)
{
	char sentence[512];
	va_list ap;
	int size;

	va_start(ap, format);
	size = vsnprintf(sentence, sizeof(sentence), format, ap);
	va_end(ap);
	if (size < 0)
		size = 0;
	if ((size_t)size >= sizeof(sentence))
		size = sizeof(sentence) - 1;
	tlb_tell();
	channel_send(LAB_FAILED, 0, sentence, (size_t)size);
	_exit(1);
}

static void console_byte(uint8_t byte)
{
	console[console_fill++] = byte;
	if (byte == '\n' || console_fill == sizeof(console))
		flush_console();
}

/* The agent's copy of a request stays in the machine's memory and may change: use this one. */
static void answer(struct lab_page *page, int32_t status, uint32_t arg, const void *data,
		   size_t size)
{
	memcpy(page->data, data, size);
	page->arg = arg;
	page->len = (uint32_t)size;
	page->status = status;
}

static void op_hello(struct lab_page *page, const struct lab_page *request)
{
	if (request->arg != LAB_CHANNEL_REVISION)
		channel_fail(
			"the lab's agent speaks revision %u of the channel, the preloaded "
			"object revision %u: run make again so that both are built from one tree",
			request->arg, LAB_CHANNEL_REVISION);
	answer(page, LAB_OK, LAB_CHANNEL_REVISION, NULL, 0);
}

static void op_shape(struct lab_page *page)
{
	const char *shape = getenv(LAB_ENV_SHAPE);
	size_t size = shape ? strlen(shape) : 0;

	if (size > LAB_PAGE_DATA)
		channel_fail("the list of VMs is longer than %d bytes: ask for fewer VMs",
			     LAB_PAGE_DATA);
	answer(page, LAB_OK, 0, shape, size);
}

static void op_write(struct lab_page *page, const struct lab_page *request)
{
	if (request->arg < LAB_STDOUT || request->arg > LAB_SCRIPT) {
		answer(page, LAB_REFUSED, 0, NULL, 0);
		return;
	}
	channel_send(request->arg, 0, request->data, request->len);
	answer(page, LAB_OK, 0, NULL, 0);
}

/* While the terminal is quiet the whole machine may sleep a little: an idle lab costs little CPU.
 */
static void op_read(struct lab_page *page, const struct lab_page *request)
{
	struct pollfd input = { .fd = sock, .events = POLLIN };
	struct lab_message message;
	ssize_t size;

	if (request->arg)
		poll(&input, 1, request->arg < LONGEST_WAIT ? (int)request->arg : LONGEST_WAIT);
	size = recv(sock, &message, sizeof(message), MSG_DONTWAIT);
	if (size < 0 && (errno == EAGAIN || errno == EINTR))
		answer(page, LAB_EMPTY, 0, NULL, 0);
	else if (size < LAB_MESSAGE_HEAD)
		_exit(1); /* xo lab is gone */
	else
		answer(page, LAB_OK, message.type, message.data, (size_t)size - LAB_MESSAGE_HEAD);
}

static void op_time(struct lab_page *page)
{
	struct timespec now;
	struct lab_time time;

	clock_gettime(CLOCK_REALTIME, &now);
	time = (struct lab_time){ now.tv_sec, now.tv_nsec };
	answer(page, LAB_OK, 0, &time, sizeof(time));
}

/*
 * The answer LAB_RESUMED is in the page while memory is saved, so it is what the agent finds when
 * the saved machine runs again; the machine that goes on now gets another.
 */
static void op_save(struct lab_page *page)
{
	const char *folder = getenv(LAB_ENV_SAVE);

	if (!folder) {
		answer(page, LAB_EMPTY, 0, NULL, 0);
		return;
	}
	answer(page, LAB_RESUMED, 0, NULL, 0);
	if (!snapshot_save(folder))
		channel_fail("the emulated machine could not be saved in %s: is the disk full?",
			     folder);
	answer(page, LAB_OK, 0, NULL, 0);
	channel_send(LAB_SAVED, 0, NULL, 0);
}

static void op_end(const struct lab_page *request)
{
	tlb_tell();
	channel_send(LAB_ENDED, request->arg, NULL, 0);
	_exit(0);
}

static void on_request(uint32_t page_number)
{
	struct lab_page *page = machine_page(page_number);
	struct lab_page request;

	if (!page)
		return; /* not memory; the agent sees that nobody answered */
	memcpy(&request, page, sizeof(request));
	if (request.magic != LAB_PAGE_MAGIC || request.status != LAB_PENDING)
		return; /* the page moved: the agent looks its number up again */
	if (request.len > LAB_PAGE_DATA) {
		answer(page, LAB_REFUSED, 0, NULL, 0);
		return;
	}
	switch (request.op) {
	case LAB_HELLO:
		return op_hello(page, &request);
	case LAB_SHAPE:
		return op_shape(page);
	case LAB_WRITE:
		return op_write(page, &request);
	case LAB_READ:
		return op_read(page, &request);
	case LAB_TIME:
		return op_time(page);
	case LAB_SAVE:
		return op_save(page);
	case LAB_END:
		return op_end(&request);
	case LAB_FAIL:
		channel_fail("%.*s", (int)request.len, (const char *)request.data);
	default:
		answer(page, LAB_REFUSED, 0, NULL, 0);
	}
}

static void on_out(uint16_t port, unsigned int size, unsigned int value)
{
	if (port == LAB_PORT_CONSOLE && size == 1)
		console_byte((uint8_t)value);
	else if (port == LAB_PORT_REQUEST && size == 4)
		on_request(value);
}

void channel_init(void)
{
	const char *number = getenv(LAB_ENV_SOCKET);

	if (!number)
		ucode_refuse("%s is not set: this object is started by `xo lab`", LAB_ENV_SOCKET);
	sock = atoi(number);
	ucode_take_stub("_Z13bx_instr_outptjj", on_out);
}
