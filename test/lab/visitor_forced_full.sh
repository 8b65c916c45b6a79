# SPDX-License-Identifier: GPL-2.0
# No instruction away of pread64, and no 7th of open, read and close, may be one at which an exit, or two, harms the
# call.
. /opt/crossover/test/lab/visitor_forced.inc
forced_up
for again in 0 1 7 37; do
	forced pread $again 1 700
	forced open $again 7 500
done
down
