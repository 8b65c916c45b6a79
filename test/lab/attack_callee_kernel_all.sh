# SPDX-License-Identifier: GPL-2.0
# As attack_callee_kernel, with every byte of the window.
step=1
. /opt/crossover/test/lab/attack_callee_kernel.sh
