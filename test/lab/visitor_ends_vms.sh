# SPDX-License-Identifier: GPL-2.0
# As visitor_ends, with VMs: 10 resets and 10 kills of each.
stubs=4 callers=0 unlinks=0 switches=0 unloads=0 vms=10 compare=1
. /opt/crossover/test/lab/visitor_ends.sh
