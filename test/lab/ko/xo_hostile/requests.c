// SPDX-License-Identifier: GPL-2.0
/*
 * Hostile requests (XO_HC_REQUEST): addresses that are none, two at once, services to the quota and
 * of memory that is not the VM's, grants and connections out of thin air.
 */
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/printk.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/slab.h>
#include "gate_blob.h"
#include "hostile.h"

#define UNANSWERED 0x7fffffff
#define VA	   0x10000000ULL
/* Where the host puts its memory slots in a VM, see xo_memory_find_gpa(). */
#define BOARD_GPA  0x4000000000ULL
#define SESSION	   1000 /* of the owner's first grant, in slot 0 */
#define MMIO_GPA   0xfee00000ULL

static struct xo_request *request;
static struct xo_request_page *list; /* 16 pages, also what is offered */

static long post(void)
{
	request->revision = XO_ABI_REVISION;
	request->status = UNANSWERED;
	return hypercall(XO_HC_REQUEST, virt_to_phys(request), 0, 0, 0).rax;
}

/* The answer, or UNANSWERED after 20 seconds. */
static int ask(void)
{
	long error;
	int i;

	for (i = 0; i < 20000; i++) {
		error = post();
		if (error != -EBUSY)
			break;
		usleep_range(100, 1000);
	}
	if (error)
		return error;
	for (i = 0; i < 20000 && READ_ONCE(request->status) == UNANSWERED; i++)
		usleep_range(100, 1000);
	return READ_ONCE(request->status);
}

static int ask_op(u32 op, u64 id)
{
	memset(request, 0, sizeof(*request));
	request->op = op;
	request->id = id;
	return ask();
}

/* `count` pages from VA on, all of the same memory; the first is for code, the others for data. */
static int offer(const char *name, u32 count, u64 gpa, u64 prot)
{
	u32 i;

	memset(request, 0, sizeof(*request));
	for (i = 0; i < min(count, (u32)XO_SERVICE_PAGES); i++) {
		list[i].va = VA + i * PAGE_SIZE;
		list[i].gpa = gpa | (i ? prot : XO_PAGE_EXEC);
	}
	request->op = XO_REQ_SERVICE_ADD;
	request->entry = VA;
	request->list = virt_to_phys(list);
	request->count = count;
	strscpy(request->name, name, sizeof(request->name));
	return ask();
}

static int offer_good(const char *name, u32 count)
{
	return offer(name, count, virt_to_phys(list), XO_PAGE_WRITE);
}

static void bad_addresses(void)
{
	static const u64 bad[] = { 1, 0x1008, 1ULL << 52, ~0ULL, ~0ULL << 12 };
	static const u64 nowhere[] = { 1ULL << 45, MMIO_GPA, BOARD_GPA, 0xfffff000ULL };
	u32 i, refused = 0, taken = 0;
	int tries;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		refused += hypercall(XO_HC_REQUEST, bad[i], 0, 0, 0).rax == -EINVAL;
	pr_info("xo_hostile: bad request addresses %u of %zu refused\n", refused, ARRAY_SIZE(bad));
	for (i = 0; i < ARRAY_SIZE(nowhere); i++) {
		for (tries = 0; tries < 20000; tries++) {
			if (hypercall(XO_HC_REQUEST, nowhere[i], 0, 0, 0).rax != -EBUSY)
				break;
			usleep_range(100, 1000);
		}
		taken += tries < 20000;
	}
	pr_info("xo_hostile: requests from nowhere %u of %zu let the next one in\n", taken,
		ARRAY_SIZE(nowhere));
}

static void two_at_once(void)
{
	int status;

	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_SERVICE_INFO;
	post();
	pr_info("xo_hostile: second request %ld\n",
		hypercall(XO_HC_REQUEST, virt_to_phys(request), 0, 0, 0).rax);
	status = ask_op(0, 0);
	pr_info("xo_hostile: no operation %d\n", status);
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_SERVICE_INFO;
	request->reserved = 1;
	pr_info("xo_hostile: reserved field %d\n", ask());
}

static void bad_services(void)
{
	u64 ram = virt_to_phys(list);

	pr_info("xo_hostile: bad name %d\n", offer_good("Bad/Name", 1));
	pr_info("xo_hostile: no pages %d\n", offer_good("none", 0));
	pr_info("xo_hostile: too many pages %d\n", offer_good("many", XO_SERVICE_PAGES + 1));
	pr_info("xo_hostile: writable and executable %d\n",
		offer("both", 2, ram, XO_PAGE_WRITE | XO_PAGE_EXEC));
	pr_info("xo_hostile: odd protection %d\n", offer("odd", 2, ram, 4));
	pr_info("xo_hostile: the board %d\n", offer("board", 2, BOARD_GPA, 0));
	pr_info("xo_hostile: a device %d\n", offer("device", 2, MMIO_GPA, 0));
	pr_info("xo_hostile: no memory %d\n", offer("nowhere", 2, 1ULL << 45, 0));
}

/* On the link where this VM is the caller, or on no link at all. */
static void forged(u64 link)
{
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_GRANT;
	request->link = link;
	pr_info("xo_hostile: grant as a caller %d\n", ask());
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_ATTACH;
	request->link = link;
	request->slots = 1;
	pr_info("xo_hostile: attach without a grant %d\n", ask());
	pr_info("xo_hostile: others' objects %d %d %d %d %d\n",
		ask_op(XO_REQ_SERVICE_DEL, link + 1), ask_op(XO_REQ_SERVICE_INFO, link + 2),
		ask_op(XO_REQ_DETACH, link + 3), ask_op(XO_REQ_REVIVE, link),
		ask_op(XO_REQ_RESET, ~0ULL));
}

static u64 odd_number(u64 link)
{
	static const u64 odd[] = { 0, 1, 63, 64, 65, 1024, 1025, 1ULL << 31, 1ULL << 32, ~0ULL };

	switch (get_random_u32() % 4) {
	case 0:
		return odd[get_random_u32() % ARRAY_SIZE(odd)];
	case 1:
		return link + get_random_u32() % 8;
	case 2:
		return virt_to_phys(list) + (get_random_u32() % 64) * 8;
	default:
		return get_random_u64();
	}
}

/* All fields random, but for those that would end it at once. Then nothing may be left. */
static void at_random(u64 link, u32 rounds)
{
	u32 i, answered = 0, accepted = 0;
	int status;

	for (i = 0; i < rounds; i++) {
		get_random_bytes(list, 64);
		memset(request, 0, sizeof(*request));
		request->op = get_random_u32() % 12;
		request->flags = get_random_u32() % 4;
		request->id = odd_number(link);
		request->link = odd_number(link);
		request->session = odd_number(link);
		request->cr3 = odd_number(link);
		request->entry = odd_number(link);
		request->list = odd_number(link) & ~15ULL;
		request->count = odd_number(link);
		request->slot = odd_number(link);
		request->slots = odd_number(link);
		request->index = odd_number(link);
		get_random_bytes(request->name, sizeof(request->name));
		status = ask();
		answered += status != UNANSWERED;
		accepted += !status && request->op != XO_REQ_PROCESS_DEL;
	}
	pr_info("xo_hostile: random requests %u answered %u accepted %u\n", rounds, answered,
		accepted);
}

static u32 services_until_refused(u64 *id, int *status)
{
	char name[XO_NAME_MAX];
	u32 n;

	for (n = 0; n < 1000; n++) {
		snprintf(name, sizeof(name), "service-%u", n);
		*status = offer_good(name, 1 + n % 16);
		if (*status)
			break;
		*id = request->id;
	}
	return n;
}

static u32 grants_until_refused(u64 link, u64 id, int *status)
{
	u32 n;

	for (n = 0; n < 1000; n++) {
		memset(request, 0, sizeof(*request));
		request->op = XO_REQ_GRANT;
		request->link = link;
		request->id = id;
		request->session = SESSION + n;
		request->slot = n;
		*status = ask();
		if (*status)
			break;
	}
	return n;
}

static int allocate(void)
{
	request = (void *)get_zeroed_page(GFP_KERNEL);
	list = (void *)__get_free_pages(GFP_KERNEL | __GFP_ZERO, 4);
	if (request && list)
		return 0;
	free_page((unsigned long)request);
	return -ENOMEM;
}

static void release(void)
{
	free_page((unsigned long)request);
	free_pages((unsigned long)list, 4);
}

int hostile_requests(u64 link)
{
	if (allocate())
		return -ENOMEM;
	bad_addresses();
	two_at_once();
	bad_services();
	forged(link);
	at_random(link, 1000);
	release();
	return 0;
}

/* The memory stays: it is still offered. */
int hostile_owner(u64 link)
{
	int status;
	u64 id = 0;
	u32 n;

	if (allocate())
		return -ENOMEM;
	pr_info("xo_hostile: big service %d", offer_good("big", XO_SERVICE_PAGES));
	id = request->id;
	pr_info("xo_hostile: twice %d\n", offer_good("big", 1));
	pr_info("xo_hostile: removed %d\n", ask_op(XO_REQ_SERVICE_DEL, id));
	n = services_until_refused(&id, &status);
	pr_info("xo_hostile: services %u then %d\n", n, status);
	n = grants_until_refused(link, id, &status);
	pr_info("xo_hostile: grants %u then %d\n", n, status);
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_GRANT;
	request->link = link;
	request->id = id;
	request->session = 5000;
	pr_info("xo_hostile: a slot twice %d\n", ask());
	return 0;
}

/* By the n-th grant. */
static int attach_by(u64 text, u64 link, u32 n, u64 cr3, u32 index, u32 slots)
{
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_ATTACH;
	request->entry = text;
	request->link = link;
	request->session = SESSION + n;
	request->slot = n;
	request->cr3 = cr3;
	request->index = index;
	request->slots = slots;
	return ask();
}

static int attach(u64 link, u32 n, u64 cr3, u32 index, u32 slots)
{
	return attach_by(XO_GATE_BUILD, link, n, cr3, index, slots);
}

static void bad_attaches(u64 link, u64 cr3)
{
	pr_info("xo_hostile: slots %d %d region %d\n", attach(link, 0, cr3, 0, 0),
		attach(link, 0, cr3, 0, XO_GATE_SLOTS + 1), attach(link, 0, cr3, XO_GATE_CONNS, 1));
	pr_info("xo_hostile: bad CR3 %d %d %d %d %d %d\n", attach(link, 0, cr3 + 8, 0, 1),
		attach(link, 0, MMIO_GPA, 0, 1), attach(link, 0, 1ULL << 45, 0, 1),
		attach(link, 0, 1ULL << 63, 0, 1), attach(link, 0, ~0ULL << 12, 0, 1),
		attach(link, 0, 0x6000000000ULL, 0, 1));
	pr_info("xo_hostile: another gate text %d\n",
		attach_by(XO_GATE_BUILD + 1, link, 0, cr3, 0, 1));
	pr_info("xo_hostile: another's session %d\n", attach(link, 900, cr3, 0, 1));
}

/* One connection, and everything that can be asked of it. */
static void one_connection(u64 link, u64 cr3)
{
	int status = attach(link, 0, cr3, 0, XO_GATE_SLOTS);
	int reset, revive, detach;
	u64 id = request->id;

	pr_info("xo_hostile: attached %d save %d\n", status, !!request->save_gpa);
	pr_info("xo_hostile: session twice %d region twice %d\n", attach(link, 0, cr3, 1, 1),
		attach(link, 1, cr3, 0, 1));
	memset(request, 0, sizeof(*request));
	request->op = XO_REQ_RESET;
	request->id = id;
	request->slot = XO_GATE_SLOTS;
	pr_info("xo_hostile: reset no slot %d\n", ask());
	reset = ask_op(XO_REQ_RESET, id);
	revive = ask_op(XO_REQ_REVIVE, id);
	detach = ask_op(XO_REQ_DETACH, id);
	pr_info("xo_hostile: reset %d revive %d detach %d again %d\n", reset, revive, detach,
		ask_op(XO_REQ_DETACH, id));
}

static u32 attach_until_refused(u64 link, u64 cr3, u32 slots, int *status)
{
	u32 n;

	for (n = 0; n < 64; n++) {
		*status = attach(link, n, cr3 + (n % 8) * PAGE_SIZE, n, slots);
		if (*status)
			break;
	}
	return n;
}

static void processes_end(u64 cr3)
{
	u32 i;

	for (i = 0; i < 8; i++) {
		memset(request, 0, sizeof(*request));
		request->op = XO_REQ_PROCESS_DEL;
		request->cr3 = cr3 + i * PAGE_SIZE;
		ask();
	}
}

/* "Processes" whose CR3 are pages of our own; the last connections stay. */
int hostile_caller(u64 link)
{
	int status;
	u64 cr3;
	u32 n;

	if (allocate())
		return -ENOMEM;
	cr3 = virt_to_phys(list);
	bad_attaches(link, cr3);
	one_connection(link, cr3);
	n = attach_until_refused(link, cr3, XO_GATE_SLOTS, &status);
	pr_info("xo_hostile: big connections %u then %d\n", n, status);
	processes_end(cr3);
	n = attach_until_refused(link, cr3, 1, &status);
	pr_info("xo_hostile: small connections %u then %d\n", n, status);
	return 0;
}

int hostile_quit(void)
{
	u32 i;

	if (allocate())
		return -ENOMEM;
	memset(request, 0, sizeof(*request));
	for (i = 0; i < XO_SERVICE_PAGES; i++) {
		list[i].va = VA + i * PAGE_SIZE;
		list[i].gpa = virt_to_phys(list) | (i ? XO_PAGE_WRITE : XO_PAGE_EXEC);
	}
	request->op = XO_REQ_SERVICE_ADD;
	request->entry = VA;
	request->list = virt_to_phys(list);
	request->count = XO_SERVICE_PAGES;
	strscpy(request->name, "late", sizeof(request->name));
	post();
	emergency_restart();
	return 0;
}
