# SPDX-License-Identifier: GPL-2.0
# Counters that nobody asked for must never be noticed: nothing counts, marks are NOPs that change no
# register, no flag and no time, and code takes the same time while a region runs.
. /opt/crossover/test/lab/lib.sh
expect_status "marks in the host" 0 $T/xo_marks off
expect_status "marks in a VM" 0 mgr $T/xo_marks off
