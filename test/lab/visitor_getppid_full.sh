# SPDX-License-Identifier: GPL-2.0
# A million system calls by visits: none may be wrong, and none that was a visit may have an exit of its own,
# more than 4 VMFUNCs, or more than 4 loads of CR3 (and the 2 of the caller's own entry and exit). Each is looked
# at; ticks of the host and timers of the guest come into some.
# XO_N: how many calls.
. /opt/crossover/test/lab/visitor.inc
n=${XO_N:-1000000}
up
rows=$(mgr xo sh web -- $T/bench_syscalls long vmfunc "$n") || { echo "$rows"; fail "$n calls"; }
echo "$rows" | awk -f $T/syscalls.awk
row() { echo "$rows" | awk -F '\t' -v key="$1=" '{ for (i = 2; i <= NF; i++)
	if (index($i, key) == 1) n = substr($i, length(key) + 1) } END { print n + 0 }'; }
expect_eq "calls" $(($(row quiet) + $(row ticked) + $(row caused))) "$n"
expect_eq "VMFUNCs at most, of those that nothing came into" "$(row quiet_vmfuncs_most)" 4
[ "$(row quiet_cr3_loads_most)" -le 6 ] || fail "$(row quiet_cr3_loads_most) loads of CR3"
[ "$(row quiet)" -ge $((n * 9 / 10)) ] || fail "only $(row quiet) of $n calls had no exit at all"
# What is left went by exit, since the stub was not parked: by a hypercall each, and the caller sleeps meanwhile.
[ "$(row caused_exit_18)" -ge "$(row caused)" ] || fail "exits that neither a tick, a timer nor a call by exit explains"
[ "$(row caused)" -le $((n / 50)) ] || fail "$(row caused) calls went by exit"
visits=$(visits web)
[ "$visits" -ge $((n * 9 / 10)) ] || fail "web's kernel counted $visits visits of $n"
echo "web's kernel counted $visits visits"
down
