# SPDX-License-Identifier: GPL-2.0
# A call that blocks must never give a wrong result over a visit, keep others of its session waiting, or be deaf to
# a signal of its caller's.
. /opt/crossover/test/lab/lib.sh
ENGINE=visit
up
web sh -c 'rm -f /tmp/pipe; mkfifo /tmp/pipe'
# watched ARG…: the tool in mgr; meanwhile the records in /tmp/records, which go with the session
watched() {
	local pid
	mgr $T/xo_visitor_files "$@" >/tmp/watched 2>&1 &
	pid=$!
	while kill -0 $pid 2>/dev/null; do
		$T/xo_visitor records >/tmp/now && [ -s /tmp/now ] && cp /tmp/now /tmp/records
		sleep 0.1
	done
	wait $pid || { cat /tmp/watched; fail_at "$*"; }
	cat /tmp/watched /tmp/records
}

watched waits web /tmp/pipe
grep -q 'waits: right' /tmp/watched || fail "calls that block"
# 20 calls blocked, 10 woke somebody: those that were visits asked for it, by a hypercall
[ "$(grep -o 'by_18=[0-9]*' /tmp/records | cut -d= -f2)" -ge 15 ] || fail "too few of them were visits"
down
