// SPDX-License-Identifier: GPL-2.0
/*
 * For tests, in a callee: memory of processes that comes and goes all the while, from another CPU
 * than theirs, as if a thread of theirs did it. Each time that goes which they could have a
 * translation of, their CPU is told by an interrupt, and who did it spins until that has answered:
 * if it is parked, until it has woken.
 *
 *   insmod xo_shoot.ko cpu=1 gap_us=500        cpu=-1: a thread on each CPU
 *   echo PID >/sys/module/xo_shoot/parameters/pid     that process, too, until it ends
 *   cat /sys/module/xo_shoot/parameters/counts        "rounds N wrong N processes N longest N"
 *                                                     longest: ticks of the TSC that one took
 */
#include <linux/cpu.h>
#include <linux/delay.h>
#include <linux/kthread.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/sched/mm.h>
#include <linux/uaccess.h>

#define PROCESSES 16
#define PAGES	  4

static int cpu = -1;
module_param(cpu, int, 0444);
MODULE_PARM_DESC(cpu, "where the thread runs; -1: one on each CPU");

static unsigned int gap_us = 500;
module_param(gap_us, uint, 0644);
MODULE_PARM_DESC(gap_us, "microseconds between two rounds");

static DEFINE_MUTEX(lock);
static struct mm_struct *process[PROCESSES];
static struct task_struct *thread[NR_CPUS];
static unsigned long rounds, wrong;
static u64 longest;

/* ------------------------------------------------------------------ processes; lock held */

static int add(struct mm_struct *mm)
{
	int i;

	for (i = 0; i < PROCESSES; i++)
		if (!process[i]) {
			process[i] = mm;
			mmgrab(mm);
			return 0;
		}
	return -ENOSPC;
}

static void drop(int i)
{
	mmdrop(process[i]);
	process[i] = NULL;
}

static int set_pid(const char *text, const struct kernel_param *kp)
{
	struct task_struct *task;
	struct mm_struct *mm = NULL;
	struct pid *pid;
	int number, ret = kstrtoint(text, 0, &number);

	if (ret)
		return ret;
	pid = find_get_pid(number);
	task = get_pid_task(pid, PIDTYPE_PID);
	if (task) {
		mm = get_task_mm(task);
		put_task_struct(task);
	}
	put_pid(pid);
	if (!mm)
		return -ESRCH;
	mutex_lock(&lock);
	ret = add(mm);
	mutex_unlock(&lock);
	mmput(mm);
	return ret;
}

static const struct kernel_param_ops pid_ops = { .set = set_pid };
module_param_cb(pid, &pid_ops, NULL, 0200);
MODULE_PARM_DESC(pid, "a process whose memory changes from now on");

static int get_counts(char *buffer, const struct kernel_param *kp)
{
	int i, n = 0;

	mutex_lock(&lock);
	for (i = 0; i < PROCESSES; i++)
		n += !!process[i];
	mutex_unlock(&lock);
	return sysfs_emit(buffer, "rounds %lu wrong %lu processes %d longest %llu\n",
			  READ_ONCE(rounds), READ_ONCE(wrong), n, READ_ONCE(longest));
}

static const struct kernel_param_ops counts_ops = { .get = get_counts };
module_param_cb(counts, &counts_ops, NULL, 0444);
MODULE_PARM_DESC(counts, "what was done so far");

/* ------------------------------------------------------------------ one round */

/* Pages with numbers in them, which nobody else writes. */
static bool fill(unsigned long at, unsigned long number)
{
	unsigned long i, found;

	for (i = 0; i < PAGES; i++)
		if (put_user(number + i, (unsigned long __user *)(at + i * PAGE_SIZE)))
			return false;
	for (i = 0; i < PAGES; i++)
		if (get_user(found, (unsigned long __user *)(at + i * PAGE_SIZE)) ||
		    found != number + i)
			return false;
	return true;
}

static void change(void)
{
	unsigned long at = vm_mmap(NULL, 0, PAGES * PAGE_SIZE, PROT_READ | PROT_WRITE,
				   MAP_ANONYMOUS | MAP_PRIVATE, 0);
	bool right = false;
	u64 start;

	if (!IS_ERR_VALUE(at)) {
		right = fill(at, rounds * PAGES);
		start = get_cycles();
		right &= !vm_munmap(at, PAGES * PAGE_SIZE);
		longest = max_t(u64, longest, get_cycles() - start);
	}
	rounds++;
	wrong += !right;
}

/* One after the other, so that counts need no lock of their own. */
static void each_process(void)
{
	int i;

	mutex_lock(&lock);
	for (i = 0; i < PROCESSES; i++) {
		if (!process[i])
			continue;
		if (!mmget_not_zero(process[i])) {
			drop(i);
			continue;
		}
		kthread_use_mm(process[i]);
		change();
		kthread_unuse_mm(process[i]);
		mmput(process[i]);
	}
	mutex_unlock(&lock);
}

static int shoot(void *unused)
{
	while (!kthread_should_stop()) {
		each_process();
		usleep_range(gap_us, gap_us + gap_us / 4 + 1);
	}
	return 0;
}

/* ------------------------------------------------------------------ the module */

static void stop(void)
{
	int i;

	for (i = 0; i < NR_CPUS; i++)
		if (thread[i])
			kthread_stop(thread[i]);
	for (i = 0; i < PROCESSES; i++)
		if (process[i])
			drop(i);
}

static int start_on(int on)
{
	struct task_struct *task = kthread_create(shoot, NULL, "xo_shoot/%d", on);

	if (IS_ERR(task))
		return PTR_ERR(task);
	kthread_bind(task, on);
	thread[on] = task;
	wake_up_process(task);
	return 0;
}

static int __init shoot_init(void)
{
	int on, error = 0, count = 0;

	cpus_read_lock();
	for_each_online_cpu(on) {
		if (error || (cpu >= 0 && on != cpu))
			continue;
		error = start_on(on);
		count++;
	}
	cpus_read_unlock();
	if (!error && count)
		return 0;
	pr_err("xo_shoot: cpu=%d: error %d; name one that is online, or -1\n", cpu, error);
	stop();
	return error ?: -EINVAL;
}

module_init(shoot_init);
module_exit(stop);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("CrossOver test: TLB shootdowns for the CPUs of other processes");
