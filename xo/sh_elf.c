// SPDX-License-Identifier: GPL-2.0
/* Programs, their interpreters and loaders, as files of this VM. */
#include "sh.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SCRIPTS_MAX 4	/* scripts whose interpreter is a script, as the kernel has it */
#define PHDRS_MAX   128 /* program headers; real programs have about 13 */
#define PAGE	    4096ULL

static int is_program(const char *path)
{
	struct stat st;

	if (stat(path, &st))
		return errno == EACCES ? -EACCES : -ENOENT;
	return S_ISREG(st.st_mode) && !access(path, X_OK) ? 0 : -EACCES;
}

int xo_sh_find(const char *name, char *path, size_t size)
{
	const char *dir = getenv("PATH"), *end;
	int err, found = -ENOENT;

	if (strchr(name, '/'))
		return (size_t)snprintf(path, size, "%s", name) < size ? is_program(path) : -ENOENT;
	for (dir = dir ? dir : "/usr/bin:/bin"; *name; dir = end + 1) {
		end = strchrnul(dir, ':');
		if ((size_t)snprintf(path, size, "%.*s%s%s", (int)(end - dir), dir,
				     end > dir ? "/" : "", name) < size) {
			err = is_program(path);
			if (!err)
				return 0;
			if (err == -EACCES)
				found = err;
		}
		if (!*end)
			break;
	}
	return found;
}

struct elf {
	int fd;
	Elf64_Ehdr head;
	Elf64_Phdr ph[PHDRS_MAX];
};

/* 0; 1: it is a script; -ENOEXEC: neither. */
static int read_elf(const char *path, struct elf *e)
{
	ssize_t want, got;

	e->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (e->fd < 0)
		return -errno;
	got = pread(e->fd, &e->head, sizeof(e->head), 0);
	if (got >= 2 && !memcmp(&e->head, "#!", 2))
		return 1;
	if (got != sizeof(e->head) || memcmp(e->head.e_ident, ELFMAG, SELFMAG) ||
	    e->head.e_ident[EI_CLASS] != ELFCLASS64 || e->head.e_machine != EM_X86_64 ||
	    (e->head.e_type != ET_EXEC && e->head.e_type != ET_DYN) ||
	    e->head.e_phentsize != sizeof(Elf64_Phdr) || e->head.e_phnum > PHDRS_MAX)
		return -ENOEXEC;
	want = (ssize_t)(e->head.e_phnum * sizeof(Elf64_Phdr));
	return pread(e->fd, e->ph, (size_t)want, (off_t)e->head.e_phoff) == want ? 0 : -ENOEXEC;
}

static void close_elf(struct elf *e)
{
	if (e->fd >= 0)
		close(e->fd);
}

/* The interpreter in a script's first line. */
static int script_interpreter(int fd, char *path, size_t size)
{
	char line[256] = "", *word;

	if (pread(fd, line, sizeof(line) - 1, 0) < 3)
		return -ENOEXEC;
	line[strcspn(line, "\n")] = '\0';
	word = strtok(line + 2, " \t");
	if (!word || (size_t)snprintf(path, size, "%s", word) >= size)
		return -ENOEXEC;
	return 0;
}

static uint64_t span_of(const struct elf *e)
{
	uint64_t low = UINT64_MAX, high = 0;

	for (int i = 0; i < e->head.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_LOAD)
			continue;
		if (p->p_vaddr < low)
			low = p->p_vaddr & ~(PAGE - 1);
		if (p->p_vaddr + p->p_memsz > high)
			high = p->p_vaddr + p->p_memsz;
	}
	return high > low ? (high - low + PAGE - 1) & ~(PAGE - 1) : 0;
}

static bool loader_of(const struct elf *e, char *path, size_t size)
{
	for (int i = 0; i < e->head.e_phnum; i++) {
		const Elf64_Phdr *p = &e->ph[i];

		if (p->p_type != PT_INTERP || p->p_filesz < 2 || p->p_filesz > size)
			continue;
		if (pread(e->fd, path, p->p_filesz, (off_t)p->p_offset) != (ssize_t)p->p_filesz)
			return false;
		path[p->p_filesz - 1] = '\0';
		return true;
	}
	return false;
}

static int loader_span(const char *program, const char *loader, uint64_t *span, char *why,
		       size_t why_size)
{
	struct elf e;
	int err = read_elf(loader, &e);

	*span = err ? 0 : span_of(&e);
	close_elf(&e);
	if (*span)
		return 0;
	snprintf(why, why_size, "the loader '%s' of '%s' cannot be read as an ELF file for x86-64",
		 loader, program);
	return -ENOEXEC;
}

int xo_sh_loader_span(const char *path, uint64_t *span, char *why, size_t why_size)
{
	char now[4096], next[4096];
	struct elf e;
	int err;

	snprintf(now, sizeof(now), "%s", path);
	for (int depth = 0; depth <= SCRIPTS_MAX; depth++) {
		bool has_loader = false;

		err = read_elf(now, &e);
		if (err == 1)
			err = script_interpreter(e.fd, next, sizeof(next)) ?: 1;
		else if (!err)
			has_loader = loader_of(&e, next, sizeof(next));
		close_elf(&e);
		*span = 0;
		if (!err)
			return has_loader ? loader_span(now, next, span, why, why_size) : 0;
		if (err < 0)
			break;
		strcpy(now, next);
	}
	err = err > 0 ? -ENOEXEC : err;
	snprintf(why, why_size,
		 err == -ENOEXEC ? "'%s' is not an ELF program for x86-64" : "'%s' cannot be read",
		 now);
	return err;
}
