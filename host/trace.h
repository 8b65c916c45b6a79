/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints: every call, its end, every refusal, every teardown. Enable: events/crossover. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM crossover

#if !defined(XO_HOST_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define XO_HOST_TRACE_H

#include <linux/tracepoint.h>
#include "compat.h"

/* clang-format off */

TRACE_EVENT(xo_call,
	TP_PROTO(u64 link, u64 caller, u64 callee, u32 slot, u64 seq),
	TP_ARGS(link, caller, callee, slot, seq),
	TP_STRUCT__entry(
		__field(u64, link)
		__field(u64, caller)
		__field(u64, callee)
		__field(u64, seq)
		__field(u32, slot)
	),
	TP_fast_assign(
		__entry->link = link;
		__entry->caller = caller;
		__entry->callee = callee;
		__entry->seq = seq;
		__entry->slot = slot;
	),
	TP_printk("link %llu: world %llu calls world %llu, slot %u, call %llu", __entry->link,
		  __entry->caller, __entry->callee, __entry->slot, __entry->seq)
);

TRACE_EVENT(xo_done,
	TP_PROTO(u64 link, u32 slot, u64 seq, int status),
	TP_ARGS(link, slot, seq, status),
	TP_STRUCT__entry(
		__field(u64, link)
		__field(u64, seq)
		__field(u32, slot)
		__field(int, status)
	),
	TP_fast_assign(
		__entry->link = link;
		__entry->seq = seq;
		__entry->slot = slot;
		__entry->status = status;
	),
	TP_printk("link %llu: slot %u, call %llu ended with %d", __entry->link, __entry->slot,
		  __entry->seq, __entry->status)
);

TRACE_EVENT(xo_refuse,
	TP_PROTO(u64 wid, u32 op, u64 object, u64 argument, int error),
	TP_ARGS(wid, op, object, argument, error),
	TP_STRUCT__entry(
		__field(u64, wid)
		__field(u64, object)
		__field(u64, argument)
		__field(u32, op)
		__field(int, error)
	),
	TP_fast_assign(
		__entry->wid = wid;
		__entry->object = object;
		__entry->argument = argument;
		__entry->op = op;
		__entry->error = error;
	),
	TP_printk("world %llu: hypercall %u (%#llx, %#llx) refused with %d", __entry->wid,
		  __entry->op, __entry->object, __entry->argument, __entry->error)
);

TRACE_EVENT(xo_teardown,
	TP_PROTO(u64 id, const char *what, const char *why, u32 calls),
	TP_ARGS(id, what, why, calls),
	TP_STRUCT__entry(
		__field(u64, id)
		__field(u32, calls)
		__string(what, what)
		__string(why, why)
	),
	TP_fast_assign(
		__entry->id = id;
		__entry->calls = calls;
		xo_assign_str(what, what);
		xo_assign_str(why, why);
	),
	TP_printk("%s %llu ends: %s, %u calls ended with it", __get_str(what), __entry->id,
		  __get_str(why), __entry->calls)
);

/* clang-format on */
#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
