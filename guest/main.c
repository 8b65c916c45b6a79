// SPDX-License-Identifier: GPL-2.0
/* crossover_guest.ko: steps of init and exit, HELLO and BYE to the host module. */
#include <linux/io.h>
#include <linux/module.h>
#include <linux/reboot.h>
#include <linux/sched.h>
#include <asm/cpufeature.h>
#include "guest.h"
#include "hypercall.h"
#include "visit.h"
#define CREATE_TRACE_POINTS
#include "trace.h"

struct xo_guest xo;

static unsigned int fail_step;
module_param(fail_step, uint, 0444);
MODULE_PARM_DESC(fail_step, "for tests: fail the init step of this number, counted from 1");

static bool is_board(const struct xo_board *b)
{
	return READ_ONCE(b->magic) == XO_BOARD_MAGIC && READ_ONCE(b->size) == XO_BOARD_SIZE;
}

static int hello_failed(long ret, u64 revision)
{
	bool again = xo.unknown;

	xo.unknown = ret == XO_HC_UNKNOWN;
	switch (ret) {
	case XO_HC_UNKNOWN:
		if (!again)
			pr_notice("the host has no crossover module, or this VM is not enrolled: "
				  "on the host run: xo enrol NAME\n");
		return -ENODEV;
	case -EPROTO:
		xo.host_revision = revision;
		pr_err_ratelimited("the host's crossover module speaks revision %llu, this guest "
				   "module revision %u: install both from one build\n",
				   revision, XO_ABI_REVISION);
		return -EPROTO;
	default:
		pr_err_ratelimited(
			"the host's crossover module refuses this VM (error %ld): see the "
			"host's kernel log\n",
			ret);
		return ret < 0 && ret > -MAX_ERRNO ? (int)ret : -EPROTO;
	}
}

/* xo.host held. */
static int say_hello(void)
{
	struct xo_board *b;
	u64 gpa, revision, destination = xo_irq_destination();
	long ret;

	xo.host_revision = 0;
	ret = xo_hc_hello(destination, &gpa, &revision);
	if (ret)
		return hello_failed(ret, revision);
	b = memremap(gpa, XO_BOARD_SIZE, MEMREMAP_WB);
	if (!b || !is_board(b)) {
		pr_err("the host's board at guest-physical %#llx is not usable\n", gpa);
		if (b)
			memunmap(b);
		xo_hc_bye();
		return b ? -EPROTO : -ENOMEM;
	}
	xo.host_revision = revision;
	xo.unknown = false;
	WRITE_ONCE(xo.hellos, xo.hellos + 1);
	spin_lock_irq(&xo.lock);
	xo.board = b;
	xo.told = destination;
	xo.lost = false;
	spin_unlock_irq(&xo.lock);
	/* The interrupt may have moved between its place being read and the host hearing of it. */
	xo_irq_tell();
	xo_board_refresh();
	pr_info("this VM is '%.*s', kernel world %llu\n", XO_NAME_MAX, b->name, b->wid);
	return 0;
}

int xo_hello(void)
{
	int ret = 0;

	mutex_lock(&xo.host);
	if (xo.stopping)
		ret = -ESHUTDOWN;
	else if (READ_ONCE(xo.lost))
		xo_goodbye(false);
	if (!ret && !xo.board)
		ret = say_hello();
	mutex_unlock(&xo.host);
	if (!ret)
		xo_board_interrupt();
	return ret;
}

void xo_goodbye(bool tell_host)
{
	struct xo_link *l;
	struct xo_board *b;
	unsigned int i;

	lockdep_assert_held(&xo.host);
	spin_lock_irq(&xo.lock);
	b = xo.board;
	xo.board = NULL;
	xo.lost = false;
	memset(xo.posted, 0, sizeof(xo.posted));
	memset(xo.cancelled, 0, sizeof(xo.cancelled));
	spin_unlock_irq(&xo.lock);
	if (!b)
		return;
	xo_request_event(); /* those who wait for an answer do so no more */
	if (tell_host)
		xo_hc_bye();
	else
		pr_notice("the host let this VM go: all calls end with EHOSTDOWN\n");
	for (i = 0; i < XO_LINKS_PER_VM; i++) {
		l = xo.link[i];
		if (l)
			xo_link_remove(l);
	}
	xo_master_wake_all();
	xo_visit_forget();
	memunmap(b);
}

int xo_world_add(enum xo_world_kind kind, u64 *wid)
{
	long ret = xo_hc_world_add(kind, task_tgid_nr(current), wid);

	if (!ret)
		return 0;
	*wid = 0;
	/* -ENOTCONN: the host has this VM's HELLO no more. */
	return ret == XO_HC_UNKNOWN || ret == -ENOTCONN ? -EHOSTDOWN : (int)ret;
}

static int platform_init(void)
{
	spin_lock_init(&xo.lock);
	mutex_init(&xo.host);
	init_rwsem(&xo.map_lock);
	INIT_LIST_HEAD(&xo.masters);
	init_waitqueue_head(&xo.open_wait);
	if (boot_cpu_has(X86_FEATURE_HYPERVISOR) && boot_cpu_data.x86_vendor == X86_VENDOR_INTEL)
		return 0;
	pr_err("this is not a virtual machine on an Intel processor: load the module in a KVM "
	       "guest\n");
	return -ENODEV;
}

/* What stubs that were visited left. */
static void platform_exit(void)
{
	xo_park_exit();
}

/* A VM that is not enrolled yet may load the module: HELLO is said again when it is first needed.
 */
static int host_init(void)
{
	int ret = xo_hello();

	return ret == -ENODEV ? 0 : ret;
}

static void host_exit(void)
{
	mutex_lock(&xo.host);
	xo.stopping = true;
	xo_goodbye(true);
	mutex_unlock(&xo.host);
}

static int rebooting(struct notifier_block *nb, unsigned long action, void *data)
{
	host_exit();
	return NOTIFY_DONE;
}

static struct notifier_block reboot_block = { .notifier_call = rebooting };

static int reboot_init(void)
{
	return register_reboot_notifier(&reboot_block);
}

static void reboot_exit(void)
{
	unregister_reboot_notifier(&reboot_block);
}

/* In this order at init, backwards at exit: what user space can reach comes last. */
static const struct {
	const char *what;
	int (*init)(void);
	void (*exit)(void);
} steps[] = {
	{ "look at the processor", platform_init, platform_exit },
	{ "set up work items", xo_board_init, xo_board_exit },
	{ "make room for requests", xo_request_init, xo_request_exit },
	{ "make gates known", xo_conn_init, xo_conn_exit },
	{ "prepare visits", xo_visit_init, xo_visit_exit },
	{ "allocate the event interrupt", xo_irq_init, xo_irq_exit },
	{ "contact the host", host_init, host_exit },
	{ "watch for reboots", reboot_init, reboot_exit },
	{ "prepare the router", xo_router_init, xo_router_exit },
	{ "create /dev/crossover", xo_dev_init, xo_dev_exit },
};

static void undo(unsigned int done)
{
	while (done--)
		if (steps[done].exit)
			steps[done].exit();
}

static int __init xo_init(void)
{
	unsigned int i;
	int ret;

	for (i = 0; i < ARRAY_SIZE(steps); i++) {
		ret = fail_step == i + 1 ? -ECANCELED : steps[i].init();
		if (ret) {
			pr_err("could not %s (error %d): not loaded\n", steps[i].what, ret);
			undo(i);
			return ret;
		}
	}
	return 0;
}

static void __exit xo_exit(void)
{
	undo(ARRAY_SIZE(steps));
}

module_init(xo_init);
module_exit(xo_exit);
MODULE_DESCRIPTION("CrossOver: cross-world calls, the guest's side");
MODULE_LICENSE("GPL");
