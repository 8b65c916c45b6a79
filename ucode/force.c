// SPDX-License-Identifier: GPL-2.0
/*
 * A VM exit just before the n-th instruction that a VM executes away. It is the exit of the VMX
 * preemption timer: an event from outside that may come at any instruction boundary and that
 * nothing can mask. KVM takes one that it did not ask for as a spurious one (or, while it uses the
 * timer for the guest's clock, as that clock's interrupt a little early, which guests stand).
 *
 * Or it is the exit of an interrupt of the host's own, one that Linux sends itself to look whom to
 * run: nothing comes of it but the exit, and nothing is injected into any VM.
 *
 * Bochs calls an empty stub before each instruction. It is taken only while armed, since a handler
 * there costs a third of Bochs's speed.
 */
#include "../include/crossover/mark.h"
#include "count.h"
#include "cpu.h"
#include "force.h"

#define BEFORE_EXECUTION      "_Z25bx_instr_before_executionjP15bxInstruction_c"
#define EXIT_PREEMPTION_TIMER 52
#define RESCHEDULE_VECTOR     0xfd /* of Linux on x86 */

static struct {
	bool armed;
	bool host;	    /* interrupts of the host, `again` and again */
	uint64_t home_eptp; /* of the VM that is meant; 0: all */
	uint64_t left;	    /* away instructions until the next exit; 0: none more */
	uint64_t again;	    /* after that, until the second; 0: no second */
	struct xo_forced forced;
} force;

static void before_execution(unsigned int id, void *insn)
{
	void *cpu = cpu_get(id);
	struct xo_forced *f = &force.forced;

	if (!count_is_away(cpu) || (force.home_eptp && force.home_eptp != count_home_eptp(cpu)))
		return;
	f->away++;
	if (!force.left || --force.left)
		return;
	if (f->fired < XO_FORCED_MAX) {
		f->at[f->fired].rip = cpu_rip(cpu);
		f->at[f->fired].eptp = cpu_eptp(cpu);
	}
	f->fired++;
	force.left = force.again;
	if (force.host)
		return cpu_vm_exit_interrupt(cpu, RESCHEDULE_VECTOR);
	force.again = 0;
	cpu_vm_exit(cpu, EXIT_PREEMPTION_TIMER, 0);
}

static void disarm(void)
{
	if (force.armed)
		ucode_release_stub(BEFORE_EXECUTION);
	force.armed = false;
}

void force_arm(void *cpu, unsigned int id)
{
	if (id != XO_MARK_FORCE_TWICE && id != XO_MARK_FORCE_HOST)
		return;
	disarm();
	force.armed = true;
	force.host = id == XO_MARK_FORCE_HOST;
	force.home_eptp = cpu_in_guest(cpu) ? count_home_eptp(cpu) : 0;
	force.left = cpu_register(cpu, CPU_RDI);
	force.again = force.left ? cpu_register(cpu, CPU_RSI) : 0;
	force.forced = (struct xo_forced){ .valid = XO_COUNTS_VERSION };
	ucode_take_stub(BEFORE_EXECUTION, before_execution);
}

void force_read(void *cpu, unsigned int version)
{
	if (version != XO_COUNTS_VERSION)
		return;
	disarm();
	force.forced.valid = XO_COUNTS_VERSION;
	cpu_store(cpu, cpu_register(cpu, CPU_RDI), &force.forced, sizeof(force.forced));
}
