// SPDX-License-Identifier: GPL-2.0
/*
 * The same gates attacked by the caller's kernel (test/lab/ko/xo_attack does it for us): VMFUNC and
 * gate text entered in ring 0, an interrupt table that a service can write, CR0.TS, foreign CR3.
 */
#include "attack.h"
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include "gate_blob.h"
#include "ring0.h"

#define PAGE	 4096UL
#define FPU_SIZE 15 /* of FNSTCW and STMXCSR right before gate_restart */

static int device;
static struct target target;
static uint8_t *text;

int ring0_open(void)
{
	device = open("/dev/xo_attack", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/xo_attack: %s (insmod xo_attack.ko)", strerror(errno));
	return device;
}

uint8_t *ring0_connect(void)
{
	target_open(&target, "attack", 2, true);
	text = window(&target, 0);
	return text;
}

void ring0_disconnect(void)
{
	target_close(&target);
}

/* ------------------------------------------------------------------ VMFUNC in the kernel's text */

static void leaves(const char *when)
{
	static const uint64_t odd[] = { 512, 1UL << 31, (1UL << 32) - 1 };
	static const uint64_t leaf[] = { 0, 1, 2, 3, 63, 64, 1UL << 31 };
	uint64_t tries = 0, ud = 0, passed = 0, i, k;
	bool wrong = false;

	for (k = 0; k < COUNT(leaf); k++)
		for (i = 0; i < 512 + COUNT(odd); i += leaf[k] ? 61 : 1) {
			struct xa_leaf x = { .leaf = leaf[k], .index = i < 512 ? i : odd[i - 512] };

			if (ioctl(device, XA_LEAF, &x))
				die("XA_LEAF: %s", strerror(errno));
			tries++;
			ud += x.ud;
			passed += !x.ud;
			wrong |= !x.ud && (x.leaf || x.index);
		}
	check(!wrong && passed <= 1 && tries == ud + passed,
	      "VMFUNC in ring 0, %s: tries %lu, #UD %lu, harmless %lu (leaf 0, index 0)", when,
	      tries, ud, passed);
}

/* ------------------------------------------------------------------ gate text in ring 0 */

static uint64_t frame[64];
asm(".text; .globl ring0_back; ring0_back: ud2");

void ring0_save(void)
{
	uint8_t *save = text + XO_GATE_SAVE;
	uint64_t fs;

	asm volatile("rdfsbase %0" : "=r"(fs));
	memset(frame, 0, sizeof(frame));
	frame[32 + 6] = (uint64_t)ring0_back;
	*(uint64_t *)(save + XO_SAVE_RSP) = (uint64_t)&frame[32];
	*(uint64_t *)(save + XO_SAVE_FS) = fs;
	*(uint64_t *)(save + XO_SAVE_GS) = 0;
	*(uint32_t *)(save + XO_SAVE_MXCSR) = 0x1f80;
	*(uint16_t *)(save + XO_SAVE_FCW) = 0x37f;
}

bool ring0_plain_call(void)
{
	int tries;

	for (tries = 0; tries < 4; tries++) {
		struct answer a;

		*(uint64_t *)((uint8_t *)text + XO_GATE_SAVE + XO_SAVE_FS) = 0; /* free */
		a = gate_call_through(text, OP_SUM, 20, 1, 0);
		if (a.status == XO_GATE_OK)
			return a.value == 42;
		if (a.status == XO_GATE_BUSY)
			target_reset(&target, 0);
	}
	return false;
}

uint64_t ring0_frame(void)
{
	return (uint64_t)&frame[32];
}

static void own_text(void)
{
	uint8_t page[PAGE];
	uint8_t *at = text - PAGE;

	memcpy(page, text, PAGE);
	if (mmap(at, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) != at ||
	    mmap(text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_POPULATE, -1, 0) != text)
		die("cannot map pages of our own over the gate");
	memcpy(text, page, PAGE);
	at[0] = 0;
}

static void every_byte(const char *what, uint64_t junk, uint32_t which)
{
	uint64_t tries = 0, wrong = 0, leaks = 0, vectors[33] = { 0 }, sum = 0;
	uint64_t given[16] = { junk };
	uint32_t k, i;

	for (k = 0; k <= XO_L_gate_end; k++) {
		struct xa_run run = { .which = which, .rip = (uint64_t)text + k - 3 };

		ring0_save();
		memcpy(text + k - 3, "\x0f\x01\xd4", 3);
		for (i = 0; i < 16; i++)
			run.r[i] = junk;
		run.r[RAX] = junk & ~0xffffffffUL;
		run.r[RCX] = (junk & ~0xffffffffUL) | 1;
		run.r[RSP] = (uint64_t)&frame[32];
		if (ioctl(device, XA_RUN, &run))
			die("XA_RUN: %s", strerror(errno));
		memcpy(text, xo_gate_text, PAGE);
		tries++;
		vectors[run.vector < 32 ? run.vector : 32]++;
		for (i = 0; i < 16; i++)
			leaks += looks_like_eptp((uint64_t)run.r[i], given);
		if (!ring0_plain_call() && wrong++ < 3)
			printf("byte %#x: vector %u, no plain call after it\n", k, run.vector);
	}
	printf("%-24s tries %lu:", what, tries);
	for (i = 0; i < 33; i++) {
		sum += vectors[i];
		if (vectors[i])
			printf(" exception %u %lu", i, vectors[i]);
	}
	printf("; host addresses seen %lu; plain calls wrong after it %lu\n", leaks, wrong);
	check(sum == tries && !leaks && !wrong, "gate entered in ring 0 at every byte: %s", what);
}

static void gate_text(void)
{
	ring0_save();
	every_byte("registers: zero", 0, XA_CR3_USER);
	every_byte("registers: ones", ~0UL, XA_CR3_USER);
	every_byte("registers: the list", (uint64_t)text + XO_GATE_LIST, XA_CR3_USER);
	every_byte("registers: constants", (uint64_t)text + XO_GATE_CONST, XA_CR3_USER);
	every_byte("registers: an EPTP", 0x10035e01e, XA_CR3_USER);
	every_byte("the kernel's CR3", 0, XA_CR3_KERNEL);
}

/* ------------------------------------------------------------------ tables and flags */

/* Nobody else runs between here and there. */
static void alone(bool on)
{
	const struct sched_param p = { .sched_priority = on ? 99 : 0 };

	if (sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p))
		die("sched_setscheduler: %s", strerror(errno));
}

static void idt_in_buffer(uint64_t deed)
{
	uint64_t there = (uint64_t)target_buffer(&target), back = 0;
	struct answer a;
	int err;

	alone(true);
	err = ioctl(device, XA_IDT, &there);
	a = gate_call(text, OP_DO, deed, 0, 0);
	if (!err)
		ioctl(device, XA_IDT, &back);
	alone(false);
	check(!err && a.status == XO_GATE_FAULT && a.value >> 56 == XO_GATE_FAULT_GATE,
	      "IDT in the buffer, and a service that would fault (%lu): refused before it runs: "
	      "status "
	      "%lu, kind %lu",
	      deed, a.status, a.value >> 56);
	check(ring0_plain_call(), "a plain call after that");
}

/*
 * At home nothing may use x87 or SSE until CR0.TS is off again, gate_mine does: in our own copy of
 * its text it goes to ring0_off instead.
 */
int ring0_device;
uint32_t ring0_zero;
void ring0_off(void);
asm(".text; .globl ring0_off\n"
    "ring0_off: push %rdx; push %rsi\n"
    "mov $16, %eax; mov ring0_device(%rip), %edi; mov $0x40046104, %esi\n"
    "lea ring0_zero(%rip), %rdx; syscall\n"
    "pop %rsi; pop %rdx\n"
    "mov %rdx, %rax; mov %esi, %edx\n"
    "pop %rbp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbx; ret");
_Static_assert(XA_TS == 0x40046104, "ring0_off knows XA_TS");

/* TS on and the call, with no instruction of C in between. */
struct answer ring0_ts_call(uint8_t *entry, uint64_t op, uint64_t a, uint64_t b);
asm(".text; .globl ring0_ts_call\n"
    "ring0_ts_call: push %rdi; push %rsi; push %rdx; push %rcx; sub $8, %rsp\n"
    "movl $1, (%rsp)\n"
    "mov $16, %eax; mov ring0_device(%rip), %edi; mov $0x40046104, %esi\n"
    "mov %rsp, %rdx; syscall\n"
    "add $8, %rsp; pop %rdx; pop %rsi; pop %rdi; pop %rax; jmp *%rax");

static void task_switched(uint64_t op, uint64_t a)
{
	static const uint8_t jump[] = { 0xff, 0x25, 0, 0, 0, 0 };
	uint8_t *fpu = text + XO_L_gate_restart - FPU_SIZE;
	uint64_t to = (uint64_t)ring0_off;
	struct answer r;

	ring0_device = device;
	/* all that the gate saves of x87 and SSE on its way away needs TS off, too */
	memcpy(text + XO_L_gate_mine, jump, sizeof(jump));
	memcpy(text + XO_L_gate_mine + sizeof(jump), &to, 8);
	if (memcmp(fpu, "\x40\xd9\x3d", 3) || memcmp(fpu + 7, "\x40\x0f\xae\x1d", 4))
		die("gate text does not end its way to VMFUNC by FNSTCW and STMXCSR any more");
	memset(fpu, 0x90, FPU_SIZE);
	alone(true);
	r = ring0_ts_call(text + XO_GATE_ENTRY, op, a, 1);
	alone(false);
	memcpy(text, xo_gate_text, PAGE);
	check(r.status == XO_GATE_FAULT && r.value >> 56 == XO_GATE_FAULT_GATE,
	      "CR0.TS on: refused by the runtime: status %lu, kind %lu", r.status, r.value >> 56);
	check(ring0_plain_call(), "a plain call after that");
}

int attack_ring0(int argc, char **argv)
{
	uint64_t v;

	ring0_open();
	leaves("not connected");
	ring0_connect();
	leaves("connected");
	own_text();
	ring0_save();
	check(ring0_plain_call(), "a plain call by gate text of our own");
	gate_text();
	idt_in_buffer(DEED_DIVIDE);
	idt_in_buffer(DEED_UD2);
	task_switched(OP_SUM, 20);
	check(!target_call(&target, OP_SUM, 20, 1, 0, &v) && v == 42, "a plain call at the end");
	target_close(&target);
	return end_status();
}

/*
 * CR3 as no kernel has it, and off: this VM dies of it, and nobody else. What it names is ours
 *where gate contexts are: lists, constants, tables. xo_attack cr3 ADDRESS
 */
int attack_cr3(int argc, char **argv)
{
	struct xa_run run = { .which = XA_CR3_VALUE };

	ring0_open();
	ring0_connect();
	own_text();
	ring0_save();
	memcpy(text + XO_L_gate_in - 3, "\x0f\x01\xd4", 3);
	run.cr3 = argc > 1 ? strtoul(argv[1], NULL, 0) : 0;
	run.rip = (uint64_t)text + XO_L_gate_in - 3;
	run.r[RCX] = 1;
	run.r[RSP] = (uint64_t)&frame[32];
	printf("CR3 %#llx, and away\n", run.cr3);
	fflush(stdout);
	ioctl(device, XA_RUN, &run);
	printf("still here: exception %u\n", run.vector);
	return 0;
}
