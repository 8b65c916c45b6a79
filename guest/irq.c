// SPDX-License-Identifier: GPL-2.0
/*
 * The event interrupt: a vector of the local APIC, allocated like any device's, that the host
 * module raises after it changed an event word of the board. The host is told (vector, APIC id),
 * and told again whenever Linux moves it: by affinity, or because its CPU goes offline. The old
 * place stays valid until the first interrupt arrives at the new one, so nothing is lost in
 * between; an offline CPU's may be, so the board is looked at afterwards.
 */
#include <linux/cpuhotplug.h>
#include <linux/cpumask.h>
#include <linux/interrupt.h>
#include <linux/irq.h>
#include <linux/irqdomain.h>
#include <asm/hw_irq.h>
#include <asm/irqdomain.h>
#include <asm/smp.h>
#include "guest.h"
#include "hypercall.h"

static int virq;
static int hotplug_state;

u64 xo_irq_destination(void)
{
	struct irq_data *irqd = irq_get_irq_data(virq);
	unsigned int cpu = cpumask_first(irq_data_get_effective_affinity_mask(irqd));

	if (cpu >= nr_cpu_ids)
		cpu = 0;
	return irqd_cfg(irqd)->vector | (u64)cpu_physical_id(cpu) << 32;
}

void xo_irq_tell(void)
{
	unsigned long flags;
	u64 now;

	spin_lock_irqsave(&xo.lock, flags);
	now = xo_irq_destination();
	if (xo.board && now != xo.told) {
		xo_hc_vector(now);
		xo.told = now;
	}
	spin_unlock_irqrestore(&xo.lock, flags);
}

static irqreturn_t event(int irq, void *data)
{
	/* A pending move is carried out while the interrupt is acknowledged, that is just now. */
	xo_irq_tell();
	xo_board_interrupt();
	return IRQ_HANDLED;
}

static void moved(struct irq_affinity_notify *notify, const cpumask_t *mask)
{
	xo_irq_tell();
	xo_board_interrupt();
}

static void moved_release(struct kref *ref)
{
}

static struct irq_affinity_notify notifier = { .notify = moved, .release = moved_release };

static int cpu_dead(unsigned int cpu)
{
	xo_irq_tell();
	xo_board_interrupt();
	return 0;
}

int xo_irq_init(void)
{
	struct irq_alloc_info info = { .mask = cpu_online_mask };
	int ret;

	virq = irq_domain_alloc_irqs(x86_vector_domain, 1, NUMA_NO_NODE, &info);
	if (virq < 0)
		return virq;
	irq_set_handler(virq, handle_edge_irq);
	/* The place is software's alone (no device holds half of it), so it can move at any time.
	 */
	irq_set_status_flags(virq, IRQ_MOVE_PCNTXT);
	ret = request_irq(virq, event, 0, "crossover", &xo);
	if (ret)
		goto dispose;
	ret = irq_set_affinity_notifier(virq, &notifier);
	if (ret)
		goto release;
	ret = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "crossover:irq", NULL, cpu_dead);
	if (ret < 0)
		goto unnotify;
	hotplug_state = ret;
	return 0;
unnotify:
	irq_set_affinity_notifier(virq, NULL);
release:
	free_irq(virq, &xo);
dispose:
	irq_dispose_mapping(virq);
	return ret;
}

void xo_irq_exit(void)
{
	cpuhp_remove_state_nocalls(hotplug_state);
	irq_set_affinity_notifier(virq, NULL);
	free_irq(virq, &xo);
	irq_dispose_mapping(virq);
}
