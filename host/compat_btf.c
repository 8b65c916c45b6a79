// SPDX-License-Identifier: GPL-2.0
/*
 * Where KVM keeps what it read of an exit: from 6.12 on in struct vcpu_vmx, whose declaration is
 * private to kvm_intel and changes within stable releases. The running kernel's own type
 * information (BTF) tells the offsets; kvm_intel is held, so that it stays the one they are of; and
 * every exit that this module looks at compares what is kept with what the VMCS says.
 */
#include "host.h"
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/vmalloc.h>
#include <uapi/linux/btf.h>
#include "compat.h"

#if XO_LINUX_6_12

#define KVM_INTEL "/sys/kernel/btf/kvm_intel"
#define VMLINUX	  "/sys/kernel/btf/vmlinux"
#define BTF_LIMIT (64 << 20) /* bytes of one kernel's type information, generously */

struct xo_kvm_layout xo_kvm_layout __ro_after_init;
bool xo_kvm_layout_wrong;
static struct module *kvm_intel __ro_after_init;

/* One file of type information. Strings are numbered through from vmlinux's to the module's. */
struct types {
	void *data;
	const struct btf_header *header;
	const char *strings;
	const void *first, *end;
};

static bool within(const struct btf_header *h, u32 offset, u32 length, size_t size)
{
	return offset <= size - h->hdr_len && length <= size - h->hdr_len - offset;
}

/* The whole of a file, to be freed by vfree(); its size or an error. */
static ssize_t read_whole(const char *path, void **data)
{
	struct file *file = filp_open(path, O_RDONLY, 0);
	loff_t size, at = 0;
	ssize_t got = -EFBIG;

	*data = NULL;
	if (IS_ERR(file))
		return PTR_ERR(file);
	size = i_size_read(file_inode(file));
	if (size > 0 && size <= BTF_LIMIT)
		*data = vmalloc(size);
	/* sysfs gives a page at a time. */
	while (*data && at < size) {
		got = kernel_read(file, *data + at, size - at, &at);
		if (got <= 0)
			break;
		cond_resched();
	}
	filp_close(file, NULL);
	return at == size ? size : got < 0 ? got : -EIO;
}

static int read_types(const char *path, struct types *t)
{
	ssize_t size = read_whole(path, &t->data);
	const struct btf_header *h = t->data;

	if (size < 0) {
		pr_err("%s cannot be read (%zd): where KVM keeps an exit is not known; use a "
		       "kernel "
		       "built with CONFIG_DEBUG_INFO_BTF_MODULES, and mount /sys\n",
		       path, size);
		return size;
	}
	if (size < (ssize_t)sizeof(*h) || h->magic != BTF_MAGIC || h->version != BTF_VERSION ||
	    h->hdr_len < sizeof(*h) || h->hdr_len > size || !h->str_len ||
	    !within(h, h->type_off, h->type_len, size) ||
	    !within(h, h->str_off, h->str_len, size) ||
	    ((const char *)t->data)[h->hdr_len + h->str_off + h->str_len - 1]) {
		pr_err("%s is not type information of version %u; use a kernel that this module "
		       "knows\n",
		       path, BTF_VERSION);
		return -ENOEXEC;
	}
	t->header = h;
	t->strings = t->data + h->hdr_len + h->str_off;
	t->first = t->data + h->hdr_len + h->type_off;
	t->end = t->first + h->type_len;
	return 0;
}

static const char *name_of(const struct types *base, const struct types *t, u32 offset)
{
	u32 own = offset - base->header->str_len;

	if (offset < base->header->str_len)
		return base->strings + offset;
	return own < t->header->str_len ? t->strings + own : "";
}

/* Bytes behind a type's struct btf_type. */
static size_t behind(const struct btf_type *type)
{
	u32 count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return count * sizeof(struct btf_member);
	case BTF_KIND_ENUM:
		return count * sizeof(struct btf_enum);
	case BTF_KIND_ENUM64:
		return count * sizeof(struct btf_enum64);
	case BTF_KIND_FUNC_PROTO:
		return count * sizeof(struct btf_param);
	case BTF_KIND_DATASEC:
		return count * sizeof(struct btf_var_secinfo);
	default:
		return 0;
	}
}

static const struct btf_type *find_struct(const struct types *base, const struct types *t,
					  const char *name)
{
	const void *at = t->first;

	while (t->end - at >= sizeof(struct btf_type)) {
		const struct btf_type *type = at;
		size_t rest = behind(type);

		at += sizeof(*type);
		if (t->end - at < rest)
			break;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_STRUCT &&
		    !strcmp(name_of(base, t, type->name_off), name))
			return type;
		at += rest;
	}
	return NULL;
}

/* The member's offset in bytes, as of 4 bytes within the structure; or -1. */
static s64 find_member(const struct types *base, const struct types *t, const struct btf_type *type,
		       const char *name)
{
	const struct btf_member *m = (const void *)(type + 1);
	u32 i, bits;

	for (i = 0; i < BTF_INFO_VLEN(type->info); i++) {
		if (strcmp(name_of(base, t, m[i].name_off), name))
			continue;
		bits = BTF_INFO_KFLAG(type->info) ? BTF_MEMBER_BIT_OFFSET(m[i].offset)
						  : m[i].offset;
		return bits % 32 || bits / 8 + sizeof(u32) > type->size ? -1 : bits / 8;
	}
	return -1;
}

static int find_layout(const struct types *base, const struct types *t)
{
	const struct btf_type *type = find_struct(base, t, "vcpu_vmx");
	s64 vcpu = -1, reason = -1, vectoring = -1;

	if (type) {
		vcpu = find_member(base, t, type, "vcpu");
		reason = find_member(base, t, type, "exit_reason");
		vectoring = find_member(base, t, type, "idt_vectoring_info");
	}
	if (vcpu || reason < (s64)sizeof(struct kvm_vcpu) ||
	    vectoring < (s64)sizeof(struct kvm_vcpu)) {
		pr_err("struct vcpu_vmx of the running kvm_intel is not as this module knows it "
		       "(vcpu "
		       "at %lld, exit_reason at %lld, idt_vectoring_info at %lld): use a kernel "
		       "that "
		       "it knows\n",
		       vcpu, reason, vectoring);
		return -ENOEXEC;
	}
	xo_kvm_layout.exit_reason = reason;
	xo_kvm_layout.idt_vectoring_info = vectoring;
	return 0;
}

static int learn_layout(void)
{
	struct types base = { .data = NULL }, module = { .data = NULL };
	int error = read_types(VMLINUX, &base);

	if (!error)
		error = read_types(KVM_INTEL, &module);
	if (!error)
		error = find_layout(&base, &module);
	vfree(base.data);
	vfree(module.data);
	return error;
}

/* As long as it is held, no other build can take its place. */
static int hold_kvm_intel(void)
{
	struct kobject *object = kset_find_obj(THIS_MODULE->mkobj.kobj.kset, "kvm_intel");

	if (object && try_module_get(container_of(object, struct module_kobject, kobj)->mod))
		kvm_intel = container_of(object, struct module_kobject, kobj)->mod;
	kobject_put(object);
	if (kvm_intel)
		return 0;
	pr_err("kvm_intel is just being loaded or unloaded; load crossover again\n");
	return -EAGAIN;
}

int xo_compat_init(void)
{
	int error = hold_kvm_intel();

	if (error)
		return error;
	error = learn_layout();
	if (error)
		module_put(kvm_intel);
	return error;
}

void xo_compat_exit(void)
{
	module_put(kvm_intel);
}

void xo_kvm_layout_is_wrong(u32 kept, u32 reason)
{
	if (xchg(&xo_kvm_layout_wrong, true))
		return;
	pr_alert("KVM keeps exit reason %#x where the processor says %#x: its struct vcpu_vmx is "
		 "not "
		 "as its type information says; no hypercall is answered any more: unload "
		 "crossover\n",
		 kept, reason);
}

#else

int xo_compat_init(void)
{
	return 0;
}

void xo_compat_exit(void)
{
}

#endif
