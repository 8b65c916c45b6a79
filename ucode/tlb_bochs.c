// SPDX-License-Identifier: GPL-2.0
/*
 * Feeds the TLB model from Bochs. Bochs's own TLB is flushed at least whenever tags change, so what
 * it finds there was filled under the tags of the moment; only what it has to walk for is looked
 * at, which costs little. Data and fetches both come through translate_linear().
 */
#include <stdlib.h>

#include "../include/crossover/mark.h"
#include "../lab/channel.h"
#include "count.h"
#include "cpu.h"
#include "tlb.h"
#include "tlb_bochs.h"

#define CR0_PG		   (1U << 31)
#define CR4_PCIDE	   (1U << 17)
#define PCID_MASK	   0xfff
#define EP4TA_MASK	   0x000ffffffffff000ULL
#define EXIT_EPT_VIOLATION 48
#define PAGE_FAULT	   14
#define SENTENCES	   40 /* of reports; the rest are counted */

/* Bochs: kinds of access. */
#define ACCESS_WRITE	   1
#define ACCESS_EXECUTE	   2

typedef uint64_t translate_fn(void *cpu, uint8_t *entry, uint64_t address, unsigned int user,
			      unsigned int access);
typedef uint64_t translate_physical_fn(void *cpu, uint64_t gpa, uint64_t address, bool valid,
				       bool walk, unsigned int access, bool shadow_stack);

bool tlb_on;

static translate_fn *bochs_translate;
static translate_physical_fn *bochs_translate_physical;
static cpu_insn_fn *bochs_mov_cr3, *bochs_invpcid, *bochs_invvpid, *bochs_invept;
static uint64_t reported;

/* What a CPU is about. */
static struct watched {
	bool walking;
	uint64_t address, gpa; /* of the walk; TLB_NO_ADDR: not known yet */
	uint32_t cr0, cr4;     /* of the VM, before its next change */
	bool flushed;	       /* INVPCID, INVVPID, INVEPT: it did not fail, */
	uint64_t type;	       /* and was of that type */
} watched[CPU_MAX];

static struct watched *watched_of(const void *cpu)
{
	return &watched[cpu_id(cpu) % CPU_MAX];
}

static struct tlb_context context_of(const void *cpu)
{
	uint32_t controls = cpu_proc2_ctls(cpu);
	bool guest = cpu_in_guest(cpu);

	return (struct tlb_context){
		.cpu = cpu_id(cpu) % CPU_MAX,
		.vpid = guest && controls & CPU_PROC2_VPID ? cpu_vpid(cpu) : 0,
		.pcid = cpu_cr4(cpu) & CR4_PCIDE ? cpu_cr3(cpu) & PCID_MASK : 0,
		.ep4ta =
			guest && controls & CPU_PROC2_EPT ? cpu_eptp(cpu) & EP4TA_MASK : TLB_NO_EPT,
		.away = count_is_away(cpu),
		.rip = cpu_prev_rip(cpu),
		.icount = cpu_icount(cpu),
	};
}

/* ---- walks */

static enum tlb_access access_of(unsigned int access)
{
	if (access == ACCESS_EXECUTE)
		return TLB_FETCH;
	return access & ACCESS_WRITE ? TLB_WRITE : TLB_READ;
}

static void fill(const void *cpu, const struct watched *w, const uint8_t *entry)
{
	struct tlb_context c = context_of(cpu);
	uint64_t frame;
	uint32_t rights, mask;

	memcpy(&frame, entry + TLB_ENTRY_FRAME, sizeof(frame));
	memcpy(&rights, entry + TLB_ENTRY_RIGHTS, sizeof(rights));
	memcpy(&mask, entry + TLB_ENTRY_MASK, sizeof(mask));
	tlb_fill(&c, w->address, mask, rights & TLB_RIGHTS_GLOBAL,
		 c.ep4ta == TLB_NO_EPT ? frame : w->gpa, frame);
}

static uint64_t translate(void *cpu, uint8_t *entry, uint64_t address, unsigned int user,
			  unsigned int access)
{
	struct watched *w = watched_of(cpu);
	struct tlb_context c;
	uint64_t physical;

	if (!cpu_in_guest(cpu) || !(cpu_cr0(cpu) & CR0_PG))
		return bochs_translate(cpu, entry, address, user, access);
	c = context_of(cpu);
	tlb_use(&c, address, access_of(access));
	w->walking = true;
	w->address = address;
	w->gpa = TLB_NO_ADDR;
	physical = bochs_translate(cpu, entry, address, user, access); /* or it leaves by longjmp */
	w->walking = false;
	fill(cpu, w, entry);
	return physical;
}

static uint64_t translate_physical(void *cpu, uint64_t gpa, uint64_t address, bool valid, bool walk,
				   unsigned int access, bool shadow_stack)
{
	struct tlb_context c = context_of(cpu);
	struct watched *w = watched_of(cpu);
	uint64_t hpa;

	w->gpa = gpa;
	tlb_use_physical(&c, w->walking ? w->address : TLB_NO_ADDR, gpa,
			 walk ? TLB_WALK : access_of(access));
	hpa = bochs_translate_physical(cpu, gpa, address, valid, walk, access, shadow_stack);
	tlb_fill_physical(&c, gpa, hpa);
	return hpa;
}

void tlb_vm_exit(void *cpu, unsigned int reason)
{
	struct watched *w = watched_of(cpu);
	struct tlb_context c;

	if ((reason & 0xffff) == EXIT_EPT_VIOLATION) {
		c = context_of(cpu);
		tlb_ept_violation(&c, w->walking ? w->address : TLB_NO_ADDR, w->gpa);
	}
	w->walking = false;
}

void tlb_exception(void *cpu, unsigned int vector)
{
	struct watched *w = watched_of(cpu);
	struct tlb_context c;

	if (vector == PAGE_FAULT && w->walking) {
		c = context_of(cpu);
		tlb_page_fault(&c, w->address);
	}
	w->walking = false;
}

/* ---- flushes */

static void flush(const void *cpu, struct tlb_flush f)
{
	struct tlb_context c = context_of(cpu);

	tlb_flush(&c, &f);
}

/* By a VM; the host's own translations are not in the model. */
static void flush_guest(const void *cpu, struct tlb_flush f)
{
	if (cpu_in_guest(cpu))
		flush(cpu, f);
}

static void on_context(const void *cpu, struct watched *w)
{
	w->walking = false;
	w->cr0 = cpu_cr0(cpu);
	w->cr4 = cpu_cr4(cpu);
	if (!(cpu_proc2_ctls(cpu) & CPU_PROC2_VPID))
		flush(cpu, (struct tlb_flush){ .kind = TLB_VMX_TRANSITION });
}

void tlb_control(void *cpu, unsigned int what, uint64_t value)
{
	struct watched *w = watched_of(cpu);

	switch (what) {
	case TLB_CONTROL_CR0:
		flush_guest(cpu, tlb_cr0_flush(w->cr0, cpu_cr0(cpu)));
		w->cr0 = cpu_cr0(cpu);
		break;
	case TLB_CONTROL_CR3: /* without bit 63: in 64-bit mode see mov_cr3() */
		if (cpu_mode(cpu) != CPU_MODE_LONG64)
			flush_guest(cpu, tlb_cr3_flush(cpu_cr4(cpu), value));
		break;
	case TLB_CONTROL_CR4:
		flush_guest(cpu, tlb_cr4_flush(w->cr4, cpu_cr4(cpu)));
		w->cr4 = cpu_cr4(cpu);
		break;
	case TLB_CONTROL_TASK:
		flush_guest(cpu, (struct tlb_flush){ .kind = TLB_TASK_SWITCH });
		break;
	case TLB_CONTROL_CONTEXT:
		on_context(cpu, w);
		break;
	case TLB_CONTROL_INVLPG:
		flush_guest(cpu, (struct tlb_flush){ .kind = TLB_INVLPG, .address = value });
		break;
	case TLB_CONTROL_INVEPT:
	case TLB_CONTROL_INVVPID:
	case TLB_CONTROL_INVPCID:
		w->flushed = true;
		w->type = value;
		break;
	}
}

static void mov_cr3(void *cpu, void *insn)
{
	uint64_t source = cpu_register(cpu, ((uint8_t *)insn)[INSN_SRC]);

	bochs_mov_cr3(cpu, insn);
	flush_guest(cpu, tlb_cr3_flush(cpu_cr4(cpu), source));
}

/*
 * Let Bochs do it. True if it did: then its descriptor is read again. That filled Bochs's TLB, so
 * that must be emptied once more, behind the model's, which may have nothing that the model has
 * not.
 */
static bool descriptor(void *cpu, void *insn, cpu_insn_fn *bochs, uint64_t desc[2])
{
	struct watched *w = watched_of(cpu);
	uint64_t address;

	w->flushed = false;
	bochs(cpu, insn);
	if (!w->flushed || cpu_mode(cpu) != CPU_MODE_LONG64)
		return false;
	address = cpu_operand(cpu, insn);
	desc[0] = cpu_load(cpu, address);
	desc[1] = cpu_load(cpu, address + 8);
	return true;
}

static void invpcid(void *cpu, void *insn)
{
	uint64_t desc[2];

	if (!cpu_in_guest(cpu))
		return bochs_invpcid(cpu, insn);
	if (!descriptor(cpu, insn, bochs_invpcid, desc))
		return;
	flush(cpu, tlb_invpcid_flush(watched_of(cpu)->type, desc[0], desc[1]));
	cpu_flush_tlb(cpu);
}

static void invvpid(void *cpu, void *insn)
{
	uint64_t desc[2];

	if (descriptor(cpu, insn, bochs_invvpid, desc))
		flush(cpu, tlb_invvpid_flush(watched_of(cpu)->type, desc[0], desc[1]));
}

static void invept(void *cpu, void *insn)
{
	uint64_t desc[2];

	if (descriptor(cpu, insn, bochs_invept, desc))
		flush(cpu, tlb_invept_flush(watched_of(cpu)->type, desc[0]));
}

/* ---- marks */

void tlb_mark_name(void *cpu, unsigned int id)
{
	struct tlb_context c = context_of(cpu);
	uint64_t vpid = cpu_register(cpu, CPU_RSI), eptp = cpu_register(cpu, CPU_RDX);

	if (id || !tlb_on)
		return;
	if (!vpid)
		vpid = c.vpid;
	if (vpid && vpid <= UINT16_MAX &&
	    !tlb_name((uint16_t)vpid, eptp & EP4TA_MASK, (uint32_t)cpu_register(cpu, CPU_RDI)))
		channel_fail("the TLB model cannot keep more names of virtual CPUs: forget some");
}

void tlb_mark_revoke(void *cpu, unsigned int id)
{
	uint64_t token = cpu_register(cpu, CPU_RDI), eptp = cpu_register(cpu, CPU_RSI);
	struct tlb_context c = context_of(cpu);

	if (!tlb_on)
		return;
	if (id == XO_MARK_REVOKE_BEGIN)
		tlb_revoke_begin(token);
	else if (id == XO_MARK_REVOKE_END)
		tlb_revoke_end(&c, token, eptp & EP4TA_MASK);
}

void tlb_mark_read(void *cpu, unsigned int version)
{
	struct tlb_counts n = tlb_counts();
	struct xo_tlb told = { .valid = XO_COUNTS_VERSION,
			       .on = tlb_on,
			       .fills = n.fills,
			       .flushes = n.flushes,
			       .condemned = n.condemned,
			       .harmless = n.harmless,
			       .reports = n.reports };

	if (version == XO_COUNTS_VERSION)
		cpu_store(cpu, cpu_register(cpu, CPU_RDI), &told, sizeof(told));
}

/* ---- xo lab */

static void on_report(const struct tlb_report *report)
{
	char text[1024];

	if (++reported > SENTENCES)
		return;
	tlb_print_report(report, text, sizeof(text));
	channel_send(LAB_STALE, 0, text, strlen(text));
}

static void on_forget(unsigned int cpu)
{
	if (cpu < cpu_count())
		cpu_flush_tlb(cpu_get(cpu));
}

void tlb_tell(void)
{
	struct tlb_counts n = tlb_counts();
	char text[512];

	if (!tlb_on)
		return;
	tlb_print_counts(&n, text, sizeof(text));
	channel_send(LAB_NOTE, 0, text, strlen(text));
}

#define TRANSLATE	   "_ZN8BX_CPU_C16translate_linearEP12bx_TLB_entrymjj"
#define TRANSLATE_PHYSICAL "_ZN8BX_CPU_C24translate_guest_physicalEmmbbjb"

/* They stand alone before code that does not depend on where it is. */
static const uint8_t translate_head[] = { 0x41, 0x57, 0x49, 0x89, 0xf7, 0x41, 0x56,
					  0x45, 0x89, 0xc6, 0x41, 0x55, 0x41, 0x54 };
static const uint8_t physical_head[] = { 0x41, 0x57, 0x41, 0x56, 0x41, 0x89, 0xce, 0x41,
					 0x55, 0x41, 0x54, 0x55, 0x48, 0x89, 0xfd };

void tlb_init(void)
{
	static const struct tlb_hooks hooks = { on_report, on_forget };

	if (!getenv(LAB_ENV_TLB))
		return;
	tlb_start(&hooks);
	bochs_translate = (translate_fn *)ucode_wrap(TRANSLATE, translate_head,
						     sizeof(translate_head), translate);
	bochs_translate_physical = (translate_physical_fn *)ucode_wrap(
		TRANSLATE_PHYSICAL, physical_head, sizeof(physical_head), translate_physical);
	bochs_mov_cr3 =
		cpu_replace_insn("_ZN8BX_CPU_C9MOV_CR3RqEP15bxInstruction_c", false, 1, mov_cr3);
	bochs_invpcid =
		cpu_replace_insn("_ZN8BX_CPU_C7INVPCIDEP15bxInstruction_c", true, 1, invpcid);
	bochs_invvpid =
		cpu_replace_insn("_ZN8BX_CPU_C7INVVPIDEP15bxInstruction_c", true, 1, invvpid);
	bochs_invept = cpu_replace_insn("_ZN8BX_CPU_C6INVEPTEP15bxInstruction_c", true, 1, invept);
	tlb_on = true;
}
