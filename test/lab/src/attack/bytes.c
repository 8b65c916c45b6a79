// SPDX-License-Identifier: GPL-2.0
/*
 * Gate text entered at every byte, with one thing varied at a time, then with everything at once.
 * The process owns its own mapping of the gate's address, so it puts a VMFUNC there wherever it
 * likes: what comes behind it is fetched in the gate context, from the genuine text.
 */
#include "attack.h"
#include <linux/hw_breakpoint.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include "gate_blob.h"

#define PAGE	 4096UL
#define FLAG_TF	 0x100UL
#define FLAG_DF	 0x400UL
#define FLAG_NT	 0x4000UL
#define FLAG_AC	 0x40000UL
#define FLAG_ID	 0x200000UL
#define FLAGS_AR 0x8d5UL /* what arithmetic sets */

enum kind { JUNK, STACK, FLAGS, CALL, BASES, X87, BREAK, WATCH };

static struct target target;
static uint8_t *text; /* slot 0's window at home */

static const struct variation {
	const char *name;
	enum kind kind;
	uint64_t value;
	uint64_t in_window; /* 1: `value` is an offset in the window */
} variations[] = {
	{ "a call's registers", CALL, 0, 0 },
	{ "a resume's registers", CALL, 1, 0 },
	{ "registers: list's address", JUNK, XO_GATE_LIST, 1 },
	{ "registers: list entry 2", JUNK, XO_GATE_LIST + XO_LIST_SVC, 1 },
	{ "registers: constants", JUNK, XO_GATE_CONST, 1 },
	{ "registers: vCPU's constants", JUNK, XO_GATE_VCPU, 1 },
	{ "registers: save page", JUNK, XO_GATE_SAVE, 1 },
	{ "registers: zero", JUNK, 0, 0 },
	{ "registers: ones", JUNK, ~0UL, 0 },
	{ "registers: an EPTP", JUNK, 0x10035e01eUL, 0 },
	{ "registers: EPTP, upper half", JUNK, 0x35e8901eUL << 32, 0 },
	{ "stack: none", STACK, 0, 0 },
	{ "stack: not canonical", STACK, 1UL << 63, 0 },
	{ "stack: the list", STACK, XO_GATE_LIST + 0x20, 1 },
	{ "stack: constants", STACK, XO_GATE_CONST + 0x20, 1 },
	{ "direction flag", FLAGS, FLAG_DF, 0 },
	{ "alignment check", FLAGS, FLAG_AC, 0 },
	{ "single step", FLAGS, FLAG_TF, 0 },
	{ "nested task, ID flag", FLAGS, FLAG_NT | FLAG_ID, 0 },
	{ "arithmetic flags", FLAGS, FLAGS_AR, 0 },
	{ "FS and GS base: the list", BASES, XO_GATE_LIST, 1 },
	{ "x87, MXCSR: unmasked, pending", X87, 0, 0 },
	{ "breakpoint on that byte", BREAK, 0, 0 },
	{ "watchpoint on the list", WATCH, XO_GATE_LIST, 1 },
};

/* ------------------------------------------------------------------ one try */

static void make_own_text(void)
{
	uint8_t page[PAGE];
	void *before;

	memcpy(page, text, PAGE);
	if (memcmp(page, xo_gate_text, PAGE))
		die("home's gate text is not what was built");
	before = mmap(text - PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
		      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	if (before == MAP_FAILED || mmap(text, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC,
					 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != text)
		die("cannot map pages of our own over the gate");
	memcpy(text, page, PAGE);
}

static void set_save(void)
{
	uint8_t *save = text + XO_GATE_SAVE;
	uint64_t fs;

	asm volatile("rdfsbase %0" : "=r"(fs));
	*(uint64_t *)(save + XO_SAVE_RSP) = try_frame();
	*(uint64_t *)(save + XO_SAVE_FS) = fs;
	*(uint64_t *)(save + XO_SAVE_GS) = 0;
	*(uint32_t *)(save + XO_SAVE_MXCSR) = 0x1f80;
	*(uint16_t *)(save + XO_SAVE_FCW) = 0x37f;
}

static uint64_t resets, revivals, again;

/* A call by the book in the same slot. What the try left there is forgotten first. */
static bool plain_call(void)
{
	int tries;

	for (tries = 0; tries < 8; tries++) {
		struct answer a;
		uint64_t v;

		set_save();
		*(uint64_t *)(text + XO_GATE_SAVE + XO_SAVE_FS) = 0; /* the gate claims it */
		a = gate_call_through(text, OP_SUM, 20, 1, 0);
		switch (a.status) {
		case XO_GATE_OK:
			return a.value == 42;
		case XO_GATE_BUSY:
			resets++;
			target_reset(&target, 0);
			break;
		case XO_GATE_REVOKED:
			revivals++;
			if (target_call(&target, OP_SUM, 20, 1, 0, &v) || v != 42)
				return false;
			break;
		case XO_GATE_AGAIN:
			again++;
			break;
		default:
			return false;
		}
	}
	return false;
}

/* `in` has the registers; VMFUNC's own two are put into their lower halves here. */
static void one(struct tally *t, uint32_t k, struct regs *in, bool wrong_x87)
{
	static const uint8_t popf_vmfunc[] = { 0x9d, 0x0f, 0x01, 0xd4 };
	uint32_t n = in->flags & FLAG_TF ? 4 : 3;
	uint64_t flags = in->flags;
	struct try out;

	memcpy(text + k - n, popf_vmfunc + 4 - n, n);
	in->rip = (uint64_t)text + k - n;
	in->r[RAX] &= ~0xffffffffUL;
	in->r[RCX] = (in->r[RCX] & ~0xffffffffUL) | 1;
	set_save();
	if (flags & FLAG_TF) { /* set by the instruction before VMFUNC: it acts behind it */
		static uint64_t word[8];

		word[4] = flags;
		in->r[RSP] = (uint64_t)&word[4];
		in->flags = 0x202;
	}
	if (wrong_x87)
		asm volatile("fninit; fldcw %0; fld1; fldz; fdivrp; ldmxcsr %1"
			     :
			     : "m"((const uint16_t){ 0x340 }), "m"((const uint32_t){ 0x3f }));
	try_run(in, &out);
	in->flags = flags;
	if (wrong_x87)
		asm volatile("fninit; ldmxcsr %0" : : "m"((const uint32_t){ 0x1f80 }));
	memcpy(text, xo_gate_text, PAGE < k ? PAGE : k);
	tally_add(t, in, &out);
}

static void judge(struct tally *t, uint32_t k, const char *what)
{
	if (plain_call())
		return;
	if (t->wrong++ < 3)
		printf("byte %#x, %s: no plain call after it\n", k, what);
	target_reset(&target, 0);
}

static void fill(struct regs *in, uint64_t value)
{
	int i;

	for (i = 0; i < 16; i++)
		in->r[i] = value;
	in->r[RSP] = try_frame();
	in->flags = 0x202;
}

static void call_registers(struct regs *in)
{
	memset(in, 0, sizeof(*in));
	in->r[RDI] = OP_SUM;
	in->r[RSI] = 20;
	in->r[RDX] = 1;
	in->r[RSP] = try_frame();
	in->flags = 0x202;
}

static void with(const struct variation *v, uint32_t k, struct tally *t)
{
	uint64_t value = v->in_window ? (uint64_t)text + v->value : v->value;
	struct regs in;
	int fd = -1;

	call_registers(&in);
	switch (v->kind) {
	case CALL:
		in.r[RBX] = value;
		break;
	case JUNK:
		fill(&in, value);
		break;
	case STACK:
		in.r[RSP] = value;
		break;
	case FLAGS:
		in.flags |= value;
		break;
	case BASES:
		enter_base = value;
		break;
	case BREAK:
		fd = breakpoint(HW_BREAKPOINT_X, (uint64_t)text + k);
		break;
	case WATCH:
		fd = breakpoint(HW_BREAKPOINT_W, value);
		break;
	case X87:
		break;
	}
	one(t, k, &in, v->kind == X87);
	enter_base = 0;
	if (fd >= 0)
		close(fd);
	judge(t, k, v->name);
}

/* Every byte of the text, some of what fills the page, and the page's end. */
static uint32_t byte_at(uint32_t i)
{
	static const uint32_t more[] = {
		XO_L_gate_end, XO_L_gate_end + 1, 0x7ff, 0xff8, 0xffd, 0xffe, 0xfff, 0x1000
	};

	if (i < XO_L_gate_end)
		return i;
	i -= XO_L_gate_end;
	return i < COUNT(more) ? more[i] : ~0U;
}

static void single(const struct variation *v, uint32_t step)
{
	struct tally t = { .name = v->name };
	uint32_t i;
	int fd;

	if (v->kind == BREAK || v->kind == WATCH) {
		fd = breakpoint(HW_BREAKPOINT_W, (uint64_t)text + XO_GATE_LIST);
		if (fd < 0) {
			skipped(v->name, "this kernel gives no hardware breakpoint");
			return;
		}
		close(fd);
	}
	for (i = 0; byte_at(i) != ~0U; i += step)
		with(v, byte_at(i), &t);
	check(tally_print(&t), "gate entered at %lu bytes: %s", t.tries, v->name);
}

static uint64_t any_value(void)
{
	static const uint64_t in_window[] = {
		XO_GATE_TEXT,	   XO_GATE_CONST,     XO_GATE_LIST,	    XO_GATE_LIST + 8,
		XO_GATE_LIST + 16, XO_GATE_LIST - 16, XO_GATE_VCPU,	    XO_GATE_SAVE,
		XO_GATE_RT,	   XO_GATE_SSA,	      XO_GATE_STACK_TOP - 8
	};
	static const uint64_t plain[] = { 0, 1, 2, 0x202, ~0UL, 0x33, 1UL << 63, 0x10035e01e };
	uint64_t pick = seeded() % 24;

	if (pick < COUNT(in_window))
		return (uint64_t)text + in_window[pick];
	pick -= COUNT(in_window);
	return pick < COUNT(plain) ? plain[pick] : seeded();
}

static void random_one(struct tally *t)
{
	static const uint64_t flags[] = { FLAG_TF, FLAG_DF, FLAG_AC, FLAG_NT, FLAGS_AR };
	uint32_t k = (uint32_t)(seeded() % (XO_L_gate_end + 4));
	struct regs in = { .flags = 0x202 };
	size_t i;

	for (i = 0; i < 16; i++)
		in.r[i] = any_value();
	if (seeded() % 4)
		in.r[RSP] = try_frame();
	for (i = 0; i < COUNT(flags); i++)
		if (seeded() % 8 == 0)
			in.flags |= flags[i];
	if (seeded() % 8 == 0)
		enter_base = any_value() & ((1UL << 47) - 1);
	one(t, k, &in, seeded() % 8 == 0);
	enter_base = 0;
	judge(t, k, t->name);
}

static void connect_own(void)
{
	try_init();
	target_open(&target, "attack", 2, true);
	text = window(&target, 0);
	make_own_text();
	check(plain_call(), "a plain call by gate text of our own");
}

static void disconnect_own(void)
{
	munmap(text - PAGE, 2 * PAGE);
	target_close(&target);
}

/* What they share: tries begun, and what came of those that ended. */
struct shared {
	struct tally tally;
	uint64_t begun, died;
};

/*
 * At home again a try may run anywhere in a text of our own that it has just changed, with its
 * registers at random: now and then the process loses its own memory by that, and dies. So they are
 * made by children, one after the other; a try whose process died is one more way to end.
 */
static void random_child(struct shared *s, uint64_t seed, uint64_t count)
{
	seed_set(seed);
	connect_own();
	while (s->begun < count) {
		s->begun++;
		random_one(&s->tally);
	}
	_exit(0);
}

static void random_ones(uint64_t seed, uint64_t count)
{
	struct shared *s =
		mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status, lives;

	if (s == MAP_FAILED)
		die("no memory");
	s->tally.name = "everything at random";
	for (lives = 0; s->begun < count && lives < 40; lives++) {
		pid_t pid;

		fflush(stdout);
		pid = fork();
		if (!pid)
			random_child(s, seed + (uint64_t)lives, count);
		if (TEMP_FAILURE_RETRY(waitpid(pid, &status, 0)) != pid) /* our timer goes on */
			die("no child");
		if (WIFEXITED(status) && WEXITSTATUS(status))
			die("a process that tries at random found something wrong");
		s->died += WIFSIGNALED(status);
	}
	check(tally_print(&s->tally) && s->begun == count && s->tally.tries + s->died == count,
	      "gate entered %lu times with everything at random; own process died of it %lu times",
	      s->begun, s->died);
	check(s->died * 200 <= count, "few of them");
}

/* xo_attack bytes STEP SEED COUNT: every STEPth byte, then COUNT at random */
int attack_bytes(int argc, char **argv)
{
	uint32_t step = argc > 1 ? (uint32_t)atoi(argv[1]) : 1;
	uint64_t seed = argc > 2 ? strtoul(argv[2], NULL, 0) : 1;
	uint64_t count = argc > 3 ? strtoul(argv[3], NULL, 0) : 3000;
	size_t i;

	printf("step %u, seed %lu, %lu at random\n", step, seed, count);
	connect_own();
	for (i = 0; i < COUNT(variations); i++)
		single(&variations[i], step);
	disconnect_own();
	random_ones(seed, count);
	skipped("protection keys", "the emulated Haswell has none");
	check((uint64_t)text >> 32, "compatibility mode cannot name the gate's address: %p", text);
	printf("slots reset %lu, revivals %lu, again %lu\n", resets, revivals, again);
	return end_status();
}

/* RET in the gate context takes RIP from the host's constants, POP RSP (in POP R12) the stack
 * pointer: nobody may see them. */
static void returns(void)
{
	static const uint64_t from[] = { XO_GATE_CONST, XO_GATE_VCPU, XO_GATE_LIST,
					 XO_GATE_LIST + XO_LIST_GATE };
	struct tally t = { .name = "returns to constants" };
	struct regs in;

	for (uint32_t k = 0; k < XO_L_gate_end; k++)
		for (size_t i = 0;
		     (xo_gate_text[k] == 0xc3 || xo_gate_text[k] == 0x5c) && i < COUNT(from); i++) {
			fill(&in, 0);
			in.r[RSP] = (uint64_t)text + from[i];
			one(&t, k, &in, false);
		}
	judge(&t, 0, t.name);
	check(tally_print(&t), "gate text returned to what the host wrote %lu times", t.tries);
}

/* What a list entry would need to be followed: an EPT of four levels at page 1 of the host. */
#define AN_EPTP 0x101eUL

/* Gate text's pushes write the list; no entry of it may be there behind the exit which ends that.
 * VMFUNC of an empty one does nothing but raise #UD; had it led away, the host would have cleared
 * the registers of who came back. */
int attack_poison(int argc, char **argv)
{
	struct tally t = { .name = "pushes into the list" };
	struct regs in;
	struct try out;
	uint64_t i;

	(void)argc, (void)argv;
	try_init();
	target_open(&target, "attack", 2, true);
	text = window(&target, 0);
	make_own_text();
	for (i = 512; i > 8; i -= 6) { /* each writes six entries below it */
		fill(&in, AN_EPTP);
		in.r[RSP] = (uint64_t)text + XO_GATE_LIST + i * 8;
		one(&t, XO_L_gate_resume, &in, false);
	}
	for (i = 3; i < 512; i++) {
		fill(&in, ~AN_EPTP);
		in.r[RAX] = 0;
		in.r[RCX] = i;
		in.rip = (uint64_t)leaf_vmfunc;
		try_run(&in, &out);
		tally_add(&t, &in, &out);
		if (out.signal == SIGILL && out.out.r[RBX] == ~AN_EPTP)
			continue;
		if (t.wrong++ < 3)
			printf("entry %lu was left: signal %d, RBX %#lx\n", i, out.signal,
			       out.out.r[RBX]);
	}
	judge(&t, XO_L_gate_resume, t.name);
	check(tally_print(&t), "nothing that gate text wrote into the list outlives the exit");
	returns();
	return end_status();
}

/*
 * xo_attack ticks COUNT: the gate entered at the second byte of POP R14, which is POP RSI, with the
 * stack at the host's constants, until an interrupt comes before the RET: it finds an EPTP in RSI.
 */
int attack_ticks(int argc, char **argv)
{
	uint64_t count = argc > 1 ? strtoul(argv[1], NULL, 0) : 20000, i;
	struct tally t = { .name = "interrupted behind a POP" };
	static const uint64_t at[] = { XO_GATE_CONST, XO_GATE_VCPU };
	uint32_t k;

	connect_own();
	for (k = XO_L_gate_mine; memcmp(xo_gate_text + k, "\x41\x5e", 2); k++)
		;
	for (i = 0; i < count; i++) {
		struct regs in;

		call_registers(&in);
		in.r[RSP] = (uint64_t)text + at[i & 1];
		one(&t, k + 1, &in, false);
		if (i % 1000 == 999)
			judge(&t, k + 1, t.name);
	}
	check(tally_print(&t), "%lu entries", count);
	disconnect_own();
	return end_status();
}
