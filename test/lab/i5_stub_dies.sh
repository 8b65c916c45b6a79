# SPDX-License-Identifier: GPL-2.0
# I5: a stub killed in mid-call must never leave its caller waiting: EHOSTDOWN, and others go on.
. /opt/crossover/test/lab/lib.sh
up
web sh -c 'rm -f /tmp/fifo; mkfifo /tmp/fifo'
mgr bash -c 'rm -f /tmp/end; (xo sh web -- cat /tmp/fifo >/tmp/out 2>&1; echo $? >/tmp/end) >/dev/null 2>&1 &'
for _ in $(seq 40); do [ "$(link_stat busy)" -ge 1 ] && break; sleep 0.25; done
[ "$(link_stat busy)" -ge 1 ] || fail "the call did not begin"
web sh -c 'pkill -9 -P "$(cat /run/crossover-serve.pid)"' || fail "there was no stub to kill"
for _ in $(seq 40); do mgr test -e /tmp/end && break; sleep 0.25; done
out=$(mgr cat /tmp/out /tmp/end)
echo "$out"
echo "$out" | grep -q 'Host is down' || fail "the caller was not told that its stub died"
expect_eq "cat ends with its own status for an error" "$(mgr cat /tmp/end)" 1
expect_eq "and it goes on" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
