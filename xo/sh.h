/* SPDX-License-Identifier: GPL-2.0 */
/* What `xo sh` has to know of a program before it becomes it (sh_elf.c). */
#ifndef XO_SH_H
#define XO_SH_H

#include <stddef.h>
#include <stdint.h>

/*
 * Finds `name` as a shell does, in PATH unless it has a '/'. 0 and its path; -ENOENT; or -EACCES,
 * what was found cannot be executed.
 */
int xo_sh_find(const char *name, char *path, size_t size);

/*
 * Length in memory of the loader (PT_INTERP) of the program `path`, or of its interpreter's if it
 * is a script; 0: it has none. The negative errno -ENOEXEC with a sentence in `why`, if the program
 * is not one that can be routed (not an ELF file for x86-64), or another errno.
 */
int xo_sh_loader_span(const char *path, uint64_t *span, char *why, size_t why_size);

#endif
