# SPDX-License-Identifier: GPL-2.0
# As attack_lifecycle, in full number: 200 kills of each process, pauses and unlinks, 20 unloads, 10 resets
# and 10 kills of VMs.
export n=200 vms=5 seed=$(od -An -N2 -tu2 /dev/urandom)
. /opt/crossover/test/lab/attack_lifecycle.sh
