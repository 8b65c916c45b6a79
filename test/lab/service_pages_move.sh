# SPDX-License-Identifier: GPL-2.0
# I4: the host moves, write-protects or takes away the memory that a service stands on, in mid-call:
# a processor must never reach a page that has gone, no call may be lost for a passing reason, and a
# service whose memory is gone for good must leave `vmfunc` with a defined error at most once.
. /opt/crossover/test/lab/lib.sh
svc=$T/xo_svc
told() { xo stat --json | jq "[.services[] | select(.vm == \"$1\") | .$2] | add"; }
# steady OWNER NAME MS: calls that are counted, in the background
steady() {
	mgr sh -c "rm -f /tmp/steady; setsid $svc steady $1 $2 $3 >/tmp/steady 2>&1 </dev/null &"
	local i
	for i in $(seq 30); do mgr grep -q counts /tmp/steady && return; sleep 0.1; done
	mgr cat /tmp/steady; fail_at "calls do not begin"
}
# ended WHAT REGEX
ended() {
	local i out
	for i in $(seq 150); do mgr grep -qE '^(ok|line)' /tmp/steady && break; sleep 0.1; done
	out=$(mgr cat /tmp/steady)
	echo "$1: $(grep steady <<<"$out")"
	grep -q '^ok' <<<"$out" || { echo "$out"; fail_at "$1: calls failed"; }
	grep -qE "$2" <<<"$out" || fail_at "$1: not /$2/"
}
# Every mapping of the process is write-protected anew: the notifier's gentlest reason.
protect() { echo 4 >/proc/"$1"/clear_refs || fail "clear_refs"; }
move() { echo 1 >/proc/sys/vm/compact_memory; }

host_up; guest_up mgr; guest_up web
dmesg -c >/dev/null
engine vmfunc
xo link mgr host --engine vmfunc || fail "xo link mgr host"

# a VM's service: its memory is QEMU's
web sh -c "rm -f /tmp/svc; setsid $svc serve moved mgr >/tmp/svc 2>&1 </dev/null & echo \$! >/tmp/svc.pid"
for _ in $(seq 20); do web grep -q ready /tmp/svc && break; sleep 0.1; done
web grep -q 'ready reason=0' /tmp/svc || { web cat /tmp/svc; fail "not on vmfunc"; }
qemu=$(cat /run/crossover/vm/web/pid)
steady web moved 4000
for _ in $(seq 12); do protect "$qemu"; sleep 0.1; done
for _ in $(seq 3); do move; sleep 0.1; done
ended "a VM's memory is protected and moved" 'lost 0 engine vmfunc'
echo "revocations $(told web revocations) revivals $(told web revivals)"
[ "$(told web revocations)" -ge 5 ] || fail "only $(told web revocations) revocations: the test tested nothing"
[ "$(told web revivals)" -ge 5 ] || fail "only $(told web revivals) revivals"
web sh -c 'kill $(cat /tmp/svc.pid)'

# a host process's service
own() {
	setsid $svc serve "$1" mgr >/tmp/svc 2>&1 </dev/null & pid=$!
	for _ in $(seq 20); do grep -q ready /tmp/svc && return; sleep 0.1; done
	cat /tmp/svc; fail_at "service $1 is not ready"
}
gone() {
	kill $pid
	for _ in $(seq 30); do grep -q '^ended' /tmp/svc && return; sleep 0.1; done
	cat /tmp/svc; fail_at "its owner does not end"
}
own moved
steady host moved 4000
for _ in $(seq 12); do protect $pid; sleep 0.1; done
for _ in 1 2 3; do kill -USR1 $pid; sleep 0.5; done
kill -USR2 $pid
ended "a process forks and discards" 'lost 0 engine vmfunc'
echo "revocations $(told host revocations) revivals $(told host revivals)"
[ "$(told host revivals)" -ge 5 ] || fail "only $(told host revivals) revivals"
gone
for how in HUP WINCH; do
	own gone
	steady host gone 2000
	kill -$how $pid
	ended "its pages are gone for good ($how)" 'lost [01] engine exit'
	gone
done
xo unlink mgr host
dmesg | grep -E 'BUG|WARNING|Oops|Call Trace' && fail "the host's kernel complains"
true
