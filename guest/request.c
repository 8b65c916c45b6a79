// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to the host that it must sleep for (XO_HC_REQUEST): one page, one at a time. The page
 * and what it points to are the host's until it has answered or is gone; so no signal ends the
 * wait.
 */
#include <linux/delay.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include "guest.h"
#include "hypercall.h"

#define PATIENCE   (10 * HZ) /* with a host that is there and does not answer */
#define UNANSWERED (~0U)     /* in the last field that it writes */

static DEFINE_MUTEX(lock);
static DECLARE_WAIT_QUEUE_HEAD(answered);
static struct xo_request *page; /* under lock */

void xo_request_event(void)
{
	wake_up_all(&answered);
}

static bool is_gone(void)
{
	return !READ_ONCE(xo.board) || READ_ONCE(xo.lost);
}

static bool is_answered(void)
{
	return smp_load_acquire(&page->info.reason) != UNANSWERED;
}

/* -EBUSY: an earlier life of this kernel asked for something that is not through yet, or the host
 * heard too much of this VM lately. */
static int post(bool patient)
{
	unsigned long until = jiffies + PATIENCE;
	long ret;

	do {
		ret = is_gone() ? -ENOTCONN : xo_hc_request(virt_to_phys(page));
		if (ret != -EBUSY || !patient)
			break;
		msleep(2);
	} while (time_before(jiffies, until));
	if (ret == XO_HC_UNKNOWN) {
		spin_lock_irq(&xo.lock);
		xo_gone();
		spin_unlock_irq(&xo.lock);
	}
	if (ret == XO_HC_UNKNOWN || ret == -ENOTCONN)
		return -EHOSTDOWN;
	return ret;
}

static int ask(bool patient)
{
	int ret = post(patient);

	if (ret)
		return ret;
	if (!wait_event_timeout(answered, is_answered() || is_gone(), PATIENCE)) {
		pr_err_ratelimited("the host does not answer request %u: see its kernel log\n",
				   page->op);
		/* It may still write there: never to be used again. */
		page = (struct xo_request *)get_zeroed_page(GFP_KERNEL);
		return -ETIMEDOUT;
	}
	return is_answered() ? 0 : -EHOSTDOWN;
}

/* lock held. */
static int request(struct xo_request *req, bool patient)
{
	int ret;

	if (!page)
		return -ENOMEM;
	req->revision = XO_ABI_REVISION;
	*page = *req;
	page->info.reason = UNANSWERED;
	ret = ask(patient);
	if (ret)
		return ret;
	*req = *page;
	return req->status > 0 || req->status < -MAX_ERRNO ? -EPROTO : req->status;
}

int xo_request(struct xo_request *req)
{
	int ret;

	mutex_lock(&lock);
	ret = request(req, true);
	mutex_unlock(&lock);
	return ret;
}

int xo_request_try(struct xo_request *req)
{
	int ret;

	if (!mutex_trylock(&lock))
		return -EBUSY;
	ret = request(req, false);
	mutex_unlock(&lock);
	return ret;
}

int xo_request_init(void)
{
	page = (struct xo_request *)get_zeroed_page(GFP_KERNEL);
	return page ? 0 : -ENOMEM;
}

void xo_request_exit(void)
{
	free_page((unsigned long)page);
}
