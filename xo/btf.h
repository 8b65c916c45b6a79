/* SPDX-License-Identifier: GPL-2.0 */
/* What the running kernel says of its functions, by BTF. */
#ifndef XO_BTF_H
#define XO_BTF_H

#include <stddef.h>

struct xo_btf;

/* The types of module `name` on top of vmlinux's, from /sys/kernel/btf; NULL with errno. */
struct xo_btf *xo_btf_open(const char *name);
void xo_btf_close(struct xo_btf *b);

/*
 * Writes the signature of `function` as "void (struct kvm_vcpu *)". 0; -ENOENT no such function;
 * -E2BIG it does not fit.
 */
int xo_btf_signature(const struct xo_btf *b, const char *function, char *text, size_t size);

#endif
