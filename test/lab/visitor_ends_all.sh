# SPDX-License-Identifier: GPL-2.0
# As visitor_ends, more often, and with VMs that are reset and killed.
n=20 unloads=5 vms=2
. /opt/crossover/test/lab/visitor_ends.sh
