// SPDX-License-Identifier: GPL-2.0
/*
 * For tests, in a callee: a page of kernel memory for each CPU that changes its frame all the
 * while, natively (a timer on that CPU, `hz` times a second) and in every other getppid, which
 * visitors execute. Each of the two reads the page before it changes it, and flushes it by INVLPG
 * afterwards, on this CPU and nowhere else: nobody else uses it. The translation is global. So
 * whoever reads an old frame used a translation that the other one flushed: hazard S2.
 *
 *   insmod xo_churn.ko hz=500
 *   cat /sys/module/xo_churn/parameters/counts     "native N calls N wrong N"
 */
#include <linux/cpu.h>
#include <linux/hrtimer.h>
#include <linux/io.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/vmalloc.h>

#define HZ_MAX 100000
#define FRAMES 13 /* one after the other: the same one again would be right by chance */
#define BITS   (_PAGE_PRESENT | _PAGE_RW | _PAGE_ACCESSED | _PAGE_DIRTY | _PAGE_GLOBAL | _PAGE_NX)

static unsigned int hz = 500;
module_param(hz, uint, 0444);
MODULE_PARM_DESC(hz, "native changes a second on each CPU, 1 to 100000");

struct churn {
	struct hrtimer timer;
	unsigned long *va; /* the page that changes */
	pte_t *pte, before;
	struct page *frame[FRAMES];
	unsigned long number; /* in the frame that is there */
	unsigned long native, calls, wrong;
};

static DEFINE_PER_CPU(struct churn, churn);
static ktime_t period;

static int get_counts(char *buffer, const struct kernel_param *kp)
{
	unsigned long native = 0, calls = 0, wrong = 0;
	int cpu;

	for_each_possible_cpu(cpu)
	{
		const struct churn *c = per_cpu_ptr(&churn, cpu);

		native += READ_ONCE(c->native);
		calls += READ_ONCE(c->calls);
		wrong += READ_ONCE(c->wrong);
	}
	return sysfs_emit(buffer, "native %lu calls %lu wrong %lu\n", native, calls, wrong);
}

static const struct kernel_param_ops counts_ops = { .get = get_counts };
module_param_cb(counts, &counts_ops, NULL, 0444);
MODULE_PARM_DESC(counts, "how often it was looked at, and wrong");

/* Interrupts off, on its CPU. */
static void look(struct churn *c)
{
	if (READ_ONCE(*c->va) != c->number)
		c->wrong++;
}

static void change(struct churn *c)
{
	struct page *frame = c->frame[++c->number % FRAMES];

	*(unsigned long *)page_address(frame) = c->number;
	native_set_pte(c->pte, native_make_pte(page_to_phys(frame) | BITS));
	asm volatile("invlpg (%0)" : : "r"(c->va) : "memory");
	look(c); /* so that this side has something that the other one's next change makes stale */
}

static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct churn *c = container_of(timer, struct churn, timer);

	look(c);
	change(c);
	c->native++;
	hrtimer_forward_now(timer, period);
	return HRTIMER_RESTART;
}

static int called(struct kprobe *probe, struct pt_regs *regs)
{
	struct churn *c;
	unsigned long flags;

	local_irq_save(flags);
	c = this_cpu_ptr(&churn);
	look(c);
	if (c->calls++ & 1)
		change(c);
	local_irq_restore(flags);
	return 0;
}

static struct kprobe probe = { .symbol_name = "__x64_sys_getppid", .pre_handler = called };

static int make(struct churn *c)
{
	unsigned int level, i;

	c->va = vmalloc(PAGE_SIZE);
	if (!c->va)
		return -ENOMEM;
	for (i = 0; i < FRAMES; i++) {
		c->frame[i] = alloc_page(GFP_KERNEL);
		if (!c->frame[i])
			return -ENOMEM;
	}
	c->pte = lookup_address((unsigned long)c->va, &level);
	if (!c->pte || level != PG_LEVEL_4K)
		return -EOPNOTSUPP;
	c->before = *c->pte;
	return 0;
}

static void undo(struct churn *c)
{
	unsigned int i;

	if (c->pte)
		native_set_pte(c->pte, c->before);
	/* Flushed everywhere before its address is used again. */
	vfree(c->va);
	for (i = 0; i < FRAMES; i++)
		if (c->frame[i])
			__free_page(c->frame[i]);
}

/* Both run on the CPU. */
static long start(void *unused)
{
	struct churn *c = this_cpu_ptr(&churn);
	unsigned long flags;

	local_irq_save(flags);
	change(c);
	hrtimer_init(&c->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	c->timer.function = fired;
	hrtimer_start(&c->timer, period, HRTIMER_MODE_REL_PINNED_HARD);
	local_irq_restore(flags);
	return 0;
}

static long stop(void *unused)
{
	hrtimer_cancel(&this_cpu_ptr(&churn)->timer);
	return 0;
}

static void each_cpu(long (*function)(void *))
{
	int cpu;

	cpus_read_lock();
	for_each_online_cpu(cpu)
		work_on_cpu_safe(cpu, function, NULL);
	cpus_read_unlock();
}

static void undo_all(void)
{
	int cpu;

	for_each_possible_cpu(cpu) undo(per_cpu_ptr(&churn, cpu));
	vm_unmap_aliases();
}

static int __init churn_init(void)
{
	int cpu, error = 0;

	if (!hz || hz > HZ_MAX) {
		pr_err("xo_churn: hz=%u: 1 to %u\n", hz, HZ_MAX);
		return -EINVAL;
	}
	period = ns_to_ktime(NSEC_PER_SEC / hz);
	for_each_possible_cpu(cpu) error = error ?: make(per_cpu_ptr(&churn, cpu));
	if (!error)
		each_cpu(start);
	if (!error)
		error = register_kprobe(&probe);
	if (!error)
		return 0;
	pr_err("xo_churn: error %d\n", error);
	each_cpu(stop);
	undo_all();
	return error;
}

static void __exit churn_exit(void)
{
	unregister_kprobe(&probe);
	each_cpu(stop);
	undo_all();
}

module_init(churn_init);
module_exit(churn_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: a callee that changes its page tables all the while");
