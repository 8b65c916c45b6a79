// SPDX-License-Identifier: GPL-2.0
/*
 * The self-test of the EPTP list. Gates store an entry and use it by the very next VMFUNC; that a
 * processor reads the list anew for each VMFUNC, also after a store of the VM itself, is what all
 * are seen to do and what SDM vol. 3, 25.5.5.3 does not promise. So each processor of the host is
 * asked, by a VM of our own: a VMCS of our own on that processor for a fraction of a millisecond,
 * interrupts off, under whatever it was doing, and KVM's VMCS is current again behind it.
 *
 * The VM has two EPT contexts that differ in one page, the mark. It stores one's EPTP and switches,
 * looks at the mark, stores the other's, and so on; then clears the entry and must not get through.
 */
#include "away.h"
#include <linux/cpu.h>
#include <linux/moduleparam.h>
#include <linux/smp.h>
#include <asm/msr.h>
#include <asm/vmx.h>
#include "compat.h"
#include "selftest.h"
#include "selftest_vm.h"

#define ROUNDS 1000
#define TRIES  1000 /* of one processor: each ends at its first interrupt, and keeps its rounds */

static int fail_selftest = -1;
module_param(fail_selftest, int, 0444);
MODULE_PARM_DESC(fail_selftest, "for tests: on this CPU the self-test of the EPTP list stores the "
				"old entry where it says the new one, and so fails");

enum verdict {
	UNTESTED = 0, /* VMX was off */
	BUSY,	      /* interrupted too often to tell */
	PASSED,
	FAILED,
};

static DEFINE_PER_CPU(enum verdict, verdict);
static DEFINE_MUTEX(one_at_a_time); /* there is one VM */
static int hotplug_state;

static struct {
	struct list_head pages;
	u32 *vmcs;
	u64 *list;
	u64 eptp[2]; /* A, B */
} vm;

enum {
	PAGE_PML4,
	PAGE_PDPT,
	PAGE_PD,
	PAGE_PT,
	PAGE_CODE,
	PAGE_LIST,
	PAGE_MARK,
	VM_PAGES,
};
static_assert(XO_SELFTEST_CR3 == PAGE_PML4 << PAGE_SHIFT);
static_assert(XO_SELFTEST_CODE == PAGE_CODE << PAGE_SHIFT);
static_assert(XO_SELFTEST_LIST == PAGE_LIST << PAGE_SHIFT);
static_assert(XO_SELFTEST_MARK == PAGE_MARK << PAGE_SHIFT);

/* ------------------------------------------------------------------ the VM's memory */

static const u64 rights[VM_PAGES] = {
	[PAGE_PML4] = XO_EPT_R,
	[PAGE_PDPT] = XO_EPT_R,
	[PAGE_PD] = XO_EPT_R,
	[PAGE_PT] = XO_EPT_R,
	[PAGE_CODE] = XO_EPT_R | XO_EPT_X,
	[PAGE_LIST] = XO_EPT_R | XO_EPT_W,
	[PAGE_MARK] = XO_EPT_R,
};

/* An EPT context of these pages: its EPTP, 0 without memory. */
static u64 make_context(u64 *const page[VM_PAGES])
{
	u64 *root = xo_page_new(&vm.pages);
	u32 i;

	if (!root)
		return 0;
	for (i = 0; i < VM_PAGES; i++)
		if (xo_ept_map(&vm.pages, root, 3, (u64)i << PAGE_SHIFT,
			       xo_ept_leaf(virt_to_phys(page[i]), rights[i])))
			return 0;
	return xo_eptp(root);
}

static void fill_pages(u64 *const page[VM_PAGES])
{
	u32 i;

	for (i = PAGE_PML4; i < PAGE_PT; i++)
		page[i][0] = (u64)(i + 1) << PAGE_SHIFT | XO_PTE;
	for (i = 0; i < VM_PAGES; i++)
		page[PAGE_PT][i] = (u64)i << PAGE_SHIFT | XO_PTE;
	memcpy(page[PAGE_CODE], xo_selftest_vm, xo_selftest_vm_end - xo_selftest_vm);
}

static int make_vm(void)
{
	u64 *page[VM_PAGES], *other;
	u32 i;

	for (i = 0; i < VM_PAGES; i++) {
		page[i] = xo_page_new(&vm.pages);
		if (!page[i])
			return -ENOMEM;
	}
	other = xo_page_new(&vm.pages);
	vm.vmcs = (u32 *)xo_page_new(&vm.pages);
	if (!other || !vm.vmcs)
		return -ENOMEM;

	fill_pages(page);
	vm.list = page[PAGE_LIST];
	*page[PAGE_MARK] = XO_SELFTEST_A;
	vm.eptp[0] = make_context(page);
	*other = XO_SELFTEST_B;
	page[PAGE_MARK] = other;
	vm.eptp[1] = make_context(page);
	return vm.eptp[0] && vm.eptp[1] ? 0 : -ENOMEM;
}

/* ------------------------------------------------------------------ a try */

struct
try {
	s64 left; /* rounds */
	enum {
		NO_VMX,
		INTERRUPTED,
		ENDED, /* by the VM: reason, rip */
		LACKS, /* controls */
		NOT_ENTERED,
	} how;
	u32 reason, vector, lacks, error;
	u64 rip;
	bool planted; /* fail_selftest */
};

static bool vmx_on(void)
{
	return __read_cr4() & X86_CR4_VMXE;
}

static u64 current_vmcs(void)
{
	u64 hpa;

	asm volatile("vmptrst %0" : "=m"(hpa) : : "cc", "memory");
	return hpa;
}

static void load_vmcs(u64 hpa)
{
	asm volatile("vmptrld %0" : : "m"(hpa) : "cc", "memory");
}

/* Also writes it out to memory: the next processor may load it. */
static void clear_vmcs(u64 hpa)
{
	asm volatile("vmclear %0" : : "m"(hpa) : "cc", "memory");
}

/* Our contexts' pages may have been another's before, and will be again. */
static void forget_contexts(void)
{
	static const struct {
		u64 eptp, zero;
	} all;

	asm volatile("invept %0, %1" : : "m"(all), "r"(2UL) : "cc", "memory");
}

static void enter(struct try *t)
{
	struct xo_selftest_host host;

	xo_selftest_save_host(&host);
	xo_selftest_write_guest();
	xo_selftest_write_host(&host);
	t->lacks = xo_selftest_write_controls(vm.eptp[0], virt_to_phys(vm.list));
	if (t->lacks) {
		t->how = LACKS;
		return;
	}
	vm.list[XO_SELFTEST_ENTRY] = 0;
	forget_contexts();
	t->left = xo_selftest_enter(vm.eptp[0], vm.eptp[!t->planted], t->left, HOST_RSP);
	forget_contexts();
	if (t->left < 0) {
		t->how = NOT_ENTERED;
		t->error = xo_vmread(VM_INSTRUCTION_ERROR);
		return;
	}
	xo_selftest_restore_host(&host);
	t->how = ENDED;
	t->reason = xo_vmread(VM_EXIT_REASON);
	t->vector = xo_vmread(VM_EXIT_INTR_INFO);
	t->rip = xo_vmread(GUEST_RIP);
}

/* What was meant for the host gets there: an external interrupt is pending still. */
static void hand_on(struct try *t)
{
	if (t->how != ENDED)
		return;
	if (t->reason == EXIT_REASON_EXTERNAL_INTERRUPT) {
		t->how = INTERRUPTED;
	} else if (t->reason == EXIT_REASON_EXCEPTION_NMI) {
		u32 type = t->vector & INTR_INFO_INTR_TYPE_MASK;
		u32 vector = t->vector & INTR_INFO_VECTOR_MASK;

		if (type == INTR_TYPE_NMI_INTR) {
			t->how = INTERRUPTED;
			asm volatile("int $2");
		} else if (vector == X86_TRAP_MC) {
			t->how = INTERRUPTED;
			asm volatile("int $18");
		}
	}
}

/* On the processor that is tested, interrupts off. */
static void try_here(void *arg)
{
	u64 ours = virt_to_phys(vm.vmcs), before, basic;
	struct try *t = arg;

	if (!vmx_on()) {
		t->how = NO_VMX;
		return;
	}
	rdmsrl(MSR_IA32_VMX_BASIC, basic);
	*vm.vmcs = basic & GENMASK(30, 0);
	before = current_vmcs();
	clear_vmcs(ours);
	load_vmcs(ours);
	enter(t);
	clear_vmcs(ours);
	if (before != ~0ULL)
		load_vmcs(before);
	hand_on(t);
}

/* ------------------------------------------------------------------ the verdict */

static void report_end(int cpu, const struct try *t)
{
	bool vmfunc = t->reason == EXIT_REASON_VMFUNC, vmcall = t->reason == EXIT_REASON_VMCALL;

	if (vmcall && t->left)
		pr_err("CPU %d followed an old entry of its EPTP list, in round %lld of %d: the "
		       "engine vmfunc is refused, use the engine exit\n",
		       cpu, ROUNDS - t->left + 1, ROUNDS);
	else if (vmcall)
		pr_err("CPU %d followed a cleared entry of its EPTP list: the engine vmfunc is "
		       "refused, use the engine exit\n",
		       cpu);
	else if (vmfunc)
		pr_err("CPU %d refused a valid entry of its EPTP list, in round %lld of %d: the "
		       "engine vmfunc is refused, use the engine exit\n",
		       cpu, ROUNDS - t->left + 1, ROUNDS);
	else
		pr_err("the EPTP list self-test on CPU %d ended by exit reason %#x (interruption "
		       "%#x) at RIP %#llx: the engine vmfunc is refused; report it, and use the "
		       "engine exit\n",
		       cpu, t->reason, t->vector, t->rip);
}

static void report(int cpu, const struct try *t)
{
	if (t->planted)
		pr_notice("CPU %d: fail_selftest=%d plants an old entry in the EPTP list\n", cpu,
			  cpu);
	if (t->how == LACKS)
		pr_err("CPU %d lacks VMX controls %#x, which the EPTP list self-test needs: the "
		       "engine vmfunc is refused, use the engine exit\n",
		       cpu, t->lacks);
	else if (t->how == NOT_ENTERED)
		pr_err("CPU %d does not enter the VM of the EPTP list self-test, VM-instruction "
		       "error %u: the engine vmfunc is refused; report it, and use the engine "
		       "exit\n",
		       cpu, t->error);
	else if (t->how == INTERRUPTED)
		pr_err("the EPTP list self-test on CPU %d was interrupted %d times, with %lld of "
		       "%d "
		       "rounds left: try again when it is less busy\n",
		       cpu, TRIES, t->left, ROUNDS);
	else
		report_end(cpu, t);
}

static enum verdict test_cpu(int cpu)
{
	struct try t = { .left = ROUNDS, .planted = cpu == fail_selftest };
	u32 tries = 0;

	do {
		if (smp_call_function_single(cpu, try_here, &t, true))
			return UNTESTED;
	} while (t.how == INTERRUPTED && ++tries < TRIES);
	if (t.how == NO_VMX)
		return UNTESTED;
	if (t.how == ENDED && t.reason == EXIT_REASON_VMFUNC && !t.left)
		return PASSED;
	report(cpu, &t);
	return t.how == INTERRUPTED ? BUSY : FAILED;
}

bool xo_cpu_passed(void)
{
	return this_cpu_read(verdict) == PASSED;
}

enum xo_reason xo_cpus_tested(void)
{
	u32 tested = 0, passed = 0, failed = 0;
	int cpu;

	if (xo_processor_lacks)
		return xo_processor_lacks;
	mutex_lock(&one_at_a_time);
	cpus_read_lock();
	for_each_online_cpu(cpu) {
		enum verdict *v = per_cpu_ptr(&verdict, cpu);

		if (*v == UNTESTED || *v == BUSY) {
			WRITE_ONCE(*v, test_cpu(cpu));
			tested += *v == PASSED;
		}
		passed += *v == PASSED;
		failed += *v == FAILED || *v == BUSY;
	}
	cpus_read_unlock();
	mutex_unlock(&one_at_a_time);
	if (tested && !failed)
		pr_info("EPTP list self-test passed on %u CPU%s\n", passed, passed == 1 ? "" : "s");
	return passed && !failed ? XO_REASON_NONE : XO_REASON_CPU_UNTESTED;
}

/* Who comes back may be another: microcode is loaded on the way. */
static int forget_cpu(unsigned int cpu)
{
	WRITE_ONCE(per_cpu(verdict, cpu), UNTESTED);
	return 0;
}

int xo_selftest_init(void)
{
	int state;

	INIT_LIST_HEAD(&vm.pages);
	state = make_vm();
	if (!state)
		state = cpuhp_setup_state_nocalls(CPUHP_AP_ONLINE_DYN, "crossover:selftest", NULL,
						  forget_cpu);
	if (state < 0) {
		pr_err("no memory for the self-test of the EPTP list (%d); free some and load "
		       "crossover again\n",
		       state);
		xo_pages_free(&vm.pages);
		return state;
	}
	hotplug_state = state;
	return 0;
}

void xo_selftest_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	xo_pages_free(&vm.pages);
}
