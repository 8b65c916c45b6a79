# SPDX-License-Identifier: GPL-2.0
# A caller must never use a slot in which the callee still works on a call that it took from the ring: the host knows
# nothing of that call, so only the word `busy` tells a caller whose VM was reset. Looked at, and written, where the two
# kernels have it: as physical memory of either VM.
. /opt/crossover/test/lab/ring.inc
raw_up

slots=64 slot_size=$((0x11000))
# the physical address of the ring's page in VM: behind the slots of the mapping of just that size (and a guard page)
ring_at() {
	local at
	at=$(vm "$1" awk -v size=$((slots * slot_size + 4096 + 4096)) '/ioremap/ && $2 == size' /proc/vmallocinfo |
		sed -n 's/.*phys=\([0-9a-fx]*\).*/\1/p')
	[ "$(echo "$at" | wc -w)" = 1 ] || fail_at "the window in $1: '$at'"
	echo $((at + slots * slot_size))
}
in_mgr=$(ring_at mgr) in_web=$(ring_at web)
# slots that web sees as busy, and that have a call
busy() { web $raw ring "$in_web" | awk 'NF == 3 && $3 { print $1 }' | xargs; }
noted() { web $raw ring "$in_web" | awk 'NF == 3 && $2 { print $1 }' | xargs; }

mgr $raw busy "$in_mgr" 0xffffffffffffffff
expect_eq "what web sees as busy" "$(busy)" "$(seq -s ' ' 0 63)"
expect_status "all slots busy" 1 mgr $raw ping web 1
expect_says "all slots busy" 'Device or resource busy'
mgr $raw busy "$in_mgr" 0x7fffffffffffffff
mgr $raw ping web 50 || fail "one slot is not busy"
expect_eq "slots with a call: the one that is not busy" "$(noted)" 63
mgr $raw busy "$in_mgr" 0
mgr $raw ping web 50 || fail "no slot is busy"

# and the callee says it: while it works on a call of the ring, not longer
for try in 1 2 3; do
	load after web 200 2 3000
	sleep 1.5
	now=$(busy)
	load_ends "a call that sleeps, try $try" 'ret=0 errno=0 result=0'
	[ -z "$now" ] || break
done
expect_eq "slots busy while a call sleeps" "$(echo "$now" | wc -w)" 1
expect_eq "and afterwards" "$(busy)" ""
