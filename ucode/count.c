// SPDX-License-Identifier: GPL-2.0
/*
 * Counts of events per CPU, taken in Bochs's instrumentation stubs. They only ever grow while any
 * region runs, and stand still otherwise; regions (region.c) take differences.
 */
#include "count_impl.h"
#include "tlb_bochs.h"

#define EXIT_TPR_THRESHOLD 43 /* the exits that Bochs takes behind an instruction, by return */
#define EXIT_EOI_INDUCED   45
#define EXIT_APIC_WRITE	   56

static struct counted_cpu counted[CPU_MAX];
static struct ept_context contexts[XO_COUNT_EPTPS];
static unsigned int context_count;
static uint64_t contexts_lost;
static unsigned int running; /* regions */
static cpu_insn_fn *bochs_vmfunc;

/* Each VPID's last exit. An entry to where that left the VM, if that was away, is away again: a
 * visitor that the host has suspended goes on. */
static struct {
	uint64_t eptp, home_eptp;
} last_exit[1 << 16];

struct counted_cpu *count_cpu(unsigned int id)
{
	return &counted[id];
}

static struct counted_cpu *cpu_of(const void *cpu)
{
	return &counted[cpu_id(cpu)];
}

uint64_t count_home_eptp(const void *cpu)
{
	return cpu_of(cpu)->home_eptp;
}

bool count_is_away(const void *cpu)
{
	return cpu_in_guest(cpu) && cpu_eptp(cpu) != cpu_of(cpu)->home_eptp;
}

/*
 * Bochs's icount also grows by one when an instruction does not complete, or an event comes between
 * two: it leaves by longjmp then, at most once for each value of icount.
 */
static uint64_t completed(const struct counted_cpu *c, const void *cpu)
{
	return cpu_icount(cpu) - c->aborted;
}

static void abort_here(struct counted_cpu *c, const void *cpu)
{
	if (c->aborted_at == cpu_icount(cpu))
		return;
	c->aborted_at = cpu_icount(cpu);
	c->aborted++;
}

static int find_context(uint64_t eptp)
{
	for (unsigned int i = 0; i < context_count; i++)
		if (contexts[i].eptp == eptp)
			return (int)i;
	if (context_count == XO_COUNT_EPTPS)
		return -1;
	contexts[context_count] = (struct ept_context){ .eptp = eptp };
	return (int)context_count++;
}

/* Account the instructions of this CPU until `now` to where they ran. */
static void settle(struct counted_cpu *c, uint64_t now)
{
	if (c->guest)
		c->n.guest_instructions += now - c->settled;
	if (c->away) {
		c->n.away_instructions += now - c->settled;
		if (c->context >= 0)
			contexts[c->context].instructions += now - c->settled;
	}
	c->settled = now;
}

void count_settle(unsigned int id)
{
	struct counted_cpu *c = &counted[id];
	const void *cpu = cpu_get(id);

	settle(c, completed(c, cpu));
	c->n.instructions = c->settled;
}

/* Where the CPU is now becomes where its next instructions are accounted to. */
static void look_around(struct counted_cpu *c, const void *cpu)
{
	c->guest = cpu_in_guest(cpu);
	c->away = count_is_away(cpu);
	c->context = c->away ? find_context(cpu_eptp(cpu)) : -1;
}

const struct ept_context *count_contexts(unsigned int *count, uint64_t *lost)
{
	*count = context_count;
	*lost = contexts_lost;
	return contexts;
}

void count_start(void)
{
	if (running++)
		return;
	context_count = 0;
	contexts_lost = 0;
	for (unsigned int id = 0; id < cpu_count(); id++) {
		look_around(&counted[id], cpu_get(id));
		counted[id].settled = completed(&counted[id], cpu_get(id));
	}
}

void count_stop(void)
{
	running--;
}

static void on_vm_exit(unsigned int id, unsigned int reason, uint64_t qualification)
{
	struct counted_cpu *c = &counted[id % CPU_MAX];
	const void *cpu = cpu_get(id);
	unsigned int basic = reason & 0xffff;

	c->exiting = true;
	last_exit[cpu_vpid(cpu)].eptp = cpu_eptp(cpu);
	last_exit[cpu_vpid(cpu)].home_eptp = c->home_eptp;
	if (tlb_on)
		tlb_vm_exit(cpu_get(id), reason);
	if (!running)
		return;
	if (basic != EXIT_TPR_THRESHOLD && basic != EXIT_EOI_INDUCED && basic != EXIT_APIC_WRITE)
		abort_here(c, cpu);
	settle(c, cpu_icount(cpu) + 1 - c->aborted);
	if (basic >= XO_COUNT_EXITS)
		basic = XO_COUNT_EXITS - 1;
	c->n.exits++;
	c->n.exits_away += c->away;
	c->n.exit[basic]++;
	region_exit(cpu_vpid(cpu), basic);
	c->guest = c->away = false;
}

static uint64_t entered_from(const void *cpu)
{
	uint16_t vpid = cpu_vpid(cpu);

	return vpid && cpu_eptp(cpu) == last_exit[vpid].eptp ? last_exit[vpid].home_eptp
							     : cpu_eptp(cpu);
}

/* The end of a VM entry, or of an exit (or of an entry that failed, which ends like an exit). */
static void on_context(struct counted_cpu *c, const void *cpu)
{
	if (c->exiting) {
		c->exiting = false;
		return;
	}
	c->home_eptp = entered_from(cpu);
	if (!running)
		return;
	settle(c, completed(c, cpu) + 1); /* VMLAUNCH and VMRESUME are the host's */
	c->guest = true;
	c->away = cpu_eptp(cpu) != c->home_eptp;
	c->context = c->away ? find_context(cpu_eptp(cpu)) : -1;
	c->n.entries++;
}

static void on_tlb(unsigned int id, unsigned int what, uint64_t value)
{
	struct counted_cpu *c = &counted[id % CPU_MAX];

	if (what == TLB_CONTROL_CONTEXT)
		on_context(c, cpu_get(id));
	if (tlb_on)
		tlb_control(cpu_get(id), what, value);
	if (!running)
		return;
	switch (what) {
	case TLB_CONTROL_CR3:
		c->n.cr3_loads++;
		break;
	case TLB_CONTROL_CR4:
		c->n.cr4_loads++;
		break;
	case TLB_CONTROL_INVLPG:
		c->n.invlpg++;
		break;
	case TLB_CONTROL_INVPCID:
		c->n.invpcid++;
		break;
	case TLB_CONTROL_INVEPT:
		c->n.invept++;
		break;
	case TLB_CONTROL_INVVPID:
		c->n.invvpid++;
		break;
	}
}

static void on_interrupt(unsigned int id, unsigned int vector, uint16_t cs, uint64_t rip)
{
	struct counted_cpu *c = &counted[id % CPU_MAX];

	if (!running)
		return;
	if (cpu_in_guest(cpu_get(id))) {
		c->n.virtual_interrupts++;
		return;
	}
	c->n.interrupts++;
	c->n.interrupt[vector % XO_COUNT_INTERRUPTS]++;
}

static void on_exception(unsigned int id, unsigned int vector, unsigned int error)
{
	struct counted_cpu *c = &counted[id % CPU_MAX];

	if (tlb_on)
		tlb_exception(cpu_get(id), vector);
	if (!running)
		return;
	c->n.exceptions++;
	abort_here(c, cpu_get(id));
}

/* VMFUNC: Bochs's own; when it does not come back, an exit or an exception was its end. */
static void vmfunc(void *cpu, void *insn)
{
	struct counted_cpu *c = cpu_of(cpu);
	uint64_t before = cpu_eptp(cpu);

	c->n.vmfuncs_failed += running != 0;
	bochs_vmfunc(cpu, insn);
	if (!running)
		return;
	c->n.vmfuncs_failed--;
	c->n.vmfuncs++;
	if (cpu_eptp(cpu) == before)
		return;
	c->n.eptp_switches++;
	settle(c, completed(c, cpu) + 1); /* the VMFUNC itself ran where it was fetched */
	look_around(c, cpu);
	if (!c->away)
		return;
	if (c->context >= 0)
		contexts[c->context].switches++;
	else
		contexts_lost++;
}

void count_init(void)
{
	for (unsigned int id = 0; id < CPU_MAX; id++)
		counted[id].aborted_at = UINT64_MAX;
	bochs_vmfunc = cpu_replace_insn("_ZN8BX_CPU_C6VMFUNCEP15bxInstruction_c", false, 1, vmfunc);
	ucode_take_stub("_Z15bx_instr_vmexitjjm", on_vm_exit);
	ucode_take_stub("_Z18bx_instr_tlb_cntrljjm", on_tlb);
	ucode_take_stub("_Z20bx_instr_hwinterruptjjtm", on_interrupt);
	ucode_take_stub("_Z18bx_instr_exceptionjjj", on_exception);
}
