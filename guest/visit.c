// SPDX-License-Identifier: GPL-2.0
/*
 * Caller: a call by a visit. The request stands in the slot as for a call over exit; this very CPU
 * runs the callee's stub on it, and comes back with the reply in the slot. If it cannot be so, the
 * call goes by exit; if the visitor was evicted, the call is already posted, and is waited for.
 */
#include <linux/io.h>
#include <linux/kdebug.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>
#include <asm/desc.h>
#include <asm/fpu/api.h>
#include <asm/special_insns.h>
#include <asm/trapnr.h>
#include <crossover/kgate.h>
#include "guest.h"
#include "hypercall.h"
#include "kgate_blob.h"
#include "trace.h"
#include "visit.h"

#define KERNEL_TABLE 0x63ULL /* present, writable, accessed, dirty */
#define KERNEL_TEXT  0x61ULL /* not writable */
#define KERNEL_DATA  (KERNEL_TABLE | _PAGE_NX)
#define TRIES	     16	      /* of one call, until it goes by exit */
#define REBIND	     16	      /* nobody found there so often: the stub's CPU may be another */
#define ASK_AGAIN    (HZ / 4) /* for a stub that could not be visited; doubled each time, up to */
#define ASK_SELDOM   (2 * HZ)
#define MXCSR_INIT   0x1f80

/* Beside the gate's: nothing happened, and on this CPU it would be so again. */
#define NOT_HERE     (1ULL << 63)

/* The latter with IBPB on the way back. */
extern u64 xo_visit_enter(u64 slot, u64 seq, void *save, u64 cr3, u64 *value);
extern u64 xo_visit_enter_ibpb(u64 slot, u64 seq, void *save, u64 cr3, u64 *value);

struct visitor_cpu {
	u64 record; /* this CPU's, at the host */
	void *save;
	u64 cr3;
	u32 absent;		  /* how often nobody was there */
	u64 refused;		  /* the host would not have that one bound to this CPU, at: */
	unsigned long refused_at; /* jiffies */
};

static DEFINE_PER_CPU(struct visitor_cpu, cpus);
static DEFINE_MUTEX(lock);

/* Used with interrupts off, or under lock; where its door has this number. */
static struct region {
	u8 *at;
	u64 gpa, number;
	u32 cpus;
} * region;

/* ------------------------------------------------------------------ tables for the gate, at home
 */

static u64 *page(const struct region *g, u32 n)
{
	return (u64 *)(g->at + ((u64)n << PAGE_SHIFT));
}

static u64 entry(const struct region *g, u32 n, u64 how)
{
	return (g->gpa + ((u64)n << PAGE_SHIFT)) | how;
}

/* As the kernel's own, and the window. */
static void fill_tables(const struct region *g, u32 n)
{
	u32 at = XO_KREGION_CPU(n), i;
	u64 *root = page(g, at);

	memset(root, 0, PAGE_SIZE);
	memcpy(root + XO_KGATE_ROOT, (u64 *)current->active_mm->pgd + XO_KGATE_ROOT, PAGE_SIZE / 2);
	root[XO_KGATE_ROOT] = entry(g, at + XO_KREGION_CPU_TABLE, KERNEL_TABLE);
	for (i = 0; i < 2; i++) {
		memset(page(g, at + XO_KREGION_CPU_TABLE + i), 0, PAGE_SIZE);
		page(g, at + XO_KREGION_CPU_TABLE + i)[0] =
			entry(g, at + XO_KREGION_CPU_TABLE + i + 1, KERNEL_TABLE);
	}
	root = page(g, at + XO_KREGION_CPU_TABLE + 2);
	memset(root, 0, PAGE_SIZE);
	root[XO_KGATE_TEXT >> PAGE_SHIFT] = entry(g, XO_KREGION_TEXT, KERNEL_TEXT);
	root[XO_KGATE_HOME >> PAGE_SHIFT] = entry(g, XO_KREGION_HOME, KERNEL_TEXT);
	root[XO_KGATE_SAVE >> PAGE_SHIFT] = entry(g, at + XO_KREGION_CPU_SAVE, KERNEL_DATA);
}

/* What the gate restores on this CPU. Preemption off. */
static void fill_save(u8 *save)
{
	struct desc_ptr *gdt = (void *)(save + XO_KSAVE_GDT),
			*rw = (void *)(save + XO_KSAVE_GDT_RW);
	u64 tr, gs;

	/* All that xo_registers_qualify() lets pass, AVX-512 last. */
	static_assert(XO_KSAVE_XSAVE % 64 == 0 && XO_KSAVE_XSAVE + 2688 <= XO_KSAVE_XINIT);
	memset(save, 0, PAGE_SIZE);
	native_store_gdt(gdt);
	store_idt((void *)(save + XO_KSAVE_IDT));
	asm("str %0" : "=r"(tr)); /* all 64 bits */
	rw->size = gdt->size;
	rw->address = (unsigned long)get_cpu_gdt_rw(smp_processor_id());
	*(u64 *)(save + XO_KSAVE_TSS) = rw->address + (tr & ~7ULL);
	*(u64 *)(save + XO_KSAVE_TR) = tr;
	rdmsrl(MSR_GS_BASE, gs);
	*(u64 *)(save + XO_KSAVE_GS) = gs;
	*(u64 *)(save + XO_KSAVE_CR0) = read_cr0();
	*(u64 *)(save + XO_KSAVE_CR4) = __read_cr4();
	*(u64 *)(save + XO_KSAVE_FLAGS) = X86_EFLAGS_FIXED;
	*(u64 *)(save + XO_KSAVE_RFLAGS) = X86_EFLAGS_FIXED;
	*(u64 *)(save + XO_KSAVE_CS) = __KERNEL_CS;
	*(u64 *)(save + XO_KSAVE_SS) = __KERNEL_DS;
	*(u16 *)(save + XO_KSAVE_XINIT) = 0x37f;
	*(u32 *)(save + XO_KSAVE_XINIT + 24) = MXCSR_INIT;
}

/* ------------------------------------------------------------------ binding */

static bool is_open(const struct region *g)
{
	return g->number && READ_ONCE(*page(g, XO_KREGION_DOOR)) == g->number;
}

static void drop_region(void)
{
	struct region *old = region;

	WRITE_ONCE(region, NULL);
	synchronize_rcu(); /* whoever saw it has interrupts on again */
	xo_visit_forget();
	if (old)
		memunmap(old->at);
	kfree(old);
}

/* The host's region, or that of the host which came after it. lock held. */
static int make_region(u64 gpa, u32 n)
{
	struct region *g = region;

	if (g && g->gpa == gpa && g->cpus >= n && is_open(g))
		return 0;
	if (!n || n > XO_KREGION_CPUS)
		return -EINVAL;
	drop_region();
	g = kzalloc(sizeof(*g), GFP_KERNEL);
	if (!g)
		return -ENOMEM;
	g->at = memremap(gpa, (u64)XO_KREGION_PAGES(n) << PAGE_SHIFT, MEMREMAP_WB);
	if (!g->at) {
		kfree(g);
		return -ENOMEM;
	}
	/* First: if the host goes meanwhile, and another one comes, this is none of its. */
	g->number = READ_ONCE(*page(g, XO_KREGION_DOOR));
	smp_rmb();
	memcpy(page(g, XO_KREGION_TEXT), xo_kgate_text, PAGE_SIZE);
	memcpy(page(g, XO_KREGION_HOME), xo_kgate_home, PAGE_SIZE);
	g->gpa = gpa;
	g->cpus = n;
	smp_store_release(&region, g);
	return 0;
}

/* Of those who ask for the same session one is enough. */
static int ask_for_record(struct xo_session *s)
{
	struct xo_request req = {
		.op = XO_REQ_VISIT,
		.link = s->link->id,
		.session = s->id,
		.entry = XO_KGATE_BUILD,
		.pid = task_tgid_nr(current),
	};
	int ret = xo_request_try(&req);

	if (ret)
		return ret;
	mutex_lock(&lock);
	ret = make_region(req.save_gpa, req.count);
	mutex_unlock(&lock);
	if (ret)
		return ret;
	/* As long as there is this record its link has no other flags. */
	WRITE_ONCE(s->ibpb, req.flags & XO_LINK_IBPB);
	smp_store_release(&s->record, req.id);
	return 0;
}

/* Is there a stub that can be visited? Asked now and then, the more seldom the longer there is
 * none. */
static bool find_record(struct xo_session *s)
{
	unsigned long pause = READ_ONCE(s->record_pause);

	if (READ_ONCE(s->record))
		return true;
	if (pause && time_before(jiffies, READ_ONCE(s->record_asked) + pause))
		return false;
	if (!ask_for_record(s)) {
		WRITE_ONCE(s->record_pause, 0);
		return true;
	}
	WRITE_ONCE(s->record_asked, jiffies);
	WRITE_ONCE(s->record_pause, clamp_t(unsigned long, 2 * pause, ASK_AGAIN, ASK_SELDOM));
	return false;
}

/* Interrupts are off. */
static int bind(const struct region *g, struct visitor_cpu *cpu, u64 record)
{
	u64 n = 0, rdx = 0;
	long ret = xo_vmcall(XO_HC_BIND, record, &n, &rdx, 0);

	if (ret)
		return ret;
	if (n >= g->cpus)
		return -EOPNOTSUPP;
	fill_tables(g, n);
	cpu->cr3 = g->gpa + ((u64)XO_KREGION_CPU(n) << PAGE_SHIFT);
	cpu->save = page(g, XO_KREGION_CPU(n) + XO_KREGION_CPU_SAVE);
	fill_save(cpu->save);
	cpu->record = record;
	return 0;
}

/* ------------------------------------------------------------------ a visit */

/*
 * What comes home is a kernel's own: no segments, no LDT. A program that has some (32-bit ones do)
 * goes by exit.
 */
static bool has_segments(void)
{
	u32 ds, es, fs, gs;

	savesegment(ds, ds);
	savesegment(es, es);
	savesegment(fs, fs);
	savesegment(gs, gs);
	if (ds | es | fs | gs)
		return true;
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	return current->mm && READ_ONCE(current->mm->context.ldt);
#else
	return false;
#endif
}

/* A callee comes back by the gate with any status, but only the host can say that a call was
 * evicted, or is to be tried again. */
static u64 believed(u64 said)
{
	u64 status = (u32)said;

	if (said & XO_KGATE_HOST || status == XO_KGATE_OK || status == XO_KGATE_ABSENT)
		return status;
	return XO_KGATE_FAULT;
}

/* Linux changes CR4.TSD with the task: what is restored has to be this task's. */
static bool same_cr4(const struct visitor_cpu *cpu)
{
	return *(u64 *)(cpu->save + XO_KSAVE_CR4) == __read_cr4();
}

/* Interrupts are off. */
static u64 enter(const struct xo_session *s, u32 slot, u64 seq, struct visitor_cpu *cpu, u64 *value)
{
	return READ_ONCE(s->ibpb) ? xo_visit_enter_ibpb(slot, seq, cpu->save, cpu->cr3, value)
				  : xo_visit_enter(slot, seq, cpu->save, cpu->cr3, value);
}

/*
 * Interrupts are off. -EOPNOTSUPP is this CPU's matter, or its task's (one that was added to a
 * running VM has no gate; CR4.TSD): the session's other threads go on.
 */
static int bind_unless_refused(const struct region *g, struct visitor_cpu *cpu, u64 record)
{
	int ret;

	if (cpu->refused == record && time_before(jiffies, cpu->refused_at + ASK_SELDOM))
		return -EOPNOTSUPP;
	ret = bind(g, cpu, record);
	if (ret == -EOPNOTSUPP) {
		cpu->refused = record;
		cpu->refused_at = jiffies;
	}
	return ret;
}

static u64 no_visit(int error)
{
	switch (error) {
	case -EAGAIN:
		return XO_KGATE_AGAIN;
	case -EOPNOTSUPP:
		return NOT_HERE;
	default:
		return XO_KGATE_FAULT;
	}
}

/* Interrupts are off. */
static u64 visit_here(struct xo_session *s, u64 record, u32 slot, u64 seq, u64 *value)
{
	const struct region *g = smp_load_acquire(&region);
	struct visitor_cpu *cpu = this_cpu_ptr(&cpus);
	u64 status;
	int ret = 0;

	/* Closed: the host is about to take it away. */
	if (!g || !is_open(g))
		ret = -ENODEV;
	else if (cpu->record != record || !same_cr4(cpu))
		ret = bind_unless_refused(g, cpu, record);
	if (ret)
		return no_visit(ret);
	status = believed(enter(s, slot, seq, cpu, value));
	/* A stub that went to a CPU unlike the one at BIND is absent until it is looked at again.
	 */
	if (status == XO_KGATE_UNBOUND ||
	    (status == XO_KGATE_ABSENT && ++cpu->absent % REBIND == 0))
		cpu->record = 0;
	return status;
}

/* One of a session's threads: who binds the record to this CPU sends whoever is inside home, and
 * its call to the stub. */
static u64 visit(struct xo_session *s, u64 record, u32 slot, u64 seq, u64 *value)
{
	u64 status = XO_KGATE_ABSENT;
	unsigned long flags;

	local_irq_save(flags);
	if (!xchg(&s->visiting, true)) {
		status = visit_here(s, record, slot, seq, value);
		smp_store_release(&s->visiting, false);
	}
	local_irq_restore(flags);
	return status;
}

static void begin(struct xo_session *s, struct xo_call *c, u32 slot, struct completion *done)
{
	struct xo_slot *sl = &s->link->slot[slot];

	spin_lock_irq(&xo.lock);
	sl->seq = xo_next_seq();
	sl->op = c->op;
	sl->done = done;
	sl->ticket = 0;
	sl->ended = false;
	spin_unlock_irq(&xo.lock);
	xo_ring_note(s->link, slot,
		     0); /* no older call may be found there, should the link be switched */
}

static void take_back(struct xo_session *s, u32 slot)
{
	spin_lock_irq(&xo.lock);
	s->link->slot[slot].seq = 0;
	s->link->slot[slot].done = NULL;
	spin_unlock_irq(&xo.lock);
}

enum xo_visit_end xo_visit_call(struct xo_session *s, struct xo_call *c, u32 slot,
				struct completion *done)
{
	struct xo_link *l = s->link;
	u64 status = XO_KGATE_AGAIN, value = 0, record;
	u32 tries;

	if (!(READ_ONCE(l->flags) & XO_LINK_KERNEL) ||
	    (c->op != XO_OP_SYSCALL && c->op != XO_OP_PING) || s->buffer != XO_NO_SLOT ||
	    has_segments() || !find_record(s))
		return XO_VISIT_NOT;
	/* Another thread may find out at any time that it is none any more. */
	record = smp_load_acquire(&s->record);
	if (!record)
		return XO_VISIT_NOT;
	begin(s, c, slot, done);
	for (tries = 0; tries < TRIES; tries++) {
		status = visit(s, record, slot, l->slot[slot].seq, &value);
		if (status != XO_KGATE_AGAIN && status != XO_KGATE_UNBOUND)
			break;
	}
	if (status == XO_KGATE_EVICTED)
		return XO_VISIT_POSTED;
	take_back(s, slot);
	if (status == XO_KGATE_OK && !value) {
		atomic64_inc(&l->calls);
		atomic64_inc(&l->visits);
		return XO_VISIT_DONE;
	}
	if (status == XO_KGATE_FAULT)
		cmpxchg(&s->record, record, 0); /* asked for again, later */
	if (status == XO_KGATE_ABSENT || status == XO_KGATE_AGAIN || status == XO_KGATE_UNBOUND)
		return XO_VISIT_BUSY;
	return status == XO_KGATE_DOWN ? XO_VISIT_DOWN : XO_VISIT_NOT;
}

void xo_visit_forget(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
	{
		per_cpu(cpus, cpu).record = 0;
		per_cpu(cpus, cpu).refused = 0;
	}
}

/*
 * VMFUNC in the gate at home, though no host (any more) knows it: #UD. As a gate that leads
 * nowhere. (The door was closed too late for this CPU: it stood still in the visit.) Registers:
 * kgate.S.
 */
static int undefined(struct notifier_block *nb, unsigned long event, void *data)
{
	struct die_args *args = data;
	struct pt_regs *regs = args->regs;

	if (event != DIE_TRAP || args->trapnr != X86_TRAP_UD || user_mode(regs) ||
	    regs->ip != XO_KGATE_BASE + XO_L_kgate_in - 3)
		return NOTIFY_DONE;
	regs->ip = XO_KGATE_BASE + XO_KGATE_HOME + XO_L_khome_enter;
	regs->si = XO_KGATE_UNBOUND;
	regs->dx = 0;
	regs->di = XO_KGATE_HOST;
	return NOTIFY_STOP;
}

static struct notifier_block undefined_block = { .notifier_call = undefined };

int xo_visit_init(void)
{
	return register_die_notifier(&undefined_block);
}

void xo_visit_exit(void)
{
	unregister_die_notifier(&undefined_block);
	drop_region();
}
