// SPDX-License-Identifier: GPL-2.0
/*
 * Saving the machine is Bochs's own; only the memory file is ours. Bochs would write it whole and
 * read it whole. Here pages of zeros become holes, and a resumed machine maps the file copy on
 * write: it pays for the pages it touches, and any number of machines share one snapshot.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ucode.h"

#define PAGE  4096UL
#define RUN   (1UL << 20)  /* longest single write */
#define LEAST (16UL << 20) /* smaller transfers are never the machine's memory */

typedef size_t write_fn(const void *data, size_t size, size_t count, FILE *file);
typedef size_t read_fn(void *data, size_t size, size_t count, FILE *file);

static void **simulator; /* Bochs: SIM */
static bool (*save_state)(void *sim, const char *folder);

/* libc's own; looked up on the first call, which may come before any init function has run. */
static void *next_symbol(const char *name)
{
	void *address = dlsym(RTLD_NEXT, name);

	if (!address)
		_exit(9); /* no way to print either */
	return address;
}

static size_t libc_fwrite(const void *data, size_t size, size_t count, FILE *file)
{
	static write_fn *real;

	if (!real)
		real = (write_fn *)next_symbol("fwrite");
	return real(data, size, count, file);
}

static size_t libc_fread(void *data, size_t size, size_t count, FILE *file)
{
	static read_fn *real;

	if (!real)
		real = (read_fn *)next_symbol("fread");
	return real(data, size, count, file);
}

static bool is_memory(const void *data, size_t size, size_t count)
{
	return size == 1 && count >= LEAST && count % PAGE == 0 && data && data == machine_memory();
}

static bool is_zero(const uint8_t *page)
{
	return page[0] == 0 && !memcmp(page, page + 1, PAGE - 1);
}

static bool write_run(int fd, const uint8_t *data, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = pwrite(fd, data + from, to - from, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		from += (size_t)n;
	}
	return true;
}

static bool write_sparse(int fd, const uint8_t *data, size_t size)
{
	size_t from = 0;

	if (ftruncate(fd, (off_t)size))
		return false;
	while (from < size) {
		size_t to = from;

		while (to < size && to - from < RUN && !is_zero(data + to))
			to += PAGE;
		if (!write_run(fd, data, from, to))
			return false;
		from = to == from ? to + PAGE : to;
	}
	return true;
}

/* Called by Bochs in place of libc's. */
__attribute__((visibility("default"))) size_t fwrite(const void *data, size_t size, size_t count,
						     FILE *file)
{
	if (!is_memory(data, size, count))
		return libc_fwrite(data, size, count, file);
	if (write_sparse(fileno(file), data, count))
		return count;
	channel_fail("the emulated memory (%zu MiB) could not be saved: %s", count >> 20,
		     strerror(errno));
}

static void check_file(int fd, size_t size)
{
	struct stat st;

	if (fstat(fd, &st) || st.st_size != (off_t)size)
		channel_fail(
			"the snapshot's memory file is %lld bytes long, not %zu: remove it with "
			"`xo lab clean`",
			(long long)st.st_size, size);
}

/* Called by Bochs in place of libc's. */
__attribute__((visibility("default"))) size_t fread(void *data, size_t size, size_t count,
						    FILE *file)
{
	if (!is_memory(data, size, count))
		return libc_fread(data, size, count, file);
	check_file(fileno(file), count);
	if (mmap(data, count, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
		 fileno(file), 0) == MAP_FAILED)
		channel_fail("the snapshot's memory file cannot be mapped: %s", strerror(errno));
	return count;
}

bool snapshot_save(const char *folder)
{
	return save_state(*simulator, folder);
}

void snapshot_init(void)
{
	simulator = ucode_symbol("SIM");
	save_state = ucode_symbol("_ZN13bx_real_sim_c10save_stateEPKc");
}
