// SPDX-License-Identifier: GPL-2.0
/*
 * Callee: masters, which hand out OPEN calls. One for system calls is as good as another; a service
 * has one, known by its name.
 */
#include <linux/pid.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "guest.h"

static struct xo_master *make(void)
{
	struct xo_master *m = kzalloc(sizeof(*m), GFP_KERNEL);

	if (!m)
		return NULL;
	init_waitqueue_head(&m->wait);
	m->owner = get_pid(task_tgid(current));
	return m;
}

static void destroy(struct xo_master *m)
{
	if (m->service)
		xo_service_end(m->service);
	put_pid(m->owner);
	kfree(m);
}

struct xo_master *xo_master_find(const char *name)
{
	struct xo_master *m;

	lockdep_assert_held(&xo.lock);
	list_for_each_entry(m, &xo.masters, all)
		if (!strncmp(m->name, name, XO_NAME_MAX))
			return m;
	return NULL;
}

static int enlist(struct xo_master *m)
{
	int ret = 0;

	spin_lock_irq(&xo.lock);
	if (m->name[0] && xo_master_find(m->name))
		ret = -EEXIST;
	else
		list_add_tail(&m->all, &xo.masters);
	spin_unlock_irq(&xo.lock);
	return ret;
}

struct xo_master *xo_master_make(void)
{
	struct xo_master *m = make();

	if (m)
		enlist(m);
	return m;
}

static bool name_ok(const char *name)
{
	unsigned int i, n = strnlen(name, XO_NAME_MAX);

	if (!n || n == XO_NAME_MAX || name[0] < 'a' || name[0] > 'z')
		return false;
	for (i = 1; i < n; i++)
		if (!((name[i] >= 'a' && name[i] <= 'z') || (name[i] >= '0' && name[i] <= '9') ||
		      name[i] == '-'))
			return false;
	return true;
}

int xo_master_make_service(struct xo_g_service *req, struct xo_master **out)
{
	struct xo_master *m;
	int ret;

	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (!name_ok(req->name) || (req->flags & ~XO_SERVICE_GPR))
		return -EINVAL;
	m = make();
	if (!m)
		return -ENOMEM;
	memcpy(m->name, req->name, sizeof(m->name));
	ret = xo_service_begin(req, &m->service);
	if (!ret)
		ret = enlist(m);
	if (ret)
		destroy(m);
	else
		*out = m;
	return ret;
}

void xo_master_news(void)
{
	struct xo_master *m;

	lockdep_assert_held(&xo.lock);
	list_for_each_entry(m, &xo.masters, all) {
		if (!m->service)
			continue;
		m->news = true;
		wake_up(&m->wait);
	}
}

void xo_master_wake_all(void)
{
	struct xo_master *m;

	wake_up_all(&xo.open_wait);
	spin_lock_irq(&xo.lock);
	list_for_each_entry(m, &xo.masters, all)
		wake_up_all(&m->wait);
	spin_unlock_irq(&xo.lock);
}

/* xo.lock held. Calls in the hands of `m`, those for its service, and, if it was the last for
 * system calls, all of that kind that wait. */
static void refuse_opens(struct xo_link *l, struct xo_master *m)
{
	struct xo_master *wanted = m->name[0] ? m : NULL;
	bool last = wanted || !xo_master_find("");
	struct xo_slot *sl;
	u32 i;

	for (i = 0; i < l->slots; i++) {
		sl = &l->slot[i];
		if (sl->master == m && sl->state == XO_SLOT_SERVED) {
			xo_slot_refuse(l, i, sl->seq, -EHOSTDOWN);
		} else if (last && (l->opens & BIT_ULL(i)) && sl->wanted == wanted) {
			l->opens &= ~BIT_ULL(i);
			xo_slot_refuse(l, i, sl->seq, -ECONNREFUSED);
		}
	}
}

void xo_master_release(struct xo_master *m)
{
	u32 i;

	spin_lock_irq(&xo.lock);
	list_del(&m->all);
	for (i = 0; i < XO_LINKS_PER_VM; i++)
		if (xo.link[i] && xo.link[i]->role == XO_ROLE_CALLEE)
			refuse_opens(xo.link[i], m);
	spin_unlock_irq(&xo.lock);
	destroy(m);
}
