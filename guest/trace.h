/* SPDX-License-Identifier: GPL-2.0 */
/* Tracepoints crossover_guest:*, one line per call made, ended, taken and refused. */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM crossover_guest

#if !defined(XO_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define XO_TRACE_H

#include <linux/tracepoint.h>

/* Caller: a call is posted. */
TRACE_EVENT(xo_call,
	TP_PROTO(u64 link, u32 slot, u64 seq, u32 op, u32 nr),
	TP_ARGS(link, slot, seq, op, nr),
	TP_STRUCT__entry(
		__field(u64, link)
		__field(u64, seq)
		__field(u32, slot)
		__field(u32, op)
		__field(u32, nr)
	),
	TP_fast_assign(
		__entry->link = link;
		__entry->seq = seq;
		__entry->slot = slot;
		__entry->op = op;
		__entry->nr = nr;
	),
	TP_printk("link=%llu slot=%u seq=%llu op=%u nr=%u", __entry->link, __entry->slot,
		  __entry->seq, __entry->op, __entry->nr)
);

DECLARE_EVENT_CLASS(xo_ended,
	TP_PROTO(u64 link, u32 slot, u64 seq, s32 status),
	TP_ARGS(link, slot, seq, status),
	TP_STRUCT__entry(
		__field(u64, link)
		__field(u64, seq)
		__field(u32, slot)
		__field(s32, status)
	),
	TP_fast_assign(
		__entry->link = link;
		__entry->seq = seq;
		__entry->slot = slot;
		__entry->status = status;
	),
	TP_printk("link=%llu slot=%u seq=%llu status=%d", __entry->link, __entry->slot,
		  __entry->seq, __entry->status)
);

/* Caller: a call ended. */
DEFINE_EVENT(xo_ended, xo_done,
	TP_PROTO(u64 link, u32 slot, u64 seq, s32 status),
	TP_ARGS(link, slot, seq, status)
);

/* Callee: a call was ended by this kernel, not by the process that serves. */
DEFINE_EVENT(xo_ended, xo_refuse,
	TP_PROTO(u64 link, u32 slot, u64 seq, s32 status),
	TP_ARGS(link, slot, seq, status)
);

/* Callee: a process took a call. */
TRACE_EVENT(xo_serve,
	TP_PROTO(u64 link, u32 slot, u64 seq, u32 op, u64 session),
	TP_ARGS(link, slot, seq, op, session),
	TP_STRUCT__entry(
		__field(u64, link)
		__field(u64, seq)
		__field(u64, session)
		__field(u32, slot)
		__field(u32, op)
	),
	TP_fast_assign(
		__entry->link = link;
		__entry->seq = seq;
		__entry->session = session;
		__entry->slot = slot;
		__entry->op = op;
	),
	TP_printk("link=%llu slot=%u seq=%llu op=%u session=%llu", __entry->link, __entry->slot,
		  __entry->seq, __entry->op, __entry->session)
);

#endif

#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
