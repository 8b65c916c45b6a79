# SPDX-License-Identifier: GPL-2.0
# As attack_caller_kernel, with every byte.
step=1
. /opt/crossover/test/lab/attack_caller_kernel.sh
