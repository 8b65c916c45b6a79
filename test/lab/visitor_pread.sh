# SPDX-License-Identifier: GPL-2.0
# A call with pointers and descriptors by a visit must never give other results or bytes than the file has, cause
# an exit of its own, take more than 4 VMFUNCs, or be counted by anybody but the callee's kernel.
# XO_N: how many of each.
. /opt/crossover/test/lab/lib.sh
n=${XO_N:-1000}
ENGINE=visit
up
for v in mgr web; do vm $v sh -c 'seq 1 3000 >/tmp/numbers'; done
row() { echo "$rows" | awk -v kind="$1" -v key="$2=" '$1 == kind { for (i = 2; i <= NF; i++)
	if (index($i, key) == 1) n = substr($i, length(key) + 1) } END { print n + 0 }'; }
at_most() { [ "$2" -le "$3" ] || fail "$1: $2, at most $3"; }
for op in pread:1 fstat:1 open:3; do
	calls=${op#*:} op=${op%:*}
	before=$(visits web)
	rows=$(mgr $T/xo_visitor_files calls web "$op" "$n" /tmp/numbers) || { echo "$rows"; fail "$op"; }
	echo "$op"; echo "$rows"
	expect_eq "exits of $op" "$(row best exits)" 0
	expect_eq "VMFUNCs of $op" "$(row best vmfuncs)" $((4 * calls))
	at_most "loads of CR3 of $op" "$(row best cr3_loads)" $((6 * calls))
	[ $(($(visits web) - before)) -ge $((n * calls * 8 / 10)) ] || fail "$op: the callee counted too few visits"
done
down
