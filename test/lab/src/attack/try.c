// SPDX-License-Identifier: GPL-2.0
/* One try: sent off with every register chosen, and what came of it; and the sums of tries. */
#include "attack.h"
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>
#include "service.h"

#define TICK_US	    20000
#define TICKS_MAX   6 /* of one try: it hangs */
#define FRAME_WORDS 64

extern struct regs enter_out;

static char stack[65536];
static uint64_t frame[FRAME_WORDS];
static volatile sig_atomic_t trying, ticks, signalled;

/* The processor's order of registers, from the kernel's. */
static const int greg[16] = { REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
			      REG_RSI, REG_RDI, REG_R8,	 REG_R9,  REG_R10, REG_R11,
			      REG_R12, REG_R13, REG_R14, REG_R15 };

/*
 * FS base may be anybody's here: nothing in it may use thread-local storage, before it is set. The
 * way back is by the signal's return, which restores mask and stack.
 */
static void on_signal(int sig, siginfo_t *info, void *context)
{
	greg_t *r = ((ucontext_t *)context)->uc_mcontext.gregs;
	size_t i;

	if (sig == SIGALRM && (!trying || ++ticks < TICKS_MAX))
		return;
	if (!trying) {
		signal(sig, SIG_DFL);
		return;
	}
	asm volatile("wrfsbase %0" : : "r"(enter_back_fs));
	for (i = 0; i < 16; i++)
		enter_out.r[i] = (uint64_t)r[greg[i]];
	enter_out.rip = (uint64_t)r[REG_RIP];
	enter_out.flags = (uint64_t)r[REG_EFL];
	signalled = sig;
	trying = 0;
	r[REG_RIP] = (greg_t)enter_recover;
	r[REG_EFL] = 0x202;
}

void try_init(void)
{
	static const int sig[] = { SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGFPE, SIGALRM, SIGSYS };
	const stack_t ss = { .ss_sp = stack, .ss_size = sizeof(stack) };
	const struct itimerval it = { { 0, TICK_US }, { 0, TICK_US } };
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_ONSTACK | SA_SIGINFO };
	size_t i;

	sigaltstack(&ss, NULL);
	for (i = 0; i < COUNT(sig); i++)
		sigaction(sig[i], &sa, NULL);
	setitimer(ITIMER_REAL, &it, NULL);
}

uint64_t try_frame(void)
{
	/* six registers, then where gate_home returns to */
	memset(frame, 0, sizeof(frame));
	frame[FRAME_WORDS / 2 + 6] = (uint64_t)enter_landed;
	return (uint64_t)&frame[FRAME_WORDS / 2];
}

void try_run(const struct regs *in, struct try *out)
{
	memset(&enter_out, 0, sizeof(enter_out));
	signalled = 0;
	ticks = 0;
	trying = 1;
	enter(in);
	trying = 0;
	out->signal = signalled;
	out->out = enter_out;
}

/* ------------------------------------------------------------------ sums */

bool looks_like_eptp(uint64_t v, const uint64_t given[16])
{
	int i;

	for (i = 0; i < 16; i++)
		if (v == given[i] || v == (uint32_t)given[i])
			return false;
	/* KVM's own have accessed and dirty bits, too. */
	return ((v & 0xfff) == 0x1e || (v & 0xfff) == 0x5e) && v > 0xfff && v < 1ULL << 46;
}

/* By a return in the gate context: at it, or three bytes before as if it were behind a VMFUNC. */
static bool is_at_eptp(const struct regs *in, uint64_t rip)
{
	if (rip == in->rip || rip - XO_GATE_BASE < (uint64_t)XO_GATE_CONNS * XO_GATE_CONN_SIZE)
		return false;
	return looks_like_eptp(rip, in->r) || looks_like_eptp(rip + 3, in->r);
}

int breakpoint(uint32_t type, uint64_t address)
{
	struct perf_event_attr attr = { .type = PERF_TYPE_BREAKPOINT,
					.size = sizeof(attr),
					.sample_period = 1,
					.bp_type = type,
					.bp_addr = address,
					.bp_len = type == HW_BREAKPOINT_X ? sizeof(long)
									  : HW_BREAKPOINT_LEN_8 };

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
}

/* of the answers' names below */
static unsigned int status_index(uint64_t status)
{
	if (status == XO_GATE_TAKEN)
		return 7;
	return status <= XO_GATE_AGAIN ? (unsigned int)status : 8;
}

void tally_add(struct tally *t, const struct regs *in, const struct try *try)
{
	int i;

	t->tries++;
	for (i = 0; i < 16; i++)
		if (looks_like_eptp(try->out.r[i], in->r) && t->leaks++ < 3)
			printf("  register %d at %#lx (signal %d): %#lx\n", i, try->out.rip,
			       try->signal, try->out.r[i]);
	if (is_at_eptp(in, try->out.rip) && t->leaks++ < 3)
		printf("  RIP (signal %d): %#lx\n", try->signal, try->out.rip);
	if (try->signal == SIGALRM)
		t->timeouts++;
	else if (try->signal)
		t->signalled[try->signal & 31]++;
	else
		t->returned[status_index(try->out.r[RDX])]++;
}

bool tally_print(const struct tally *t)
{
	static const char *const status[] = { "OK",	 "INTR",  "BUSY",  "NORES", "FAULT",
					      "REVOKED", "AGAIN", "TAKEN", "other" };
	static const char *const name[32] = {
		[SIGSEGV] = "SEGV", [SIGILL] = "ILL", [SIGBUS] = "BUS",
		[SIGTRAP] = "TRAP", [SIGFPE] = "FPE", [SIGSYS] = "SYS"
	};
	uint64_t sum = t->timeouts;
	size_t i;

	printf("%-28s tries %5lu:", t->name, t->tries);
	for (i = 0; i < COUNT(status); i++) {
		sum += t->returned[i];
		if (t->returned[i])
			printf(" %s %lu", status[i], t->returned[i]);
	}
	for (i = 0; i < 32; i++) {
		sum += t->signalled[i];
		if (t->signalled[i])
			printf(" SIG%s %lu", name[i] ? name[i] : "?", t->signalled[i]);
	}
	printf(" no-end %lu; host addresses seen %lu; plain calls wrong after it %lu\n",
	       t->timeouts, t->leaks, t->wrong);
	return sum == t->tries && !t->leaks && !t->wrong;
}

/* ------------------------------------------------------------------ the rest */

static uint64_t seed = 1;

void seed_set(uint64_t s)
{
	seed = s ? s : 1;
}

uint64_t seeded(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

uint64_t spin(uint64_t a, uint64_t n)
{
	return service_spin(a, n);
}

static unsigned int wrong, right, skips;

void die(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf("WRONG: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	exit(1);
}

void check(bool ok, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	printf(ok ? "right: " : "WRONG: ");
	vprintf(fmt, ap);
	printf("\n");
	va_end(ap);
	wrong += !ok;
	right += ok;
}

void skipped(const char *what, const char *why)
{
	printf("skipped: %s: %s\n", what, why);
	skips++;
}

int end_status(void)
{
	printf("%u right, %u wrong, %u skipped\n", right, wrong, skips);
	return wrong != 0;
}

/* ------------------------------------------------------------------ calls without the library */

struct answer gate_call(uint8_t *w, uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
	struct answer (*entry)(uint64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t) =
		(void *)(w + XO_GATE_ENTRY);

	return entry(op, a, b, c, 0, 0);
}

struct answer gate_resume(uint8_t *w)
{
	struct answer (*resume)(void) = (void *)(w + XO_GATE_RESUME);

	return resume();
}

struct answer gate_call_through(uint8_t *w, uint64_t op, uint64_t a, uint64_t b, uint64_t c)
{
	struct answer r = gate_call(w, op, a, b, c);

	while (r.status == XO_GATE_INTR)
		r = gate_resume(w);
	return r;
}
