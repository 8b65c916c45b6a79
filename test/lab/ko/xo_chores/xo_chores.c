// SPDX-License-Identifier: GPL-2.0
/*
 * For tests, in a callee: files whose reader does in the kernel what a visitor cannot end, or not
 * alone. Each says "done", or what was wrong.
 *
 *	nap       sleeps by a timer of high resolution
 *	timer     waits for a timer that it set, with the CPU kept
 *	spin      keeps the CPU for 20 ms, with interrupts on
 *	masked    keeps it for 3 ms, with interrupts off
 *	ipi       has each other CPU do something, and waits for it
 *	flush     has each CPU flush its TLB
 *	rcu       waits for all CPUs to have been elsewhere
 *	work      waits for a worker of each CPU
 *
 * In a caller:
 *
 *	ahead     sets its CPU's TSC forward by months, or back, and tells which; the kernel sets it
 *		  back by itself, within a second
 *
 *	overflow  overflows its stack, of which its kernel dies
 *
 * In a callee with one CPU:
 *
 *	hypervisor  switches CR4.VMXE on, as a hypervisor would, or off, and tells which
 *
 *   cat /sys/module/xo_chores/parameters/nap
 *
 * And, written 1 or 0:
 *
 *	traced    functions of the kernel are traced, or no more; read: how often they were called
 *
 * By ftrace with memory of this module's, so that to end it waits for tasks' RCU. By address: by
 * name the kernel warns of weak functions which are not there, since the lab's VMs leave out what
 * marks those when they start (lab/vm.conf).
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/ftrace.h>
#include <linux/hrtimer.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>
#include <linux/vmalloc.h>
#include <linux/workqueue.h>
#include <asm/msr.h>
#include <asm/tlbflush.h>

#define NAP_US	  1000
#define TIMER_US  500
#define SPIN_MS	  20
#define MASKED_MS 3

typedef const char *(*chore_fn)(void);

static const char *took(ktime_t start, s64 us)
{
	return ktime_us_delta(ktime_get(), start) < us ? "too early" : "done";
}

static const char *nap(void)
{
	ktime_t start = ktime_get();

	usleep_range(NAP_US, NAP_US + 100);
	return took(start, NAP_US);
}

struct bell {
	struct hrtimer timer;
	int cpu;
	bool rang;
};

static enum hrtimer_restart ring(struct hrtimer *timer)
{
	struct bell *a = container_of(timer, struct bell, timer);

	a->cpu = smp_processor_id();
	smp_store_release(&a->rang, true);
	return HRTIMER_NORESTART;
}

static const char *timer(void)
{
	struct bell a = { .cpu = -1 };
	ktime_t start;
	int cpu;

	hrtimer_init_on_stack(&a.timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	a.timer.function = ring;
	cpu = get_cpu();
	start = ktime_get();
	hrtimer_start(&a.timer, ns_to_ktime(TIMER_US * NSEC_PER_USEC),
		      HRTIMER_MODE_REL_PINNED_HARD);
	while (!smp_load_acquire(&a.rang) && ktime_ms_delta(ktime_get(), start) < MSEC_PER_SEC)
		cpu_relax();
	put_cpu();
	hrtimer_cancel(&a.timer);
	destroy_hrtimer_on_stack(&a.timer);
	if (!a.rang)
		return "it did not ring";
	return a.cpu == cpu ? took(start, TIMER_US) : "it rang elsewhere";
}

static const char *spin_for(unsigned int ms)
{
	int cpu = smp_processor_id();

	mdelay(ms);
	return smp_processor_id() == cpu ? "done" : "on another CPU";
}

static const char *spin(void)
{
	const char *said;

	preempt_disable();
	said = spin_for(SPIN_MS);
	preempt_enable();
	return said;
}

static const char *masked(void)
{
	const char *said;
	unsigned long flags;

	local_irq_save(flags);
	said = spin_for(MASKED_MS);
	if (!irqs_disabled())
		said = "interrupts are on";
	local_irq_restore(flags);
	return said;
}

static void note(void *count)
{
	atomic_inc(count);
}

static const char *all_but(const atomic_t *count, unsigned int missing)
{
	return atomic_read(count) == num_online_cpus() - missing ? "done" : "not by each CPU";
}

static const char *ipi(void)
{
	atomic_t count = ATOMIC_INIT(0);

	preempt_disable();
	smp_call_function(note, &count, 1);
	preempt_enable();
	return all_but(&count, 1);
}

static const char *flush(void)
{
	unsigned long *page = vmalloc(PAGE_SIZE);

	if (!page)
		return "no memory";
	*page = 1;
	vfree(page);
	vm_unmap_aliases(); /* flushes on each CPU */
	return "done";
}

static const char *rcu(void)
{
	synchronize_rcu();
	return "done";
}

static long work(void *count)
{
	atomic_inc(count);
	return 0;
}

static const char *each_worker(void)
{
	atomic_t count = ATOMIC_INIT(0);
	int cpu;

	for_each_online_cpu(cpu)
		work_on_cpu_safe(cpu, work, &count);
	return all_but(&count, 0);
}

#define AHEAD (1ULL << 49)

static const char *ahead(void)
{
	u64 adjust;

	preempt_disable();
	rdmsrl(MSR_IA32_TSC_ADJUST, adjust);
	adjust = adjust & AHEAD ? adjust - AHEAD : adjust + AHEAD;
	wrmsrl(MSR_IA32_TSC_ADJUST, adjust);
	preempt_enable();
	return adjust & AHEAD ? "ahead" : "back";
}

static u64 enough;

static noinline u64 deeper(u64 n)
{
	volatile u64 frame[64];

	frame[n % 64] = n;
	if (n == READ_ONCE(enough))
		return n;
	return deeper(n + 1) + frame[n % 64];
}

static const char *overflow(void)
{
	return deeper(1) ? "it has no end" : "";
}

static const char *hypervisor(void)
{
	bool on = __read_cr4() & X86_CR4_VMXE;

	if (!boot_cpu_has(X86_FEATURE_VMX))
		return "no VMX";
	if (on)
		cr4_clear_bits(X86_CR4_VMXE);
	else
		cr4_set_bits(X86_CR4_VMXE);
	return on ? "off" : "on";
}

static int get(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%s\n", ((chore_fn)kp->arg)());
}

static const struct kernel_param_ops ops = { .get = get };

/* ------------------------------------------------------------------ traced functions */

static const char *const function[] = { "vfs_read", "vfs_fstat", "do_sys_openat2" };
static atomic_long_t calls;
static bool tracing; /* the parameters' lock is held */

static void called(unsigned long ip, unsigned long parent, struct ftrace_ops *self,
		   struct ftrace_regs *regs)
{
	atomic_long_inc(&calls);
}

static struct ftrace_ops trace_ops = { .func = called };

static int choose(const char *name)
{
	struct kprobe probe = { .symbol_name = name, .flags = KPROBE_FLAG_DISABLED };
	int error = register_kprobe(&probe);

	if (error)
		return error;
	error = ftrace_set_filter_ip(&trace_ops, (unsigned long)probe.addr, 0, 0);
	unregister_kprobe(&probe);
	return error;
}

static int set_traced(const char *text, const struct kernel_param *kp)
{
	bool wanted;
	int error = kstrtobool(text, &wanted);

	if (error || wanted == tracing)
		return error;
	error = wanted ? register_ftrace_function(&trace_ops)
		       : unregister_ftrace_function(&trace_ops);
	if (!error)
		tracing = wanted;
	return error;
}

static int get_traced(char *buffer, const struct kernel_param *kp)
{
	return sysfs_emit(buffer, "%ld\n", atomic_long_read(&calls));
}

static const struct kernel_param_ops traced_ops = { .set = set_traced, .get = get_traced };
module_param_cb(traced, &traced_ops, NULL, 0644);

static int __init chores_init(void)
{
	int i, error = 0;

	for (i = 0; i < ARRAY_SIZE(function) && !error; i++)
		error = choose(function[i]);
	return error;
}

static void __exit chores_exit(void)
{
	if (tracing)
		unregister_ftrace_function(&trace_ops);
	ftrace_free_filter(&trace_ops);
}

module_init(chores_init);
module_exit(chores_exit);

/* clang-format off: one to a line */
module_param_cb(nap, &ops, nap, 0444);
module_param_cb(timer, &ops, timer, 0444);
module_param_cb(spin, &ops, spin, 0444);
module_param_cb(masked, &ops, masked, 0444);
module_param_cb(ipi, &ops, ipi, 0444);
module_param_cb(flush, &ops, flush, 0444);
module_param_cb(rcu, &ops, rcu, 0444);
module_param_cb(work, &ops, each_worker, 0444);
module_param_cb(ahead, &ops, ahead, 0444);
module_param_cb(overflow, &ops, overflow, 0444);
module_param_cb(hypervisor, &ops, hypervisor, 0444);
/* clang-format on */

MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: chores in the kernel that no visitor ends alone");
