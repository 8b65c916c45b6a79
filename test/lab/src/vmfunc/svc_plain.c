// SPDX-License-Identifier: GPL-2.0
/* Services in general registers (compiled so). They keep to what a service may: no library. */
#include "services.h"

#define PAGE __attribute__((aligned(4096)))

uint64_t null_count[512] PAGE = { 0 };
uint64_t secret[512] PAGE = { 0 };

/* A page of its own, to be declared alone. */
__asm__(".pushsection .text.null, \"ax\"\n"
	".balign 4096\n"
	".globl null_text, null_text_end, svc_null\n"
	"null_text:\n"
	"svc_null:\n"
	"	mov	$1, %eax\n"
	"	lock xadd %rax, null_count(%rip)\n"
	"	inc	%rax\n"
	"	ret\n"
	".balign 4096, 0xcc\n"
	"null_text_end:\n"
	".popsection");

static struct tally {
	uint64_t last, calls, wrong;
	uint64_t pad[5];
} tallies[TALLY_CONTEXTS] PAGE;

static uint64_t tally(struct tally *t, uint64_t sequence, uint64_t steps)
{
	/* A call that ran twice, or not at all, breaks the sequence. */
	if (sequence != t->last + 1)
		t->wrong++;
	t->last = sequence;
	sequence = lcg(sequence, steps);
	t->calls++;
	return sequence;
}

static uint64_t flip(volatile uint8_t *buffer, uint64_t bytes)
{
	uint64_t sum = 0;

	for (uint64_t i = 0; i < bytes; i++) {
		sum += buffer[i];
		buffer[i] ^= (uint8_t)(0x5a + i);
	}
	return sum;
}

static uint64_t tell_visit(const struct xo_visit *visit)
{
	struct xo_visit *to = visit->buffer;

	to->wid = visit->wid;
	to->buffer = visit->buffer;
	to->buffer_size = visit->buffer_size;
	to->engine = visit->engine;
	to->reserved = visit->reserved;
	for (unsigned int i = 0; i < sizeof(to->caller); i++)
		((volatile char *)to->caller)[i] = visit->caller[i];
	return 0;
}

/* Each begins with the instruction that ends it. The argument is an address to touch. */
typedef uint64_t (*bad_function)(uint64_t address);

__asm__(".pushsection .text\n"
	"bad_read:	mov (%rdi), %rax; ret\n"
	"bad_write:	mov %rax, (%rdi); ret\n"
	"bad_divide:	divb zero(%rip); ret\n"
	"bad_opcode:	ud2; ret\n"
	"bad_syscall:	syscall; ret\n"
	"bad_cpuid:	cpuid; ret\n"
	"bad_vmcall:	vmcall; ret\n"
	".popsection");
uint64_t bad_read(uint64_t address);
uint64_t bad_write(uint64_t address);
uint64_t bad_divide(uint64_t address);
uint64_t bad_opcode(uint64_t address);
uint64_t bad_syscall(uint64_t address);
uint64_t bad_cpuid(uint64_t address);
uint64_t bad_vmcall(uint64_t address);
extern const uint8_t zero;
const uint8_t zero = 0;

static bad_function bad_of(uint64_t bad)
{
	static bad_function const table[BAD_COUNT] = {
		[BAD_READ] = bad_read,	  [BAD_WRITE] = bad_write,   [BAD_DIVIDE] = bad_divide,
		[BAD_ADDRESS] = bad_read, [BAD_OPCODE] = bad_opcode, [BAD_SYSCALL] = bad_syscall,
		[BAD_CPUID] = bad_cpuid,  [BAD_VMCALL] = bad_vmcall, [BAD_GATE] = bad_read,
	};

	return table[bad % BAD_COUNT];
}

static uint64_t bad_address(uint64_t bad, uint64_t back)
{
	switch (bad) {
	case BAD_WRITE:
		return (uintptr_t)bad_write;
	case BAD_ADDRESS:
		return 1ULL << 62;
	case BAD_GATE:
		return back;
	default:
		return 0x10000;
	}
}

uint64_t svc_plain(uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4, uint64_t a5,
		   const struct xo_visit *visit)
{
	struct tally *t = &tallies[a1 % TALLY_CONTEXTS];
	uint64_t old;

	switch (a0 & 0xff) {
	case PLAIN_MIX:
		return mix(a0, a1, a2, a3, a4, a5);
	case PLAIN_TALLY:
		return tally(t, a2, a3);
	case PLAIN_CALLS:
		return t->calls;
	case PLAIN_WRONG:
		return t->wrong;
	case PLAIN_CLEAR:
		t->last = t->calls = t->wrong = 0;
		return 0;
	case PLAIN_FLIP:
		return flip(visit->buffer, a1 < visit->buffer_size ? a1 : visit->buffer_size);
	case PLAIN_VISIT:
		return tell_visit(visit);
	case PLAIN_SPIN:
		for (;;)
			__asm__ volatile("pause");
	case PLAIN_SECRET_AT:
		return (uintptr_t)secret;
	case PLAIN_SECRET:
		old = secret[0];
		secret[0] = a1;
		return old;
	case PLAIN_BAD:
		return bad_of(a1)(bad_address(a1, (uintptr_t)__builtin_return_address(0)));
	case PLAIN_BAD_AT:
		return (uintptr_t)bad_of(a1);
	default:
		return 0;
	}
}
