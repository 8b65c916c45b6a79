// SPDX-License-Identifier: GPL-2.0
/* Arguments of `xo lab`: checked whole before anything is made. No side effects. */
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include <crossover/abi.h>
#include "lab.h"

#define MIN_VM_MEMORY 64
#define MAX_VM_CPUS   8

int lab_error(struct lab_error *err, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(err->text, sizeof(err->text), format, ap);
	va_end(ap);
	return -1;
}

static bool is_name(const char *text, size_t size)
{
	if (size < 1 || size > LAB_VM_NAME || text[0] < 'a' || text[0] > 'z')
		return false;
	return strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") >= size;
}

static int parse_name(const char *text, size_t size, char *name, struct lab_error *err)
{
	if (!is_name(text, size))
		return lab_error(err,
				 "'%.*s' is not a VM name: a letter a-z, then at most %d of a-z, "
				 "0-9 and '-'",
				 (int)(size > 60 ? 60 : size), text, LAB_VM_NAME - 1);
	memcpy(name, text, size);
	name[size] = 0;
	if (!strcmp(name, XO_HOST_NAME))
		return lab_error(err,
				 "no VM may be called '%s': that is the host's own name; "
				 "choose another",
				 XO_HOST_NAME);
	return 0;
}

/* A decimal number that ends at `end`. */
static int parse_number(const char *text, const char *end, const char *what, unsigned long min,
			unsigned long max, unsigned int *value, struct lab_error *err)
{
	size_t size = (size_t)(end - text);
	unsigned long n = 0;

	if (size < 1 || size > 9 || strspn(text, "0123456789") < size)
		return lab_error(err, "'%.*s' is not a number for the %s",
				 (int)(size > 60 ? 60 : size), text, what);
	for (size_t i = 0; i < size; i++)
		n = n * 10 + (unsigned long)(text[i] - '0');
	if (n < min || n > max)
		return lab_error(err, "the %s must be from %lu to %lu, not %lu", what, min, max, n);
	*value = (unsigned int)n;
	return 0;
}

/* Spaces part the words; a line of the shape is what the agent can take. */
static int parse_args(const char *text, struct lab_vm *vm, struct lab_error *err)
{
	size_t size = strlen(text);

	if (size < 1 || size > LAB_VM_ARGS)
		return lab_error(err, "the kernel arguments of VM %s must have 1 to %d characters",
				 vm->name, LAB_VM_ARGS);
	for (size_t i = 0; i < size; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return lab_error(err, "the kernel arguments of VM %s must be plain ASCII",
					 vm->name);
	}
	strcpy(vm->args, text);
	return 0;
}

int lab_parse_vm(const char *text, struct lab_vm *vm, struct lab_error *err)
{
	const char *end = strchrnul(text, ':');

	vm->memory = LAB_VM_MEMORY;
	vm->cpus = 1;
	vm->args[0] = 0;
	if (parse_name(text, (size_t)(end - text), vm->name, err))
		return -1;
	if (!*end)
		return 0;
	text = end + 1;
	end = strchrnul(text, ':');
	if (parse_number(text, end, "memory of a VM (MiB)", MIN_VM_MEMORY, LAB_MAX_MEMORY,
			 &vm->memory, err))
		return -1;
	if (!*end)
		return 0;
	text = end + 1;
	end = strchrnul(text, ':');
	if (parse_number(text, end, "number of a VM's CPUs", 1, MAX_VM_CPUS, &vm->cpus, err))
		return -1;
	return *end ? parse_args(end + 1, vm, err) : 0;
}

/* The version becomes the name of a folder. */
int lab_parse_kernel(const char *text, char kernel[LAB_KERNEL + 1], struct lab_error *err)
{
	size_t size = strlen(text);

	if (size < 1 || size > LAB_KERNEL || strspn(text, "0123456789.") < size || text[0] == '.')
		return lab_error(err, "'%.60s' is not a kernel version as 6.12", text);
	strcpy(kernel, text);
	return 0;
}

static int put_text(char *to, const char *text, size_t size, const char *whole,
		    struct lab_error *err)
{
	if (size < 1 || size >= PATH_MAX)
		return lab_error(err, "'%.200s' names no file: the form is [VM:]LOCAL:PATH", whole);
	memcpy(to, text, size);
	to[size] = 0;
	return 0;
}

static int append_last_part(struct lab_put *put, struct lab_error *err)
{
	char *slash;
	size_t used = strlen(put->path);

	while (strlen(put->local) > 1 && put->local[strlen(put->local) - 1] == '/')
		put->local[strlen(put->local) - 1] = 0;
	if (put->path[used - 1] != '/')
		return 0;
	slash = strrchr(put->local, '/');
	if (used + strlen(put->local) >= sizeof(put->path))
		return lab_error(err, "the path %.200s is too long", put->path);
	strcpy(put->path + used, slash ? slash + 1 : put->local);
	return 0;
}

int lab_parse_put(const char *text, bool for_vm, struct lab_put *put, struct lab_error *err)
{
	const char *local = text, *colon;

	put->vm[0] = 0;
	if (for_vm) {
		local = strchrnul(text, ':');
		if (parse_name(text, (size_t)(local - text), put->vm, err))
			return -1;
		local += *local == ':';
	}
	colon = strrchr(local, ':');
	if (!colon)
		return lab_error(err, "'%.200s' has no target: the form is %sLOCAL:PATH", text,
				 for_vm ? "VM:" : "");
	if (put_text(put->local, local, (size_t)(colon - local), text, err) ||
	    put_text(put->path, colon + 1, strlen(colon + 1), text, err))
		return -1;
	if (put->path[0] != '/')
		return lab_error(err, "'%.200s': the target %.200s must begin with /", text,
				 put->path);
	return append_last_part(put, err);
}

unsigned int lab_memory(const struct lab_options *o)
{
	unsigned int sum = o->host_memory;

	for (unsigned int i = 0; i < o->vm_count; i++)
		sum += o->vms[i].memory + LAB_VM_OVERHEAD;
	return (sum + 63) / 64 * 64;
}

static struct lab_vm *find_vm(struct lab_options *o, const char *name)
{
	for (unsigned int i = 0; i < o->vm_count; i++) {
		if (!strcmp(o->vms[i].name, name))
			return &o->vms[i];
	}
	return NULL;
}

static int add_vm(struct lab_options *o, const char *text, struct lab_error *err)
{
	struct lab_vm vm;

	if (lab_parse_vm(text, &vm, err))
		return -1;
	if (find_vm(o, vm.name))
		return lab_error(err, "VM %s is named twice", vm.name);
	if (o->vm_count == LAB_MAX_VMS)
		return lab_error(err, "a lab has at most %d VMs", LAB_MAX_VMS);
	o->vms[o->vm_count++] = vm;
	return 0;
}

static int add_put(struct lab_options *o, const char *text, bool for_vm, struct lab_error *err)
{
	if (o->put_count == LAB_MAX_PUTS)
		return lab_error(err, "at most %d files can be put; put a folder instead",
				 LAB_MAX_PUTS);
	return lab_parse_put(text, for_vm, &o->puts[o->put_count++], err);
}

static int check_whole(struct lab_options *o, struct lab_error *err)
{
	for (unsigned int i = 0; i < o->put_count; i++) {
		if (o->puts[i].vm[0] && !find_vm(o, o->puts[i].vm))
			return lab_error(err, "there is no VM %s to put %.200s into: add --vm %s",
					 o->puts[i].vm, o->puts[i].local, o->puts[i].vm);
	}
	if (lab_memory(o) > LAB_MAX_MEMORY)
		return lab_error(err,
				 "these VMs need an emulated machine of %u MiB, more than %u: give "
				 "them less memory",
				 lab_memory(o), LAB_MAX_MEMORY);
	return 0;
}

static int take_option(struct lab_options *o, int option, struct lab_error *err)
{
	const char *end = optarg ? optarg + strlen(optarg) : NULL;

	switch (option) {
	case 'v':
		return add_vm(o, optarg, err);
	case 'c':
		return parse_number(optarg, end, "number of the emulated host's CPUs", 1,
				    LAB_MAX_CPUS, &o->cpus, err);
	case 'p':
		return add_put(o, optarg, false, err);
	case 'P':
		return add_put(o, optarg, true, err);
	case 'm':
		return parse_number(optarg, end, "host's own memory (MiB)", LAB_HOST_MEMORY,
				    LAB_MAX_MEMORY, &o->host_memory, err);
	case 'i':
		return parse_number(optarg, end, "million instructions of a second", LAB_MIPS, 4000,
				    &o->mips, err);
	case 's':
		return parse_number(optarg, end, "limit of the start (s)", 1, 1000000,
				    &o->start_limit, err);
	case 't':
		return parse_number(optarg, end, "timeout (s)", 1, 1000000, &o->timeout, err);
	case 'k':
		return lab_parse_kernel(optarg, o->kernel, err);
	case 'C':
		o->cold = true;
		return 0;
	case 'T':
		o->tlb_model = true;
		return 0;
	case 'h':
		o->help = true;
		return 0;
	default:
		return lab_error(err, "unknown option or missing value; see xo lab --help");
	}
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct lab_vm *)a)->name, ((const struct lab_vm *)b)->name);
}

int lab_parse(int argc, char **argv, struct lab_options *o, struct lab_error *err)
{
	/* The first three are those of `run` alone. */
	static const struct option run[] = { { "put", required_argument, NULL, 'p' },
					     { "vm-put", required_argument, NULL, 'P' },
					     { "timeout", required_argument, NULL, 't' },
					     { "vm", required_argument, NULL, 'v' },
					     { "cpus", required_argument, NULL, 'c' },
					     { "host-kernel", required_argument, NULL, 'k' },
					     { "host-memory", required_argument, NULL, 'm' },
					     { "mips", required_argument, NULL, 'i' },
					     { "start-limit", required_argument, NULL, 's' },
					     { "cold", no_argument, NULL, 'C' },
					     { "tlb-model", no_argument, NULL, 'T' },
					     { "help", no_argument, NULL, 'h' },
					     { 0 } };
	bool interactive = !strcmp(argv[0], "up");
	int option;

	memset(o, 0, sizeof(*o));
	o->cpus = 1;
	o->host_memory = LAB_HOST_MEMORY;
	o->mips = LAB_MIPS;
	o->timeout = LAB_TIMEOUT;
	optind = 0;
	opterr = 0;
	while ((option = getopt_long(argc, argv, "+h", interactive ? run + 3 : run, NULL)) != -1) {
		if (option == '?')
			return lab_error(err,
					 "'%s' is not an option of xo lab %s, or lacks its value",
					 argv[optind - 1], argv[0]);
		if (take_option(o, option, err))
			return -1;
		if (o->help)
			return 0;
	}
	if (interactive && optind < argc)
		return lab_error(err, "xo lab up takes no '%s': to run a script use xo lab run",
				 argv[optind]);
	if (!interactive && optind == argc)
		return lab_error(err,
				 "xo lab run needs a SCRIPT (a file, or - for standard input)");
	if (!interactive) {
		o->script = argv[optind];
		o->args = argv + optind + 1;
	}
	qsort(o->vms, o->vm_count, sizeof(o->vms[0]), by_name);
	return check_whole(o, err);
}
