# SPDX-License-Identifier: GPL-2.0
# I4, I5: unlink, rmmod in the host, reset and kill of the callee's VM in mid-call: the caller gets
# EHOSTDOWN (never silence, never a made-up answer), no page stays pinned, and all can start anew.
. /opt/crossover/test/lab/lib.sh

# blocked: a routed cat in mgr that blocks in web, its end noted in /tmp/end
blocked() {
	web sh -c 'rm -f /tmp/fifo; mkfifo /tmp/fifo'
	mgr bash -c 'rm -f /tmp/end; (xo sh web -- cat /tmp/fifo >/tmp/out 2>&1; echo $? >/tmp/end) >/dev/null 2>&1 &'
	for _ in $(seq 40); do [ "$(link_stat busy)" -ge 1 ] && return; sleep 0.25; done
	fail "the call did not begin"
}
# told WHAT: the caller ended with an error that names the reason
told() {
	for _ in $(seq 60); do mgr test -e /tmp/end && break; sleep 0.25; done
	mgr test -e /tmp/end || fail "$1: the caller still waits"
	expect_eq "$1: status of cat" "$(mgr cat /tmp/end)" 1
	mgr grep -q 'Host is down' /tmp/out || fail "$1: no EHOSTDOWN: $(mgr cat /tmp/out)"
	echo "right: $1"
}
works() { expect_eq "works after $1" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"; }

up; blocked
xo unlink mgr web || fail "unlink with a call under way"
told unlink
up; works unlink

blocked
rmmod crossover || fail "rmmod with a call under way"
told rmmod
expect_eq "hooks are gone" "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" 0
serve_stop
up; works rmmod

blocked
xo vm reset web || fail "reset"
told reset
xo vm wait web --timeout 100 || fail "web does not come back"
up; works reset

blocked
xo vm kill web || fail "kill"
told kill
enrolled web && sleep 2
enrolled web && fail "a dead VM is still enrolled"
expect_eq "pinned pages" "$(cell "xo stat" PINNED-PAGES web)" ""
xo vm start web && xo vm wait web --timeout 100 || fail "web does not start again"
up; works kill
