// SPDX-License-Identifier: GPL-2.0
/*
 * For tests, in the host: a timer interrupt `hz` times a second on every processor that is online,
 * each from a timer pinned there, handled in hard interrupt context. Debian's kernel ticks 250
 * times a second, and not at all where it idles.
 *
 *   insmod xo_tick.ko hz=1000
 *   cat /sys/module/xo_tick/parameters/ticks     interrupts so far, all processors
 */
#include <linux/cpuhotplug.h>
#include <linux/hrtimer.h>
#include <linux/module.h>
#include <linux/percpu.h>

#define HZ_MAX 100000

static unsigned int hz = 1000;
module_param(hz, uint, 0444);
MODULE_PARM_DESC(hz, "interrupts a second on each processor, 1 to 100000");

struct tick {
	struct hrtimer timer;
	unsigned long count;
};

static DEFINE_PER_CPU(struct tick, tick);
static ktime_t period;
static int state;

static int get_ticks(char *buffer, const struct kernel_param *kp)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) sum += READ_ONCE(per_cpu(tick, cpu).count);
	return sysfs_emit(buffer, "%lu\n", sum);
}

static const struct kernel_param_ops ticks_ops = { .get = get_ticks };
module_param_cb(ticks, &ticks_ops, NULL, 0444);
MODULE_PARM_DESC(ticks, "interrupts so far");

static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct tick *t = container_of(timer, struct tick, timer);

	WRITE_ONCE(t->count, t->count + 1);
	hrtimer_forward_now(timer, period);
	return HRTIMER_RESTART;
}

/* Both run on the processor that comes or goes. */
static int online(unsigned int cpu)
{
	struct tick *t = this_cpu_ptr(&tick);

	hrtimer_init(&t->timer, CLOCK_MONOTONIC, HRTIMER_MODE_REL_PINNED_HARD);
	t->timer.function = fired;
	hrtimer_start(&t->timer, period, HRTIMER_MODE_REL_PINNED_HARD);
	return 0;
}

static int offline(unsigned int cpu)
{
	hrtimer_cancel(&this_cpu_ptr(&tick)->timer);
	return 0;
}

static int __init tick_init(void)
{
	if (hz < 1 || hz > HZ_MAX) {
		pr_err("xo_tick: hz=%u is not from 1 to %u\n", hz, HZ_MAX);
		return -EINVAL;
	}
	period = ns_to_ktime(NSEC_PER_SEC / hz);
	state = cpuhp_setup_state(CPUHP_AP_ONLINE_DYN, "crossover/tick:online", online, offline);
	return state < 0 ? state : 0;
}

static void __exit tick_exit(void)
{
	cpuhp_remove_state(state);
}

module_init(tick_init);
module_exit(tick_exit);
MODULE_DESCRIPTION("For tests: a timer interrupt at a chosen rate on every processor");
MODULE_LICENSE("GPL");
