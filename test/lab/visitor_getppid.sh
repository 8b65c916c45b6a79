# SPDX-License-Identifier: GPL-2.0
# A system call by a visit must never give a wrong result, cause an exit of its own, or take more than 4
# VMFUNCs and 4 loads of CR3 (and the 2 of the caller's own entry and exit).
# XO_N: how many calls.
. /opt/crossover/test/lab/lib.sh
n=${XO_N:-5000}
host_up; guest_up mgr; guest_up web
expect_status "link with --kernel" 0 xo link mgr web --engine vmfunc --kernel
expect_says "the command says what it is" 'experimental.*mgr'
expect_says "and who trusts whom" 'mgr has to trust'
policy "$open_policy"
ppid=$(web cat /run/crossover-serve.pid)
rows=$(mgr $T/xo_visitor calls web 110 "$n" "$ppid") || { echo "$rows"; fail "$n calls"; }
echo "$rows"
# row KIND KEY: a number of that row, 0 if it has none
row() { echo "$rows" | awk -v kind="$1" -v key="$2=" '$1 == kind { for (i = 2; i <= NF; i++)
	if (index($i, key) == 1) n = substr($i, length(key) + 1) } END { print n + 0 }'; }
at_most() { [ "$2" -le "$3" ] || fail "$1: $2, at most $3"; }
expect_eq "exits of a call" "$(row best exits)" 0
expect_eq "VMFUNCs of a call" "$(row best vmfuncs)" 4
at_most "loads of CR3" "$(row best cr3_loads)" 6
# Each visit is 4 VMFUNCs; what an exit sent home is retried or evicted.
[ "$(row all vmfuncs)" -ge $((n * 4 * 9 / 10)) ] || fail "fewer than 9 of 10 calls were visits"
# The callee counts its visitors itself.
visits=$(visits web)
[ "$visits" -ge $((n * 9 / 10)) ] || fail "the callee counted $visits visits of $n"
others=$(echo "$rows" | awk '$1 == "all" { for (i = 2; i <= NF; i++) if ($i ~ /^exit_/ && $i !~ /^exit_(1|7|18|32|52)=/) print $i }')
expect_eq "exits that no tick, timer or call over exit explains" "$others" ""
at_most "VMCALLs, of calls that found no stub parked and of binding" "$(row all exit_18)" $((n / 20))
down
