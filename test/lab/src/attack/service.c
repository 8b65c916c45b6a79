// SPDX-License-Identifier: GPL-2.0
/*
 * What runs in the caller's VM, on the pages of this process in another: as hostile as asked. Calls
 * nothing of the C library, for those would be its pages, too, but its locks and thread-local data.
 */
#include "attack.h"
#include <string.h>
#include "service.h"

_Static_assert(offsetof(struct regs, flags) == REGS_FLAGS, "enter.S");
_Static_assert(offsetof(struct regs, rip) == REGS_RIP, "enter.S");
_Static_assert(offsetof(struct full, mxcsr) == FULL_MXCSR, "enter.S");
_Static_assert(offsetof(struct full, fcw) == FULL_FCW, "enter.S");
_Static_assert(offsetof(struct full, xsave) == FULL_XSAVE, "enter.S");
_Static_assert(offsetof(struct full, flags) == REGS_FLAGS, "enter.S");

struct full service_full;
uint64_t service_pattern[4]
	__attribute__((aligned(32))) = { 0x5ec2e75ec2e75ec2, 0x5ec2e75ec2e75ec2, 0x5ec2e75ec2e75ec2,
					 0x5ec2e75ec2e75ec2 };
uint64_t service_word;
static struct regs registers;

void service_jump(const struct regs *regs);
uint64_t service_hold(uint64_t n);
uint64_t service_recorded(const struct xo_visit *visit);
uint64_t service_do(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		    const struct xo_visit *visit);

static void copy(void *to, const void *from, size_t n)
{
	asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
}

uint64_t service_recorded(const struct xo_visit *visit)
{
	copy(visit->buffer, &service_full, sizeof(service_full));
	return sizeof(service_full);
}

uint64_t service_spin(uint64_t a, uint64_t n)
{
	uint64_t s = 0;

	while (n--) {
		s = s * 6364136223846793005UL + a;
		asm volatile("" : "+r"(s));
	}
	return s;
}

static uint64_t vmfunc(uint64_t leaf, uint64_t index)
{
	asm volatile(".byte 0x0f, 0x01, 0xd4" : "+a"(leaf), "+c"(index) : : "memory");
	return leaf;
}

static uint64_t recurse(uint64_t n)
{
	volatile uint64_t here = n;

	return n ? recurse(n + 1) + here : 0;
}

static void run(const void *code)
{
	((void (*)(void))(uintptr_t)code)();
}

static void exits(enum attack_deed deed)
{
	uint64_t a = 39; /* getpid */

	switch (deed) {
	case DEED_SYSCALL:
		asm volatile("syscall" : "+a"(a) : : "rcx", "r11", "memory");
		break;
	case DEED_SYSENTER:
		asm volatile("sysenter" : "+a"(a) : : "memory");
		break;
	case DEED_INT80:
		asm volatile("int $0x80" : "+a"(a) : : "memory");
		break;
	case DEED_CPUID:
		asm volatile("cpuid" : "+a"(a) : : "rbx", "rcx", "rdx");
		break;
	case DEED_VMCALL:
		asm volatile("vmcall" : "+a"(a) : : "memory");
		break;
	case DEED_HLT:
		asm volatile("hlt");
		break;
	case DEED_PORT:
		asm volatile("outb %%al, $0x80" : : "a"(a));
		break;
	case DEED_CR3:
		asm volatile("mov %%cr3, %0" : "=r"(a));
		break;
	case DEED_LIDT:
		asm volatile("lidt %0" : : "m"(registers));
		break;
	default:
		break;
	}
}

static void excepts(enum attack_deed deed)
{
	uint64_t zero = 0;

	switch (deed) {
	case DEED_UD2:
		asm volatile("ud2");
		break;
	case DEED_INT3:
		asm volatile("int3");
		break;
	case DEED_DIVIDE:
		asm volatile("div %0" : : "r"(zero), "a"(1), "d"(0) : "cc");
		break;
	case DEED_SINGLE_STEP:
		asm volatile("pushfq; orl $0x100, (%%rsp); popfq; nop; nop" : : : "cc", "memory");
		break;
	case DEED_ALIGNMENT:
		asm volatile("pushfq; orl $0x40000, (%%rsp); popfq; movq 1(%0), %%rax"
			     :
			     : "r"(service_table)
			     : "rax", "cc", "memory");
		break;
	case DEED_NONCANONICAL:
		asm volatile("movq (%0), %%rax" : : "r"(1UL << 63 | 1UL << 40) : "rax");
		break;
	case DEED_COMPAT:
		asm volatile("pushq $0x23; pushq $0x1000; lretq" : : : "memory");
		break;
	default:
		break;
	}
}

static void touches(enum attack_deed deed)
{
	static const uint8_t ret = 0xc3;
	static uint8_t data[64] = { 0xc3 };
	uint8_t stack[16];

	switch (deed) {
	case DEED_WRITE_TEXT:
		*(volatile uint8_t *)(uintptr_t)service_do = 0xcc;
		break;
	case DEED_RUN_DATA:
		run(data);
		break;
	case DEED_RUN_STACK:
		copy(stack, &ret, 1);
		run(stack);
		break;
	case DEED_RECURSE:
		recurse(1);
		break;
	default:
		break;
	}
}

/* Its slot is told by its stack. */
static uint64_t own_window(void)
{
	return (uint64_t)__builtin_frame_address(0) & ~(uint64_t)(XO_GATE_SLOT_SIZE - 1);
}

static uint64_t jump(const struct xo_visit *visit)
{
	copy(&registers, visit->buffer, sizeof(registers));
	registers.rip += own_window();
	if (registers.r[RSP])
		registers.r[RSP] += own_window();
	service_jump(&registers);
	return 0;
}

/* Its own slot's save area. */
static uint64_t write_ssa(uint64_t busy, uint64_t valid, uint64_t rip)
{
	volatile uint64_t *ssa = (void *)(own_window() + XO_GATE_SSA);

	ssa[XO_SSA_RIP / 8] = rip;
	ssa[XO_SSA_VALID / 8] = valid;
	ssa[XO_SSA_BUSY / 8] = busy;
	return ssa[XO_SSA_BUSY / 8];
}

static uint64_t sum_table(void)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < SERVICE_TABLE; i++)
		sum = sum * 31 + *(volatile uint64_t *)&service_table[i];
	return sum;
}

uint64_t service_do(uint64_t op, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e,
		    const struct xo_visit *visit)
{
	switch (op) {
	case OP_SUM:
		return a * 2 + b + 1;
	case OP_SPIN:
		return service_spin(a, b);
	case OP_VMFUNC:
		return vmfunc(a, b);
	case OP_JUMP:
		return jump(visit);
	case OP_READ:
		return *(volatile uint64_t *)a;
	case OP_WRITE:
		*(volatile uint64_t *)a = b;
		return 0;
	case OP_FOREVER:
		for (;;)
			asm volatile("");
	case OP_WHO:
		copy(visit->buffer, visit, sizeof(*visit));
		return visit->wid;
	case OP_DO:
		exits(a);
		excepts(a);
		touches(a);
		return 0;
	case OP_HOLD:
		return service_hold(a);
	case OP_ADD:
		return __atomic_fetch_add(&service_word, a, __ATOMIC_SEQ_CST);
	case OP_PAGES:
		return sum_table();
	case OP_SSA:
		return write_ssa(a, b, c);
	default:
		return ~0UL;
	}
}
