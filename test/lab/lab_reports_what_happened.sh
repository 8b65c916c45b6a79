# SPDX-License-Identifier: GPL-2.0
# The lab must never call a run good whose script failed, hung, or whose kernels warned: each test
# of this suite rests on that. Runs on the building machine; one shape, from its snapshot.
set -u
xo=build/bin/xo
shape='--vm mgr --vm web --vm plain'
fail() { echo "FAIL: $*"; exit 1; }
# run EXPECTED_STATUS WHAT [OPTIONS] <SCRIPT; output in $out
run() {
	local want=$1 what=$2 rc=0; shift 2
	# shellcheck disable=SC2086
	out=$($xo lab run $shape "$@" - 2>/tmp/xo-lab.err) || rc=$?
	[ $rc = "$want" ] || { tail -n 30 /tmp/xo-lab.err; echo "$out" | tail -n 30; fail "$what: status $rc, expected $want"; }
	echo "right: $what"
}
run 42 'status passes' <<<'echo out; echo err >&2; exit 42'
echo "$out" | grep -q '^out$' || fail "stdout does not arrive"
t=$(mktemp); echo "from outside" >"$t"
run 0 'files are put' --put "$t:/tmp/in-host" --vm-put "web:$t:/tmp/in-web" \
	<<<'cat /tmp/in-host; xo vm exec web -- cat /tmp/in-web; xo vm exec mgr -- test ! -e /tmp/in-web'
[ "$(echo "$out" | grep -c 'from outside')" = 2 ] || fail "put files are not there: $out"
rm -f "$t"
run 124 'time limit' --timeout 25 <<<'sleep 100000'
run 125 'a warning in the host fails the run' <<<'insmod /opt/crossover/ko/xo_warn.ko; exit 0'
grep -q 'xo_warn: asked to' /tmp/xo-lab.err || fail "the warning is not shown"
run 125 'a warning in a VM fails the run' <<<'xo vm exec web -- insmod /opt/crossover/ko/xo_warn.ko; exit 0'
run 125 'a panic of the host fails the run' <<<'insmod /opt/crossover/ko/xo_warn.ko die=1; exit 0'
run 125 'a panic of a VM fails the run' \
	<<<'timeout 20 xo vm exec web -- insmod /opt/crossover/ko/xo_warn.ko die=1; sleep 2; exit 0'
rc=0; $xo lab run --host-kernel 9.9 - <<<true 2>/tmp/xo-lab.err || rc=$?
[ $rc = 2 ] && grep -q 'it can be 6.12' /tmp/xo-lab.err || fail "unknown host kernel: status $rc"
# What is in use stays; what xo lab down ends is no failure.
# shellcheck disable=SC2086
$xo lab run $shape - <<<'echo begun; sleep 100000' >/tmp/xo-lab.out 2>/tmp/xo-lab.err & lab=$!
for _ in $(seq 600); do grep -q begun /tmp/xo-lab.out && break; sleep 0.1; done
mine=$($xo lab ls | awk -v pid="$lab:" '$2 == "running," && $4 == pid { print $1 }')
[ -n "$mine" ] || fail "xo lab ls does not know the run of process $lab"
key=$(sed -n 's/.*resuming snapshot //p' /tmp/xo-lab.err)
# As xo lab clean tries it; clean itself would remove others' snapshots and logs.
[ -n "$key" ] && [ -d "$(echo build/lab/snap/"$key"*)" ] || fail "no snapshot '$key'"
flock -n build/lab/snap/"$key"* true && fail "xo lab clean would remove the snapshot in use"
$xo lab down "$mine" || fail "xo lab down $mine"
rc=0; wait $lab || rc=$?; [ $rc = 143 ] || fail "after xo lab down: status $rc"
$xo lab ls | grep -q "^$mine" && fail "what xo lab down ended is listed as failed"
rc=0; $xo lab run --vm 'Bad/Name' - <<<true 2>/dev/null || rc=$?; [ $rc = 2 ] || [ $rc = 125 ] || fail "bad VM name: status $rc"
rc=0; $xo lab run /no/such/script 2>/dev/null || rc=$?; [ $rc = 2 ] || [ $rc = 125 ] || fail "no script: status $rc"
