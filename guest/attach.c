// SPDX-License-Identifier: GPL-2.0
/* Caller: which engine a connection uses. */
#include "guest.h"

long xo_conn_attach(struct xo_session *s, struct xo_g_attach *req)
{
	if (req->revision != XO_ABI_REVISION)
		return -EPROTO;
	if (!s->conn)
		return -ENOTCONN;
	if (!xo_conn_is_mine(s))
		return -EPERM;
	if (!xo_session_alive(s))
		return -EHOSTDOWN;
	req->engine = XO_ENGINE_EXIT;
	req->reason = 0;
	return 0;
}
