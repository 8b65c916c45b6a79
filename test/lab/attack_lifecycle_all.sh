# SPDX-License-Identifier: GPL-2.0
# As attack_lifecycle, in full number: 200 kills of callers, of owners, pauses, unlinks and switches.
export n=200 unloads=0 vms=0 seed=$(od -An -N2 -tu2 /dev/urandom)
. /opt/crossover/test/lab/attack_lifecycle.sh
