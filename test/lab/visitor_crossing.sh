# SPDX-License-Identifier: GPL-2.0
# The crossing of a visit, there and back with all that protects either side, must never take more than 160
# instructions, 4 VMFUNCs or 4 loads of CR3; and what runs between must be the callee's kernel, away.
. /opt/crossover/test/lab/lib.sh
down
# with marks that part a visit; nothing else is different
GUEST_KO=$T/crossover_guest_counted.ko
ENGINE=visit
n=${XO_N:-40}
up
rows=$(mgr xo sh web -- $T/bench_syscalls parts vmfunc "$n") || { echo "$rows"; fail "the calls"; }
echo "$rows"
row() { echo "$rows" | awk -F '\t' -v kind="kind=$1" -v key="$2=" '$3 == kind { for (i = 4; i <= NF; i++)
	if (index($i, key) == 1) print substr($i, length(key) + 1) }'; }
at_most() { [ "$2" -le "$3" ] || fail "$1: $2, at most $3"; }
expect_eq "kinds of calls" "$(echo "$rows" | grep -c '^@parts')" 6
visits=0
for kind in getppid pread fstat open read close; do
	at_most "instructions of crossing, $kind" "$(row $kind crossing)" 160
	expect_eq "VMFUNCs of crossing, $kind" "$(row $kind crossing_vmfuncs)" 4
	at_most "loads of CR3, $kind" "$(row $kind crossing_cr3_loads)" 4
	# of the VPID in the callee's context; who leaves it out is not held up by the TLBs of Bochs
	expect_eq "loads of CR4: the flush, and the caller's own value, $kind" "$(row $kind cr4_loads)" 3
	expect_eq "the callee's function was away, all of it, $kind" "$(row $kind callee_away)" "$(row $kind callee)"
	expect_ne "and it ran, $kind" "$(row $kind callee)" 0
	# only calls without any exit are looked at
	[ "$(row $kind visits)" -ge $((n / 2)) ] || fail "only $(row $kind visits) of $n $kind had no exit"
	# the rest is the caller's own kernel: with page table isolation its entry and exit load CR3
	at_most "loads of CR3 of the caller's own system call, $kind" \
		$(($(row $kind cr3_loads) - $(row $kind crossing_cr3_loads) - $(row $kind callee_cr3_loads))) 2
	visits=$((visits + $(row $kind visits)))
done
counted=$(visits web)
[ "$counted" -ge "$visits" ] || fail "web's kernel counted $counted visits, its caller $visits"
down
