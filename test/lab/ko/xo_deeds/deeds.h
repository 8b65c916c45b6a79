/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of xo_deeds share. */
#ifndef XO_DEEDS_INSIDE_H
#define XO_DEEDS_INSIDE_H

#include <linux/types.h>
#include <asm/desc_defs.h>
#include <asm/ptrace.h>
#include "xo_deeds.h"

/* CR0.TS is set in visits and nowhere else; FS base is a stub's own natively, and 0 in a visit. */
bool xd_away(void);

/* deeds.c */
int xd_deeds_init(void);
void xd_deeds_exit(void);
u64 xd_do(u32 deed, u32 arg);
void xd_undo(void); /* what was done natively after all */
extern struct desc_ptr xd_kernel_gdt, xd_kernel_idt, xd_own_gdt;
#define XD_CS 0xa0 /* in its own GDT */
#define XD_SS 0xa8

/* main.c */
extern u64 xd_seen[XD_SEENS];
extern u64 xd_record, xd_slot, xd_seq;

/* window.c */
int xd_window_init(void);
void xd_window_exit(void);
void xd_leave_plan(u32 deed, u32 arg);
bool xd_leave_planned(void);
/* The visitor's registers: its plan becomes what leave.S loads. */
void xd_leave_prepare(const struct pt_regs *regs);
bool xd_in_window(u64 rip);

/* leave.S */
extern u64 xd_cr4, xd_regs[16], xd_flags, xd_target, xd_gs, xd_leave_gs;
extern u64 xd_home_rsp, xd_home_rbx, xd_home_rdx, xd_recovered, xd_old_df;
extern u32 xd_df_expected;
void xd_leave(void);
void xd_own_segments(void);
void xd_step(void);
void xd_recover(void);
void xd_double_fault(void);
u64 xd_push_nowhere(u64 rsp); /* 1: natively a double fault, from which it came back */
void xd_ring3(u64 rip, u64 rsp);

#endif
