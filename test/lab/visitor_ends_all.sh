# SPDX-License-Identifier: GPL-2.0
# As visitor_ends, more often: 200 kills of stubs, 20 of all others but VMs.
stubs=200 callers=20 unlinks=20 switches=20 unloads=20 compare=1
. /opt/crossover/test/lab/visitor_ends.sh
