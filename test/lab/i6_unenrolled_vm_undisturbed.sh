# SPDX-License-Identifier: GPL-2.0
# I6: a VM that is not enrolled must never notice the module: over a fixed workload it takes the
# same exits, by reason, whether the module is loaded (and works for others) or not.
. /opt/crossover/test/lab/lib.sh
. /opt/crossover/test/lab/i6.inc
down; exits >/dev/null
without=$(exits)
up; mgr xo sh web -- ls / >/dev/null
with=$(exits)
same_exits "$without" "$with"
expect_eq "no VMCALL of ours" "$(of_reason "$with" 18)" "$(of_reason "$without" 18)"
