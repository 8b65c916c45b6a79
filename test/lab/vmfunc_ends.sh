# SPDX-License-Identifier: GPL-2.0
# A service that ends badly, or whose owner ends, must never end more than the calls in it: those with
# the defined error, the kind and the RIP; its owner is told; the next owner is as good as new.
. /opt/crossover/test/lab/vmfunc.inc
vmfunc_up
caller faults
# the owner is told of the last fault before it looks; so one at a time, at the address that the caller was told
for kind in 1 2 3 4 5; do
	web sh -c ': >/tmp/owner.log'
	caller fault $kind
	rip=$(sed -n 's/.*at \(0x[0-9a-f]*\)$/\1/p' /tmp/caller)
	for _ in $(seq 100); do
		owner_log | grep -qE "^fault plain $kind $rip (mgr)?$" && continue 2; sleep 0.1
	done
	owner_log; fail "the owner was not told of kind $kind at $rip"
done

for how in KILL TERM; do
	caller_start owner-dies
	owner_kill $how
	caller_end
	owner_stop; owner_start
	caller null 10
done
# the same in the midst of short calls
caller_start forever
owner_kill KILL
caller_end
owner_stop; owner_start
caller null 10

# the caller dies in mid-call, twice as often as it has slots
for i in 1 2 3 4; do
	caller_start forever "$i"
	mgr sh -c 'kill -9 $(pidof xo_caller)'
done
caller threads 4 100
vmfunc_down
expect_eq "nobody is left in a call" "$(link_stat busy)" 0
