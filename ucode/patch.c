// SPDX-License-Identifier: GPL-2.0
/*
 * Finding and replacing functions of the running Bochs. Every place is named by an exported symbol
 * and must have exactly the bytes expected there; anything else is refused, never guessed.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "ucode.h"

#define REFUSED	      9	 /* exit status */
#define JUMP_SIZE     14 /* jmp *0(%rip) and the 64-bit address behind it */
#define WRAP_MAX      18 /* bytes of a function's head */
#define BUILD_ID_SIZE 20

/* bochs-bin of Debian 12's package bochs 2.7+dfsg-4+deb12u1, amd64. */
static const uint8_t known_build_id[BUILD_ID_SIZE] = {
	0x6e, 0x89, 0xe0, 0xc0, 0x7c, 0x09, 0x6a, 0xb3, 0x05, 0xb6,
	0x8e, 0xb0, 0xbf, 0x69, 0xc4, 0xae, 0xb7, 0x88, 0xd1, 0x0d,
};

void ucode_refuse(const char *format, ...)
{
	va_list ap;

	fputs("crossover-ucode: ", stderr);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fputc('\n', stderr);
	fflush(stderr);
	_exit(REFUSED);
}

struct build_id {
	bool found;
	uint8_t bytes[BUILD_ID_SIZE];
};

static size_t round4(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static void find_in_notes(const uint8_t *note, size_t size, struct build_id *id)
{
	while (size >= sizeof(ElfW(Nhdr))) {
		const ElfW(Nhdr) *head = (const ElfW(Nhdr) *)note;
		size_t whole = sizeof(*head) + round4(head->n_namesz) + round4(head->n_descsz);

		if (whole > size)
			return;
		if (head->n_type == NT_GNU_BUILD_ID && head->n_descsz == BUILD_ID_SIZE) {
			memcpy(id->bytes, note + sizeof(*head) + round4(head->n_namesz),
			       BUILD_ID_SIZE);
			id->found = true;
			return;
		}
		note += whole;
		size -= whole;
	}
}

/* dl_iterate_phdr() shows the program itself first: look no further. */
static int first_object(struct dl_phdr_info *info, size_t size, void *data)
{
	struct build_id *id = data;

	for (int i = 0; i < info->dlpi_phnum && !id->found; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];

		if (ph->p_type == PT_NOTE)
			find_in_notes((const uint8_t *)info->dlpi_addr + ph->p_vaddr, ph->p_memsz,
				      id);
	}
	return 1;
}

static void print_id(char *text, const uint8_t *id)
{
	for (int i = 0; i < BUILD_ID_SIZE; i++)
		sprintf(text + 2 * i, "%02x", id[i]);
}

void ucode_check_bochs(void)
{
	struct build_id id = { .found = false };
	char found[2 * BUILD_ID_SIZE + 1] = "none", wanted[2 * BUILD_ID_SIZE + 1];
	char path[256] = "?";

	dl_iterate_phdr(first_object, &id);
	if (id.found && !memcmp(id.bytes, known_build_id, BUILD_ID_SIZE))
		return;
	if (id.found)
		print_id(found, id.bytes);
	print_id(wanted, known_build_id);
	if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
		strcpy(path, "this program");
	ucode_refuse("%s has build-id %s, but this object was made for bochs-bin of the Debian "
		     "package bochs 2.7+dfsg-4+deb12u1 (build-id %s): use that package",
		     path, found, wanted);
}

void *ucode_symbol(const char *name)
{
	void *address = dlsym(RTLD_DEFAULT, name);

	if (!address)
		ucode_refuse("bochs-bin does not export %s: is it another build?", name);
	return address;
}

static void write_text(uint8_t *place, const void *bytes, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uintptr_t first = (uintptr_t)place & ~(page - 1);
	size_t span = (((uintptr_t)place + size + page - 1) & ~(page - 1)) - first;

	if (mprotect((void *)first, span, PROT_READ | PROT_WRITE))
		ucode_refuse("bochs-bin's code cannot be made writable: %s", strerror(errno));
	memcpy(place, bytes, size);
	if (mprotect((void *)first, span, PROT_READ | PROT_EXEC))
		ucode_refuse("bochs-bin's code cannot be made executable again: %s",
			     strerror(errno));
}

void ucode_replace(const char *name, const uint8_t *expected, size_t size, void *handler)
{
	uint8_t jump[JUMP_SIZE] = { 0xff, 0x25 };
	uint8_t *place = ucode_symbol(name);

	if (size < JUMP_SIZE || memcmp(place, expected, size))
		ucode_refuse("the code of %s in bochs-bin is not what this object was made for",
			     name);
	memcpy(jump + 6, &handler, sizeof(handler));
	write_text(place, jump, sizeof(jump));
}

/* Where the heads of wrapped functions go on to run. */
static uint8_t *code_page(void)
{
	static uint8_t *page;

	if (page)
		return page;
	page = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (page == MAP_FAILED)
		ucode_refuse("no memory for code: %s", strerror(errno));
	return page;
}

void *ucode_wrap(const char *name, const uint8_t *head, size_t size, void *handler)
{
	static size_t fill;
	uint8_t *place = ucode_symbol(name), *copy = code_page() + fill;
	uint8_t code[WRAP_MAX + JUMP_SIZE], *rest = place + size;

	if (size > WRAP_MAX)
		ucode_refuse("the head of %s is too long", name);
	ucode_replace(name, head, size, handler);
	memcpy(code, head, size);
	memcpy(code + size, (uint8_t[]){ 0xff, 0x25, 0, 0, 0, 0 }, 6);
	memcpy(code + size + 6, &rest, sizeof(rest));
	write_text(copy, code, size + JUMP_SIZE);
	fill += sizeof(code);
	return copy;
}

/* An empty stub: ret, and padding up to the next function; that behind the last stub differs. */
#define STUB_SIZE 16

static const uint8_t stub[STUB_SIZE] = { 0xc3, 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00,
					 0x00, 0x00, 0x00, 0x00, 0x0f, 0x1f, 0x40, 0x00 };
static const uint8_t last_stub[STUB_SIZE] = { 0xc3, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00,
					      0x00, 0x00, 0x00, 0x0f, 0x1f, 0x44, 0x00, 0x00 };

void ucode_take_stub(const char *name, void *handler)
{
	bool last = !memcmp(ucode_symbol(name), last_stub, STUB_SIZE);

	ucode_replace(name, last ? last_stub : stub, STUB_SIZE, handler);
}

void ucode_release_stub(const char *name)
{
	write_text(ucode_symbol(name), stub, JUMP_SIZE);
}
