// SPDX-License-Identifier: GPL-2.0
/*
 * System calls by visits, of a callee whose kernel is hostile (test/lab/ko/xo_deeds): what it does
 * in ring 0 of the caller's virtual CPU must leave nothing there, and find nothing of the caller's.
 *
 *	xo_attack visits deeds		in the midst of a call
 *	xo_attack visits leave		on the way out
 *	xo_attack visits window STEP [FROM]
 *					jumps to every STEPth byte of the gate's window, from the
 *					FROMth jump on; status 4: the callee did not survive the
 *last one, its caller has seen nothing of it xo_attack visits last		those that end the
 *session
 *
 * A deed counts when it was done away. Each is followed by a look at every register of program and
 * kernel, and by a plain visit.
 */
#include "attack.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <crossover/abi.h>
#include <crossover/kgate.h>
#include "kgate_blob.h"
#include "visits.h"

#define TRIES	  100
#define WRONG_MAX 4 /* then it ends: the rest would be as wrong */
#define USER_GS	  0x1234567000UL
#define PATIENCE  30 /* seconds, with one jump */

enum { STATUS_CALLEE_GONE = 4 };

static int device, session;
static uint64_t link_id;
static struct xa_kernel before;
static const char *const state_name[] = { XA_KERNEL_NAMES };
_Static_assert(COUNT(state_name) == XA_KERNEL_WORDS, "each has a name");

/* ------------------------------------------------------------------ one call */

static void open_session(void)
{
	struct xo_g_connect c = { .revision = XO_ABI_REVISION, .umask = 022, .callee = "web" };
	struct xo_g_link_info l = { .revision = XO_ABI_REVISION };

	session = open("/dev/crossover", O_RDWR | O_CLOEXEC);
	if (session < 0 || ioctl(session, XO_G_CONNECT, &c))
		die("no session: %s", strerror(errno));
	if (ioctl(session, XO_G_LINK_INFO, &l))
		die("no link: %s", strerror(errno));
	link_id = l.id;
}

void visits_ioctl(void);
asm(".text; .globl visits_ioctl; visits_ioctl: mov $16, %eax; syscall; ret");

static struct full in, out;
static uint64_t differences;

static void compare(const char *what, const void *a, const void *b, size_t bytes)
{
	if (!memcmp(a, b, bytes))
		return;
	if (differences++ < 5)
		printf("  the program's %s changed\n", what);
}

static void compare_program(uint64_t gs)
{
	size_t i;

	for (i = 0; i < 16; i++)
		if (i != RAX && i != RCX && i != R11 && i != RSP)
			compare("general registers", &in.r[i], &out.r[i], 8);
	compare("flags", &in.flags, &out.flags, 8);
	compare("MXCSR", &in.mxcsr, &out.mxcsr, 4);
	compare("x87 control word", &in.fcw, &out.fcw, 2);
	compare("x87 registers", in.xsave + XSAVE_ST, out.xsave + XSAVE_ST, 128);
	compare("SSE registers", in.xsave + XSAVE_SSE, out.xsave + XSAVE_SSE, 256);
	compare("AVX registers", in.xsave + XSAVE_YMM_HIGH, out.xsave + XSAVE_YMM_HIGH, 256);
	compare("GS base", &gs, &out.gs, 8);
}

/* 0 or the negative errno of the call; *result as the callee says. */
long visits_call(uint64_t argument, uint64_t *result)
{
	struct xo_g_call c = { .op = XO_OP_SYSCALL, .nr = XD_NR, .args = { argument } };
	uint64_t fs;
	int i;

	state_fill(&in);
	in.xsave[4] = 0xff; /* all of x87's registers are in use */
	for (i = 0; i < 8; i++)
		memcpy(in.xsave + XSAVE_ST + 16 * i, &(uint64_t){ PATTERN }, 8);
	in.r[RDI] = session;
	in.r[RSI] = XO_G_CALL;
	in.r[RDX] = (uint64_t)&c;
	asm volatile("rdfsbase %0" : "=r"(fs));
	asm volatile("wrgsbase %0" : : "r"(USER_GS));
	enter_full(&in, &out, visits_ioctl);
	compare("FS base", &fs, &out.fs, 8);
	compare_program(USER_GS);
	*result = c.result;
	return out.r[RAX];
}

/* The jump that is being tried; what its callee, a kernel, makes of itself is its own affair. */
static struct {
	bool is;
	uint32_t nth, at, variation;
} jump;

static bool same_state(void)
{
	struct xa_kernel now;
	uint64_t changed = 0;
	size_t i;

	if (ioctl(device, XA_KERNEL, &now))
		die("XA_KERNEL: %s", strerror(errno));
	for (i = 0; i < XA_KERNEL_WORDS; i++)
		if (now.v[i] != before.v[i] && changed++ < 5)
			printf("  the kernel's %s was %#llx and is %#llx\n", state_name[i],
			       before.v[i], now.v[i]);
	return !changed;
}

/* The call failed: if only a jump can be why, all that counts is what its caller has of it. */
static void failed(long err)
{
	bool same;

	if (!jump.is || (err != -EHOSTDOWN && err != -EINTR))
		return;
	same = !differences & same_state();
	printf("jump %u, byte %#x, variation %u: the callee is gone (%s); its caller has what it "
	       "had: "
	       "%s\n",
	       jump.nth, jump.at, jump.variation, strerror(-err), same ? "yes" : "no");
	exit(same ? STATUS_CALLEE_GONE : EXIT_FAILURE);
}

/* A visit from beginning to end, before long. */
static bool plain(void)
{
	uint64_t result;
	long err;
	int i;

	for (i = 0; i < TRIES; i++) {
		err = visits_call(XD(XD_PLAIN, 0), &result);
		failed(err);
		if (err)
			return false;
		if ((result & 0xff) == (XD_BEFORE | XD_AFTER))
			return true;
		usleep(3000);
	}
	return false;
}

uint64_t visits_seen(enum xd_seen what)
{
	uint64_t result;
	long err = visits_call(XD(XD_SEEN, what), &result);

	failed(err);
	if (err)
		die("the callee does not tell what it saw");
	return XD_VALUE(result);
}

bool visits_unharmed(void)
{
	static unsigned int wrong;
	bool ok = !differences & same_state() & plain();

	differences = 0;
	wrong += !ok;
	if (wrong == WRONG_MAX)
		die("enough is wrong");
	return ok;
}

/* ------------------------------------------------------------------ in the midst of a call */

enum end { STAYS, EVICTED };

static bool answered(uint64_t argument, uint64_t *result)
{
	long err = visits_call(argument, result);

	failed(err);
	if (err)
		printf("  the call failed: %s\n", strerror(-err));
	return !err;
}

/* Once away; not by an eviction that something else caused. True: it ended as it should. */
static bool away_once(uint64_t argument, enum end end, uint64_t *value)
{
	uint64_t result;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (!answered(argument, &result))
			return false;
		*value = XD_VALUE(result);
		if (end == STAYS && (result & 3) == (XD_BEFORE | XD_AFTER))
			return true;
		if (end == EVICTED && (result & 3) == XD_BEFORE)
			return true;
		if (end == EVICTED && result & XD_AFTER) {
			printf("  it was done away, and not evicted\n");
			return false;
		}
		usleep(3000);
	}
	printf("  not in %d tries\n", TRIES);
	return false;
}

static uint64_t deed(const char *name, enum xd_deed what, uint32_t arg, enum end end)
{
	uint64_t value = 0;
	bool done = away_once(XD(what, arg), end, &value), well = visits_unharmed();

	check(done && well, "%s (%#x): %s, and nothing is left of it", name, arg,
	      end == STAYS ? "done away" : "evicted, and done in the callee");
	return value;
}

static void registers(void)
{
	static const uint32_t cr4[] = { 1, 2, 3, 7, 8, 9, 10, 16 };
	size_t i;
	uint64_t v;

	v = deed("CLTS, and reading vector registers", XD_FPU, 0, STAYS);
	check(!v, "vector registers of the caller seen by its callee: %lu words", v);
	deed("LGDT, LTR", XD_TR, 0, STAYS);
	deed("LGDT, LLDT", XD_LDT, 0, STAYS);
	deed("LGDT, LIDT", XD_TABLES, 0, STAYS);
	deed("LGDT, LIDT with limit 0", XD_TABLES, 1, STAYS);
	deed("DS, ES, FS", XD_SEGMENTS, 0, STAYS);
	deed("FS base, user's GS base", XD_BASES, 0, STAYS);
	deed("CR0.TS", XD_CR0, 1 << 3, STAYS);
	for (i = 0; i < COUNT(cr4); i++)
		deed("CR4, a bit that is the guest's own", XD_CR4, 1 << cr4[i], STAYS);
	deed("CR3", XD_CR3, 0, STAYS);
	deed("an exception", XD_FAULT, 0, STAYS);
	deed("CR0.WP and TS", XD_CR0, 1 << 16 | 1 << 3, STAYS);
	deed("CR0.AM and TS", XD_CR0, 1 << 18 | 1 << 3, EVICTED);
	deed("CR4.SMEP", XD_CR4, 1 << 20, EVICTED);
	deed("CR8", XD_CR8, 5, EVICTED);
	deed("XSETBV", XD_XCR0, 0, EVICTED);
}

static void machine_registers(void)
{
	static const uint32_t msr[] = { 0x174,	    0x175,	0x176,	    0xc0000080,
					0xc0000081, 0xc0000082, 0xc0000083, 0xc0000084,
					0x277,	    0x1d9,	0x1b,	    0x3b };
	size_t i;

	for (i = 0; i < COUNT(msr); i++)
		deed("WRMSR", XD_MSR_WRITE, msr[i], EVICTED);
	for (i = 0; i < 6; i++)
		deed("RDMSR", XD_MSR_READ, msr[i], EVICTED);
	deed("DR7", XD_DR_WRITE, 7, EVICTED);
	deed("DR0", XD_DR_WRITE, 0, EVICTED);
	deed("DR0, read", XD_DR_READ, 0, EVICTED);
}

/* What these say to the callee's kernel; the caller's would be told otherwise. */
static void hypercalls(void)
{
	const struct {
		uint32_t op, arg, answer;
	} hc[] = {
		{ XO_HC_HELLO, 0, EPROTO },
		{ XO_HC_VECTOR, 0, EINVAL },
		{ XO_HC_CALL, XD_OF_LINK, ENOENT },
		{ XO_HC_CANCEL, XD_OF_LINK, ENOENT },
		{ XO_HC_WORLD_ADD, 9, EINVAL },
		{ XO_HC_WORLD_DEL, 1, ENOENT },
		{ XO_HC_REQUEST, 1, EINVAL },
		{ XO_HC_BIND, XD_OF_RECORD, ENOENT },
		{ XO_HC_EVICT, 0, 0 },
		{ 99, 0, 1000 /* KVM's */ },
	};
	size_t i;
	uint64_t v;

	visits_call(XD(XD_LINK_LOW, link_id), &v);
	visits_call(XD(XD_LINK_HIGH, link_id >> 32), &v);
	for (i = 0; i < COUNT(hc); i++) {
		v = deed("VMCALL", XD_VMCALL, hc[i].op | hc[i].arg << 8, EVICTED);
		check(v == hc[i].answer, "hypercall %u: answered to the callee: %lu", hc[i].op, v);
	}
}

static void others(void)
{
	static const uint32_t index[] = { 0, 1, 3, 4, 511, 512, 1 << 16, 2 << 16 | 1, 63 << 16 };
	size_t i;

	deed("VMFUNC to where it is", XD_VMFUNC, 2, STAYS);
	for (i = 0; i < COUNT(index); i++)
		check(deed("VMFUNC", XD_VMFUNC, index[i], EVICTED) == 1,
		      "no such instruction: leaf %u, index %u", index[i] >> 16, index[i] & 0xffff);
	for (i = 0; i < XD_EXITS; i++)
		deed("CPUID, HLT, IN, OUT, RDPMC, VMREAD, x87", XD_EXIT, i, EVICTED);
	check(deed("an exception without an IDT", XD_FAULT_NO_IDT, 0, EVICTED) == 1,
	      "a double fault is the callee's");
	check(deed("a push where no stack is", XD_NO_STACK, 0, EVICTED) == 1,
	      "so is that of a stack that is not there");

	i = deed("XO_HC_RETURN twice, and then once more", XD_RETURN, 0, EVICTED);
	check(i == ESTALE, "of the returns one counts: 0 and %lu", i);
}

/* ------------------------------------------------------------------ on the way out */

/* Once; the sum of those that were done is the callee's to tell. */
static bool left_once(uint64_t argument)
{
	uint64_t was = visits_seen(XD_SEEN_LEFT), result;
	int i;

	for (i = 0; i < TRIES; i++) {
		if (!answered(argument, &result))
			return false;
		if (visits_seen(XD_SEEN_LEFT) > was)
			return true;
		usleep(3000);
	}
	printf("  it never left by it\n");
	return false;
}

static void leaves(void)
{
	static const char *const name[XD_LEAVES] = {
		"forged registers, RSP and flags", "single step",   "GS base and FS base",
		"a code segment of its own",	   "interrupts on", "no GDT, no IDT",
	};
	size_t i;

	for (i = 0; i < XD_LEAVES; i++) {
		bool left = left_once(XD(XD_LEAVE, i));

		check(visits_unharmed() && left, "left with %s: nothing is left of it", name[i]);
	}
}

static void nothing(int sig)
{
}

/* False: it is to be left out. A callee that hangs is interrupted. */
static bool begin_jump(uint32_t first, uint32_t at, uint32_t variation)
{
	if (jump.nth++ < first)
		return false;
	jump.at = at;
	jump.variation = variation;
	alarm(PATIENCE);
	return true;
}

static void window_bytes(const char *what, uint32_t from, uint32_t end, uint32_t step,
			 uint32_t first)
{
	uint64_t tries = 0, missed = 0, harmed = 0, recovered = visits_seen(XD_SEEN_RECOVERED);
	uint32_t k, v;

	for (k = from; k < end; k += step)
		for (v = 0; v < 5; v++) {
			if (!begin_jump(first, k, v))
				continue;
			tries++;
			missed += !left_once(XD(XD_WINDOW, v << 16 | k));
			if (!visits_unharmed() && harmed++ < 5)
				printf("  %s, byte %#x, variation %u\n", what, k, v);
		}
	printf("%s: tries %lu, not done %lu, came back in the callee %lu\n", what, tries, missed,
	       visits_seen(XD_SEEN_RECOVERED) - recovered);
	check(!missed && !harmed, "%s entered at every %u. byte: harm done %lu", what, step,
	      harmed);
}

/* ------------------------------------------------------------------ the ends of a session */

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

/* A callee that never returns: whoever waits for it can be interrupted. */
static void never(void)
{
	const struct itimerval it = { .it_value = { 0, 300000 } };
	struct sigaction sa = { .sa_handler = nothing };
	uint64_t result;
	double t;
	long err;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
	t = now();
	err = visits_call(XD(XD_SPIN, 5000), &result);
	t = now() - t;
	check(err == -EINTR && t < 4,
	      "a callee that spins with interrupts off: error %ld after %.1f s", -err, t);
	check(!differences && same_state(), "nothing is left of it");
	differences = 0;
}

static void jumps(uint32_t step, uint32_t first)
{
	const struct sigaction sa = { .sa_handler = nothing };

	sigaction(SIGALRM, &sa, NULL);
	jump.is = true;
	window_bytes("gate text of its own", XO_L_kgate_entry, XO_L_kgate_end, step, first);
	window_bytes("the runtime", XO_KGATE_RT + XO_L_krt_enter, XO_KGATE_RT + XO_L_krt_end, step,
		     first);
	alarm(0);
	jump.is = false;
}

static void ring3(void)
{
	uint64_t result = 0;
	long err = 0;
	int i;

	for (i = 0; i < TRIES && !err; i++) {
		err = visits_call(XD(XD_RING3, 0), &result);
		usleep(3000);
	}
	check(err == -EHOSTDOWN, "a visitor that went to ring 3: error %ld, try %d", -err, i);
	check(!differences && same_state(), "nothing is left of it");
	differences = 0;
}

static void tell_seen(void)
{
	uint64_t leaks = visits_seen(XD_SEEN_LEAKS), cr2 = visits_seen(XD_SEEN_CR2),
		 fs = visits_seen(XD_SEEN_FS), gs = visits_seen(XD_SEEN_USER_GS),
		 cr0 = visits_seen(XD_SEEN_CR0);

	check(!leaks && !cr2 && !fs && !gs,
	      "what the callee saw of general registers %#lx, CR2 %#lx, FS base %#lx, user's GS "
	      "base "
	      "%#lx",
	      leaks, cr2, fs, gs);
	check((cr0 & (1 << 3 | 1 << 16)) == (1 << 3 | 1 << 16), "CR0 in the visit: %#lx", cr0);
}

int visits_open(void)
{
	device = ring0_open();
	open_session();
	asm volatile("wrgsbase %0" : : "r"(USER_GS));
	if (ioctl(device, XA_KERNEL, &before))
		die("XA_KERNEL: %s", strerror(errno));
	check(plain(), "a visit before all");
	return device;
}

int attack_visits(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	uint32_t step = argc > 2 ? atoi(argv[2]) : 1;

	visits_open();
	if (!strcmp(what, "deeds")) {
		registers();
		machine_registers();
		hypercalls();
		others();
		tell_seen();
	} else if (!strcmp(what, "leave")) {
		leaves();
	} else if (!strcmp(what, "window")) {
		jumps(step, argc > 3 ? atoi(argv[3]) : 0);
	} else {
		ring3();
		close(session);
		open_session();
		check(plain(), "a visit of another session");
		never();
	}
	return end_status();
}
