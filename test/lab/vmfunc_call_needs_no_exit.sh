# SPDX-License-Identifier: GPL-2.0
# A null call over `vmfunc` must never cause an exit, nor take more than 4 VMFUNCs and 120 instructions
# (180 with vector state), from the library's entry to its return. In 10000 calls in a row the caller's
# vCPU exits for the host's ticks (reason 1) and its own timers (52, 32, and 7 to be told) only.
. /opt/crossover/test/lab/lib.sh
host_up; guest_up mgr; guest_up web
engine vmfunc
web sh -c "$T/bench_services offer >/tmp/bench 2>&1 & i=0
	until grep -q ready /tmp/bench || [ \$i = 100 ]; do sleep 0.1; i=\$((i+1)); done
	grep -q ready /tmp/bench || { cat /tmp/bench; exit 1; }" || fail "bench_services offer in web"
rows=$(mgr $T/bench_services call web vmfunc 10000 100) || { echo "$rows"; fail "calls over vmfunc"; }
web pkill -TERM bench_services
echo "$rows"

# row KIND KEY: a number of that row, 0 if it has none
row() { echo "$rows" | awk -F'\t' -v kind="kind=$1" -v key="$2=" '$3 == kind { for (i = 4; i <= NF; i++)
	if (index($i, key) == 1) n = substr($i, length(key) + 1) } END { print n + 0 }'; }
# at_most WHAT FOUND LIMIT
at_most() { [ "$2" -le "$3" ] || fail "$1: $2, at most $3"; }

for kind in null "null, vector state"; do
	[ "$(row "$kind" n)" = 10000 ] || fail "$kind: no row of it"
	expect_eq "$kind: exits" "$(row "$kind" exits)" 0
	at_most "$kind: VMFUNCs" "$(row "$kind" vmfuncs)" 4
	others=$(echo "$rows" | awk -F'\t' -v kind="kind=$kind" '$3 == kind { for (i = 4; i <= NF; i++)
		if ($i ~ /^n_vcpu_exit_/ && $i !~ /^n_vcpu_exit_(1|7|32|52)=/) print $i }')
	expect_eq "$kind: exits in 10000 calls that no tick or timer explains" "$others" ""
done
at_most "null: instructions" "$(row null instructions)" 120
at_most "null, vector state: instructions" "$(row "null, vector state" instructions)" 180
expect_eq "the calls ran away" "$([ "$(row null away)" -gt 20 ] && echo yes)" yes
down
