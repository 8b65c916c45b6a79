/* SPDX-License-Identifier: GPL-2.0 */
/* What the files of xo_attack.ko share. */
#ifndef XO_ATTACK_INSIDE_H
#define XO_ATTACK_INSIDE_H

#include <asm/desc_defs.h>
#include "xo_attack.h"

/* enter.S */
void xa_go(struct xa_run *run, u64 cr3);
extern struct xa_run xa_out;
extern u64 xa_vector;
extern struct desc_ptr xa_idtr;

/* state.c */
void xa_read_state(struct xa_kernel *state);

/* kgate.c */
long xa_visit_arm(struct xa_visit *arg);
long xa_visit_result(struct xa_visit *arg);
long xa_visit_now(struct xa_visit *arg);
long xa_vmcall(struct xa_vmcall *arg);
void xa_visit_exit(void);

#endif
