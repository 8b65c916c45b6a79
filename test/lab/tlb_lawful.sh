# SPDX-License-Identifier: GPL-2.0
# The TLB model must not report what is lawful: a translation used between the change of a page table and its
# flush, what a flush does not reach by the manual, what the one who uses it did flush.
. /opt/crossover/test/lab/tlb.inc
model >/dev/null
"$T/xo_tlb" lawful || fail "reported, though it is lawful"
