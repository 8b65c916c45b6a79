/* SPDX-License-Identifier: GPL-2.0 */
/* Does a processor reread its EPTP list at each VMFUNC? selftest.c asks each of them. */
#ifndef XO_HOST_SELFTEST_H
#define XO_HOST_SELFTEST_H

#include "host.h"

/* The processor that this runs on has passed. Any context, preemption off. */
bool xo_cpu_passed(void);
/* Tests every online processor that was not, where KVM has switched VMX on (a VM exists).
 * XO_REASON_NONE, or XO_REASON_CPU_UNTESTED: the log has the reason. May sleep. */
enum xo_reason xo_cpus_tested(void);

int xo_selftest_init(void); /* step of loading; never fails for want of a processor feature */
void xo_selftest_exit(void);
#endif
