# SPDX-License-Identifier: GPL-2.0
# The same as vmfunc_exit_everywhere: no pair of exits at any two instructions may harm a call (with
# vector registers: one pair in six is tried).
export XO_STRIDE=1
. /opt/crossover/test/lab/vmfunc_exit_everywhere.sh
