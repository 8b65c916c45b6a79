# SPDX-License-Identifier: GPL-2.0
# No instruction away may be one at which an exit, or two, harms the call: an exit is forced before each
# instruction of a null call, of one with arguments and of one with vector registers, and a second one
# at each instruction after it, its restart or resume included.
# XO_STRIDE: of so many second exits of the latter two one is tried; of the null call's, all.
. /opt/crossover/test/lab/vmfunc.inc
stride=${XO_STRIDE:-5}
vmfunc_up
caller forced-null 1 , forced-plain "$stride" , forced-vector $((stride * 6))
for s in null plain vector; do expect_eq "calls of $s that ended badly" "$(service_stat $s faults)" 0; done
vmfunc_down
