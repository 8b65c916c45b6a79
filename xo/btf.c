// SPDX-License-Identifier: GPL-2.0
/* Signatures of kernel functions, by BTF. */
#include "btf.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct xo_btf {
	struct btf *base, *module;
};

/* What cannot be read is said once, by the caller. */
static int silent(enum libbpf_print_level level, const char *fmt, va_list ap)
{
	return 0;
}

struct xo_btf *xo_btf_open(const char *name)
{
	struct xo_btf *b = calloc(1, sizeof(*b));
	char path[128];
	int saved;

	if (!b)
		return NULL;
	libbpf_set_print(silent);
	snprintf(path, sizeof(path), "/sys/kernel/btf/%s", name);
	b->base = btf__parse_raw("/sys/kernel/btf/vmlinux");
	if (b->base)
		b->module = btf__parse_raw_split(path, b->base);
	if (b->module)
		return b;
	saved = errno;
	xo_btf_close(b);
	errno = saved;
	return NULL;
}

void xo_btf_close(struct xo_btf *b)
{
	if (!b)
		return;
	btf__free(b->module);
	btf__free(b->base);
	free(b);
}

static int put(char *text, size_t size, const char *what)
{
	size_t n = strlen(text), len = strlen(what);

	if (n + len >= size)
		return -E2BIG;
	memcpy(text + n, what, len + 1);
	return 0;
}

/* Pointers, qualifiers and named types are all that the functions of interest have. */
static int put_type(const struct btf *btf, __u32 id, char *text, size_t size)
{
	const struct btf_type *t = btf__type_by_id(btf, id);
	int err = 0;

	if (!t)
		return -EINVAL;
	switch (btf_kind(t)) {
	case BTF_KIND_PTR:
		err = put_type(btf, t->type, text, size);
		return err ? err : put(text, size, " *");
	case BTF_KIND_CONST:
		err = put(text, size, "const ");
		return err ? err : put_type(btf, t->type, text, size);
	case BTF_KIND_STRUCT:
	case BTF_KIND_FWD:
		err = put(text, size, "struct ");
		break;
	case BTF_KIND_ENUM:
		err = put(text, size, "enum ");
		break;
	case BTF_KIND_UNKN: /* void */
		return put(text, size, "void");
	case BTF_KIND_INT:
	case BTF_KIND_TYPEDEF:
		break;
	default:
		return put(text, size, "?");
	}
	return err ? err : put(text, size, btf__name_by_offset(btf, t->name_off));
}

int xo_btf_signature(const struct xo_btf *b, const char *function, char *text, size_t size)
{
	__s32 id = btf__find_by_name_kind(b->module, function, BTF_KIND_FUNC);
	const struct btf_type *proto;
	const struct btf_param *p;
	int err;

	if (id < 0)
		return -ENOENT;
	proto = btf__type_by_id(b->module, btf__type_by_id(b->module, (__u32)id)->type);
	if (!proto || !btf_is_func_proto(proto))
		return -ENOENT;
	text[0] = '\0';
	err = put_type(b->module, proto->type, text, size);
	if (!err)
		err = put(text, size, " (");
	p = btf_params(proto);
	for (int i = 0; !err && i < btf_vlen(proto); i++) {
		if (i)
			err = put(text, size, ", ");
		if (!err)
			err = put_type(b->module, p[i].type, text, size);
	}
	return err ? err : put(text, size, ")");
}
