# SPDX-License-Identifier: GPL-2.0
# The TLB model must find that a visit, or a server CPU that wakes, did not flush (T1), and say what was
# stale; and the very same story with both flushes must pass. On the building machine.
set -u
xo=build/bin/xo
shape='--vm mgr --vm web --vm plain'
fail() { echo "FAIL: $*"; tail -n 30 /tmp/xo-tlb-visits.err; exit 1; }
# run EXPECTED_STATUS WHAT COMMAND: visits, with COMMAND before them
run() {
	local want=$1 what=$2 rc=0
	# shellcheck disable=SC2086
	out=$($xo lab run $shape --timeout 150 --tlb-model - 2>/tmp/xo-tlb-visits.err <<-S
	. /opt/crossover/test/lab/tlb_visits.inc
	visits_up
	$3
	web insmod \$KO/xo_churn.ko hz=200 || fail xo_churn
	mgr \$T/xo_visitor calls web 110 1500 \$ppid || fail calls
	churned 20 1500
	[ \$(visits web) -gt 700 ] || fail "only \$(visits web) visits"
	echo through
	S
	) || rc=$?
	[ $rc = "$want" ] || { echo "$out" | tail -n 30; fail "$what: status $rc, expected $want"; }
	grep -q '^through$' <<<"$out" || { echo "$out"; fail "$what: it did not come to its end"; }
	told=$(grep -c 'stale translation: ' /tmp/xo-tlb-visits.err)
	echo "right: $what: $told told"
}
# told_as STALE FLUSHED: a report says that a translation of the one was used that the other had flushed: "away"
# is who visits
told_as() {
	local context='EP4TA 0x[0-9a-f]*'
	grep -E "stale translation: .* reads linear .*\(VPID [0-9]*, global, $context$1\) of .*; believed gone since: INVLPG .*, $context$2, CPU" \
		/tmp/xo-tlb-visits.err | head -n 1 | grep . || fail "no report that says so"
}
run 0 'both flush' true
[ "$told" = 0 ] || fail "reported"
run 125 'visits do not' 'insmod $KO/xo_stale.ko plant=visit || fail xo_stale'
told_as ' away' ''
run 125 'the server CPU does not' 'insmod $KO/xo_stale.ko plant=server || fail xo_stale'
told_as '' ' away'
