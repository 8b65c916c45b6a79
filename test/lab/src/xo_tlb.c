// SPDX-License-Identifier: GPL-2.0
/*
 * Two virtual CPUs of a small VM that take turns at being one and the same CPU, as a server CPU and
 * its visitor do: hazard S2 with nothing else around it, for the TLB model (docs/tlb-model.md).
 *
 *   xo_tlb lawful    every story that must not be reported; nothing may be
 *   xo_tlb planted   every story of a forgotten flush; each must be reported, once
 *   xo_tlb on        does the model run?
 *
 * In each story the visitor uses a page; its page table changes; the native CPU flushes, in some
 * way; perhaps the visitor does, too; and uses the page again.
 */
#include <linux/kvm.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "crossover/mark.h"

#define PAGE	   4096UL
#define MEMORY	   (4UL << 20)
#define TABLES	   0x1000UL /* PML4, PDPT, PD, PT */
#define CODE	   0x8000UL
#define STACK	   0xa000UL
#define DESCRIPTOR 0xb000UL
#define FRAMES	   0x10000UL /* the page's, one after the other */
#define ADDRESS	   0x100000UL
#define LARGE	   0x200000UL /* a page of 2 MiB, for the same */
#define PCID	   5UL
#define NAME	   1000000U /* no VPID */

#define P	   0x1UL
#define W	   0x2UL
#define PS	   0x80UL
#define G	   0x100UL
#define KEEP	   (1UL << 63)

enum who { NATIVE, VISITOR, CPUS };

struct cpu {
	int fd;
	struct kvm_run *run;
};

static unsigned char *memory;
static struct cpu cpus[CPUS];
static unsigned int failed;

extern const char guest_begin[], guest_end[];
extern const char guest_read[], guest_write[], guest_call[], guest_nothing[], guest_invlpg[],
	guest_invpcid[], guest_invpcid_scaled[], guest_cr3[], guest_cr4[], guest_name[];

static void die(const char *what)
{
	perror(what);
	exit(2);
}

static uint64_t *at(uint64_t gpa)
{
	return (uint64_t *)(memory + gpa);
}

/* Flags only of the page that the stories are about. */
static void map(bool large, uint64_t frame, uint64_t flags)
{
	uint64_t *table = at(TABLES);

	table[3 * 512 + ADDRESS / PAGE] = (large ? FRAMES : frame) | P | W | (large ? 0 : flags);
	table[2 * 512 + 1] =
		(large && frame == FRAMES ? 0 : LARGE) | P | W | PS | (large ? flags : 0);
}

static void make_memory(void)
{
	uint64_t *table = at(TABLES);

	table[0] = (TABLES + PAGE) | P | W;
	table[512] = (TABLES + 2 * PAGE) | P | W;
	table[2 * 512] = (TABLES + 3 * PAGE) | P | W;
	for (unsigned int i = 0; i < 512; i++)
		table[3 * 512 + i] = i * PAGE | P | W;
	map(false, FRAMES, 0);
	memcpy(at(CODE), guest_begin, (size_t)(guest_end - guest_begin));
	memset(at(FRAMES), 0xc3, 2 * PAGE); /* RET */
}

static void make_cpu(int kvm, int vm, unsigned int id)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[100];
	} cpuid = { .head.nent = 100 };
	struct kvm_segment code = {
		.type = 11, .s = 1, .present = 1, .l = 1, .g = 1, .limit = UINT32_MAX, .selector = 8
	};
	struct kvm_segment data = { .type = 3,
				    .s = 1,
				    .present = 1,
				    .db = 1,
				    .g = 1,
				    .limit = UINT32_MAX,
				    .selector = 16 };
	struct kvm_sregs s;
	int size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	struct cpu *c = &cpus[id];

	c->fd = ioctl(vm, KVM_CREATE_VCPU, id);
	if (c->fd < 0)
		die("KVM_CREATE_VCPU");
	c->run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	if (c->run == MAP_FAILED || ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid) ||
	    ioctl(c->fd, KVM_SET_CPUID2, &cpuid) || ioctl(c->fd, KVM_GET_SREGS, &s))
		die("a virtual CPU");
	s.cs = code;
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cr0 = 0x80010033;
	s.cr3 = TABLES | PCID;
	s.cr4 = 0x200a0; /* PAE, PGE, PCIDE */
	s.efer = 0x500;
	if (ioctl(c->fd, KVM_SET_SREGS, &s))
		die("KVM_SET_SREGS: has this processor PCIDs?");
}

static void make_vm(void)
{
	struct kvm_userspace_memory_region region = { .memory_size = MEMORY };
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm;

	memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	if (memory == MAP_FAILED || vm < 0)
		die("/dev/kvm");
	make_memory();
	region.userspace_addr = (uint64_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region))
		die("KVM_SET_USER_MEMORY_REGION");
	for (unsigned int i = 0; i < CPUS; i++)
		make_cpu(kvm, vm, i);
}

static void act(enum who who, const char *what, struct kvm_regs r)
{
	struct cpu *c = &cpus[who];

	r.rip = CODE + (uint64_t)(what - guest_begin);
	r.rsp = STACK;
	r.rflags = 2;
	if (ioctl(c->fd, KVM_SET_REGS, &r) || ioctl(c->fd, KVM_RUN, 0))
		die("KVM_RUN");
	if (c->run->exit_reason != KVM_EXIT_HLT) {
		fprintf(stderr, "the virtual CPU ended with exit reason %u, not HLT\n",
			c->run->exit_reason);
		exit(2);
	}
}

static struct xo_tlb read_model(void)
{
	static struct xo_tlb tlb;

	xo_mark_tlb_read(&tlb);
	return tlb;
}

/* A flush: what is executed, RAX, and the descriptor of INVPCID. */
struct flush {
	const char *act;
	uint64_t rax, low, high;
};

#define NOTHING                        \
	{                              \
		guest_nothing, 0, 0, 0 \
	}
#define INVLPG(a)                     \
	{                             \
		guest_invlpg, 0, 0, a \
	}
#define CR3(v)                                \
	{                                     \
		guest_cr3, TABLES | (v), 0, 0 \
	}
#define CR4                        \
	{                          \
		guest_cr4, 0, 0, 0 \
	}
#define INVPCID(t, p, a)               \
	{                              \
		guest_invpcid, t, p, a \
	}

static void flush(enum who who, const struct flush *f)
{
	at(DESCRIPTOR)[0] = f->low;
	at(DESCRIPTOR)[1] = f->high;
	act(who, f->act, (struct kvm_regs){ .rax = f->rax, .rsi = f->high, .rdx = DESCRIPTOR });
}

struct story {
	const char *name;
	struct flush native, visitor;
	const char *use;
	uint64_t flags;
	bool large;	/* the page is one of 2 MiB, and another part of it is flushed */
	bool strangers; /* the two are not one CPU */
};

#define READ guest_read
#define ALL                        \
	{                          \
		guest_cr4, 0, 0, 0 \
	}

static const struct story planted[] = {
	{ "INVLPG", INVLPG(ADDRESS), NOTHING, READ, 0, false, false },
	{ "INVLPG, then a write", INVLPG(ADDRESS), NOTHING, guest_write, 0, false, false },
	{ "INVLPG, then a fetch", INVLPG(ADDRESS), NOTHING, guest_call, 0, false, false },
	{ "INVLPG of a global page", INVLPG(ADDRESS), NOTHING, READ, G, false, false },
	{ "INVLPG of a part of a large page", INVLPG(LARGE + 0x5000), NOTHING, READ, 0, true,
	  false },
	{ "MOV to CR3", CR3(PCID), NOTHING, READ, 0, false, false },
	{ "MOV to CR4, a global page", CR4, NOTHING, READ, G, false, false },
	{ "INVPCID 0", INVPCID(0, PCID, ADDRESS), NOTHING, READ, 0, false, false },
	{ "INVPCID 1", INVPCID(1, PCID, 0), NOTHING, READ, 0, false, false },
	{ "INVPCID 2, a global page", INVPCID(2, 0, 0), NOTHING, READ, G, false, false },
	{ "INVPCID 3", INVPCID(3, 0, 0), NOTHING, READ, 0, false, false },
	{ "INVPCID 1, its operand scaled",
	  { guest_invpcid_scaled, 1, PCID, 0 },
	  NOTHING,
	  READ,
	  0,
	  false,
	  false },
	{ "the visitor flushes another PCID", INVLPG(ADDRESS), INVPCID(1, PCID + 1, 0), READ, 0,
	  false, false },
	{ "the visitor flushes another page", INVLPG(ADDRESS), INVLPG(ADDRESS + PAGE), READ, 0,
	  false, false },
	{ "the visitor loads CR3 and keeps", INVLPG(ADDRESS), CR3(PCID | KEEP), READ, 0, false,
	  false },
	{ "the visitor flushes all but global pages", INVLPG(ADDRESS), INVPCID(3, 0, 0), READ, G,
	  false, false },
};

static const struct story lawful[] = {
	{ "no flush", NOTHING, NOTHING, READ, 0, false, false },
	{ "another page is flushed", INVLPG(ADDRESS + PAGE), NOTHING, READ, 0, false, false },
	{ "another PCID is flushed", INVPCID(1, PCID + 1, 0), NOTHING, READ, 0, false, false },
	{ "CR3 is loaded and keeps", CR3(PCID | KEEP), NOTHING, READ, 0, false, false },
	{ "MOV to CR3 keeps a global page", CR3(PCID), NOTHING, READ, G, false, false },
	{ "INVPCID 0 keeps a global page", INVPCID(0, PCID, ADDRESS), NOTHING, READ, G, false,
	  false },
	{ "INVPCID 3 keeps a global page", INVPCID(3, 0, 0), NOTHING, READ, G, false, false },
	{ "they are not one CPU", INVLPG(ADDRESS), NOTHING, READ, 0, false, true },
	{ "the visitor: INVLPG", INVLPG(ADDRESS), INVLPG(ADDRESS), READ, 0, false, false },
	{ "the visitor: INVLPG, global", INVLPG(ADDRESS), INVLPG(ADDRESS), READ, G, false, false },
	{ "the visitor: INVLPG, large", INVLPG(LARGE), INVLPG(LARGE + 0x7000), READ, 0, true,
	  false },
	{ "the visitor: MOV to CR3", INVLPG(ADDRESS), CR3(PCID), READ, 0, false, false },
	{ "the visitor: INVPCID 0", INVLPG(ADDRESS), INVPCID(0, PCID, ADDRESS), READ, 0, false,
	  false },
	{ "the visitor: INVPCID 1", INVLPG(ADDRESS), INVPCID(1, PCID, 0), READ, 0, false, false },
	{ "the visitor: INVPCID 2", CR4, INVPCID(2, 0, 0), READ, G, false, false },
	{ "the visitor: INVPCID 3", CR3(PCID), INVPCID(3, 0, 0), READ, 0, false, false },
	{ "the visitor: MOV to CR4", CR4, ALL, READ, G, false, false },
	{ "the visitor fetches behind its flush", INVLPG(ADDRESS), INVLPG(ADDRESS), guest_call, 0,
	  false, false },
};

static void use(const struct story *s)
{
	act(VISITOR, s->use,
	    (struct kvm_regs){ .rsi = s->large ? LARGE + 0x3000 : ADDRESS,
			       .rax = 0xc3c3c3c3c3c3c3c3 });
}

static void tell(const struct story *s, uint64_t expected)
{
	static const struct flush all = ALL;
	uint64_t reports;

	for (unsigned int i = 0; i < CPUS; i++) {
		act(i, guest_name, (struct kvm_regs){ .rdi = s->strangers ? 0 : NAME });
		flush(i, &all);
	}
	map(s->large, FRAMES, s->flags);
	reports = read_model().reports;
	use(s);
	map(s->large, FRAMES + PAGE, s->flags);
	flush(NATIVE, &s->native);
	flush(VISITOR, &s->visitor);
	use(s);
	reports = read_model().reports - reports;
	printf("%s: %s: reported %lu times\n", reports == expected ? "right" : "WRONG", s->name,
	       (unsigned long)reports);
	failed += reports != expected;
}

int main(int argc, char **argv)
{
	const char *what = argc == 2 ? argv[1] : "";
	struct xo_tlb model = read_model();

	if (!model.valid || !model.on) {
		fprintf(stderr, "the TLB model is off: xo lab run --tlb-model\n");
		return 1;
	}
	if (!strcmp(what, "on")) {
		printf("fills %lu flushes %lu condemned %lu reports %lu\n",
		       (unsigned long)model.fills, (unsigned long)model.flushes,
		       (unsigned long)model.condemned, (unsigned long)model.reports);
		return 0;
	}
	if (strcmp(what, "lawful") && strcmp(what, "planted")) {
		fprintf(stderr, "usage: xo_tlb lawful|planted|on\n");
		return 2;
	}
	make_vm();
	if (!strcmp(what, "planted"))
		for (size_t i = 0; i < sizeof(planted) / sizeof(planted[0]); i++)
			tell(&planted[i], 1);
	else
		for (size_t i = 0; i < sizeof(lawful) / sizeof(lawful[0]); i++)
			tell(&lawful[i], 0);
	return failed != 0;
}
