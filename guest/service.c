// SPDX-License-Identifier: GPL-2.0
/*
 * Owner: what the host knows of a service, and which of its callers may attach to it. The order of
 * things: the host has let go of the pages before they are unpinned, and of a session's connection
 * before the session's slots can be another's.
 */
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include "guest.h"

struct xo_service {
	struct mutex lock;
	struct xo_pages *pages;
	u64 id; /* at the host; 0: not there */
	u32 reason;
	u32 hello; /* in which of this kernel's lives at the host it was offered */
	u32 flags;
	u64 entry;
	s32 pid;
	char name[XO_NAME_MAX];
};

u64 xo_service_id(const struct xo_service *v)
{
	return READ_ONCE(v->id);
}

/* lock held. The host touches no page of it when this returns, or is gone. */
static void withdraw(struct xo_service *v)
{
	struct xo_request req = { .op = XO_REQ_SERVICE_DEL, .id = v->id };
	int ret = v->id ? xo_request(&req) : 0;

	WRITE_ONCE(v->id, 0);
	if (!v->pages)
		return;
	if (ret == -ETIMEDOUT)
		xo_pages_leak(v->pages);
	else
		xo_pages_unpin(v->pages);
}

/* The process has other pages there now, or none. */
static void changed(void *arg)
{
	struct xo_service *v = arg;

	mutex_lock(&v->lock);
	withdraw(v);
	v->reason = XO_REASON_MEMORY_GONE;
	mutex_unlock(&v->lock);
	spin_lock_irq(&xo.lock);
	xo_master_news();
	spin_unlock_irq(&xo.lock);
}

/* lock held. The host need not have it: its reason is remembered. */
static void offer(struct xo_service *v)
{
	struct xo_request req = {
		.op = XO_REQ_SERVICE_ADD,
		.flags = v->flags,
		.entry = v->entry,
		.pid = v->pid,
	};
	int ret;

	v->hello = READ_ONCE(xo.hellos);
	WRITE_ONCE(v->id, 0);
	v->reason = XO_REASON_NONE;
	memcpy(req.name, v->name, sizeof(req.name));
	req.list = xo_pages_list(v->pages, &req.count);
	if (!READ_ONCE(xo.board)) {
		v->reason = XO_REASON_NOT_ENROLLED;
		return;
	}
	ret = xo_request(&req);
	if (!ret)
		WRITE_ONCE(v->id, req.id);
	else if (req.info.reason)
		v->reason = req.info.reason;
	else
		v->reason = ret == -EHOSTDOWN ? XO_REASON_VM_DYING : XO_REASON_SERVICE_BAD;
}

int xo_service_begin(struct xo_g_service *req, struct xo_service **out)
{
	struct xo_service *v = kzalloc(sizeof(*v), GFP_KERNEL);
	int ret;

	if (!v)
		return -ENOMEM;
	mutex_init(&v->lock);
	v->flags = req->flags;
	v->entry = req->entry;
	v->pid = task_tgid_nr(current);
	memcpy(v->name, req->name, sizeof(v->name));
	ret = xo_pages_get(req, changed, v, &v->pages);
	if (ret) {
		kfree(v);
		return ret;
	}
	xo_hello();
	mutex_lock(&v->lock);
	/* Changed already: it is not offered, and nothing of it is held. */
	if (v->reason != XO_REASON_MEMORY_GONE)
		offer(v);
	req->reason = v->reason;
	req->id = v->id;
	mutex_unlock(&v->lock);
	*out = v;
	return 0;
}

void xo_service_refresh(struct xo_service *v)
{
	if (READ_ONCE(v->hello) == READ_ONCE(xo.hellos))
		return;
	mutex_lock(&v->lock);
	if (v->hello != READ_ONCE(xo.hellos) && v->reason != XO_REASON_MEMORY_GONE)
		offer(v);
	mutex_unlock(&v->lock);
}

void xo_service_end(struct xo_service *v)
{
	mutex_lock(&v->lock);
	withdraw(v);
	mutex_unlock(&v->lock);
	xo_pages_put(v->pages);
	kfree(v);
}

void xo_service_info(struct xo_service *v, struct xo_service_info *info)
{
	struct xo_request req = { .op = XO_REQ_SERVICE_INFO };

	memset(info, 0, sizeof(*info));
	mutex_lock(&v->lock);
	req.id = v->id;
	if (req.id && !xo_request(&req))
		*info = req.info;
	info->reason = v->reason;
	mutex_unlock(&v->lock);
}

/* ------------------------------------------------------------------ grants */

void xo_service_grant(struct xo_stub *s)
{
	struct xo_request req = {
		.op = XO_REQ_GRANT,
		.id = s->service,
		.link = s->link->id,
		.session = s->id,
		.slot = s->buffer,
	};
	bool dead;
	int ret;

	if (!s->service)
		return;
	ret = xo_request(&req);
	/* Without, its calls go over `exit`. What timed out may be granted yet, and is taken back
	 * as any is. */
	if (ret && ret != -ETIMEDOUT)
		return;
	spin_lock_irq(&xo.lock);
	dead = s->dead;
	s->granted = !dead;
	spin_unlock_irq(&xo.lock);
	if (!dead)
		return;
	/* Who ended the session meanwhile did not see it. */
	req.op = XO_REQ_GRANT_DEL;
	xo_request(&req);
}

void xo_service_ungrant(struct xo_stub *s)
{
	struct xo_request req = {
		.op = XO_REQ_GRANT_DEL,
		.link = s->link->id,
		.session = s->id,
	};
	bool granted;

	spin_lock_irq(&xo.lock);
	granted = s->granted;
	s->granted = false;
	spin_unlock_irq(&xo.lock);
	if (granted)
		xo_request(&req);
}
