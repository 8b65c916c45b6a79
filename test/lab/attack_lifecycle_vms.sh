# SPDX-License-Identifier: GPL-2.0
# As attack_lifecycle, and 20 unloads of either module, 10 resets and 10 kills of VMs.
export n=4 unloads=20 vms=5 seed=$(od -An -N2 -tu2 /dev/urandom)
. /opt/crossover/test/lab/attack_lifecycle.sh
