# SPDX-License-Identifier: GPL-2.0
# I5: a stub killed in mid-call must never leave its caller waiting: EHOSTDOWN, and others go on.
. /opt/crossover/test/lab/lib.sh
up
web sh -c 'rm -f /tmp/fifo; mkfifo /tmp/fifo'
out=$(mgr bash -c 'xo sh web -- cat /tmp/fifo 2>&1 & p=$!; sleep 1.5; echo ready >/tmp/ready; wait $p; echo status $?' &
	sleep 3; web sh -c 'kill -9 $(pidof -x xo-stub || pgrep -f "xo-stub|xo: stub")'; wait)
echo "$out"
echo "$out" | grep -q 'Host is down' || fail "the caller was not told that its stub died"
echo "$out" | grep -q 'status 1$' || fail "cat did not end with its own status for an error"
expect_eq "and it goes on" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
