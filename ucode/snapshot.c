// SPDX-License-Identifier: GPL-2.0
/*
 * Saving the machine is Bochs's own; only the memory file is ours. Bochs writes it whole, in
 * blocks, and when it resumes copies all of it into a temporary file and reads that. Here pages of
 * zeros become holes, and a resumed machine maps the file copy on write: it pays for the pages that
 * it touches, and any number of machines share one snapshot.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ucode.h"

#define PAGE	    4096UL
#define MEMORY_FILE "/memory.ram"

typedef size_t write_fn(const void *data, size_t size, size_t count, FILE *file);
typedef FILE *open_fn(const char *path, const char *mode);

static void **simulator; /* Bochs: SIM */
static bool (*save_state)(void *sim, const char *folder);
static bool saving;
static int memory_fd = -1; /* of the snapshot that this machine is resumed from */

/* libc's own; looked up on the first call, which may come before any init function has run. */
static void *next_symbol(const char *name)
{
	void *address = dlsym(RTLD_NEXT, name);

	if (!address)
		_exit(9); /* no way to print either */
	return address;
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && !memcmp(page, page + 1, PAGE - 1);
}

static bool write_range(int fd, const uint8_t *data, size_t size, off_t at)
{
	while (size) {
		ssize_t n = pwrite(fd, data, size, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		data += n;
		at += n;
		size -= (size_t)n;
	}
	return true;
}

/* One block at the file's position, without its pages of zeros; the file is new, so they are holes.
 */
static bool write_block(FILE *file, const uint8_t *data)
{
	off_t at = ftello(file);
	int fd = fileno(file);
	struct stat st;
	size_t from = 0;

	if (at < 0 || fflush(file) || fstat(fd, &st))
		return false;
	if (st.st_size < at + (off_t)MACHINE_BLOCK && ftruncate(fd, at + (off_t)MACHINE_BLOCK))
		return false;
	while (from < MACHINE_BLOCK) {
		size_t to = from;

		while (to < MACHINE_BLOCK && !is_zero(data + to))
			to += PAGE;
		if (!write_range(fd, data + from, to - from, at + (off_t)from))
			return false;
		from = to == from ? to + PAGE : to;
	}
	return !fseeko(file, at + (off_t)MACHINE_BLOCK, SEEK_SET);
}

/* Called by Bochs in place of libc's. While it saves, only memory is written in such blocks. */
__attribute__((visibility("default"))) size_t fwrite(const void *data, size_t size, size_t count,
						     FILE *file)
{
	static write_fn *real;

	if (!real)
		real = (write_fn *)next_symbol("fwrite");
	if (!saving || size != MACHINE_BLOCK || count != 1)
		return real(data, size, count, file);
	if (!write_block(file, data))
		channel_fail("the emulated memory could not be saved: %s", strerror(errno));
	return 1;
}

/*
 * Called by Bochs in place of libc's. When it opens the snapshot's memory to copy it into its
 * temporary file, it finds the position at the end: nothing to copy.
 */
__attribute__((visibility("default"))) FILE *fopen64(const char *path, const char *mode)
{
	static open_fn *real;
	const char *name = strrchr(path, '/');
	FILE *file;

	if (!real)
		real = (open_fn *)next_symbol("fopen64");
	file = real(path, mode);
	if (!file || mode[0] != 'r' || !name || strcmp(name, MEMORY_FILE))
		return file;
	memory_fd = fcntl(fileno(file), F_DUPFD_CLOEXEC, 3);
	if (memory_fd < 0 || fseeko(file, 0, SEEK_END))
		channel_fail("the snapshot's memory file cannot be read: %s", strerror(errno));
	return file;
}

/* In place of BX_MEM_C::read_block(): the block's memory has been chosen, give it its content. */
static void map_block(uint32_t number)
{
	void *block = machine_block(number);
	off_t at = (off_t)number * (off_t)MACHINE_BLOCK;
	struct stat st;

	if (fstat(memory_fd, &st) || st.st_size < at + (off_t)MACHINE_BLOCK)
		channel_fail("the snapshot's memory file ends before block %u: remove it with "
			     "`xo lab clean`",
			     number);
	if ((uintptr_t)block % PAGE ||
	    mmap(block, MACHINE_BLOCK, PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, memory_fd, at) != block)
		channel_fail("block %u of the snapshot's memory cannot be mapped: %s", number,
			     strerror(errno));
}

bool snapshot_save(const char *folder)
{
	bool saved;

	saving = true;
	saved = save_state(*simulator, folder);
	saving = false;
	return saved;
}

void snapshot_init(void)
{
	static const uint8_t read_code[22] = { 0x41, 0x54, 0x31, 0xd2, 0x4c, 0x8d, 0x25, 0x95,
					       0x5e, 0x16, 0x00, 0x55, 0x53, 0x89, 0xfb, 0x48,
					       0x8b, 0x3d, 0x72, 0x5f, 0x16, 0x00 };

	simulator = ucode_symbol("SIM");
	save_state = ucode_symbol("_ZN13bx_real_sim_c10save_stateEPKc");
	ucode_replace("_ZN8BX_MEM_C10read_blockEj", read_code, sizeof(read_code), map_block);
}
