# SPDX-License-Identifier: GPL-2.0
# No instruction away of pread64, or of open, read and close, may be one at which an exit harms the call: a part of
# what visitor_forced_full does.
. /opt/crossover/test/lab/visitor_forced.inc
forced_up
forced pread 0 13 50
forced pread 7 31 20
forced open 0 61 50
down
