/* SPDX-License-Identifier: GPL-2.0 */
/* Parts of `xo stat` on the host; each fills a table and `out`, an array, which may be NULL. */
#ifndef XO_STAT_H
#define XO_STAT_H

#include "json.h"

/* stat_visits.c: links whose system calls go by visits; stubs that can be visited. */
int xo_stat_visits(struct xo *x, json_object *out);
int xo_stat_records(struct xo *x, json_object *out);

#endif
