# SPDX-License-Identifier: GPL-2.0
# What an owner does to the memory of its service in mid-call must never reach another page, lose a
# call or make one twice: fork() changes nothing; other pages at the same place take the service off
# `vmfunc`, for the calls that are inside just then with EHOSTDOWN, and it goes on over `exit`. No page
# stays pinned.
. /opt/crossover/test/lab/lib.sh
svc=$T/xo_svc
host_up; guest_up mgr; guest_up web
engine vmfunc

# pages are let go by a work item, a moment after callers know
nothing_pinned() {
	local i
	for i in $(seq 50); do [ "$(pinned)" = "$before" ] && return; sleep 0.1; done
	fail_at "pages still pinned: $(pinned), $before before"
}

# meanwhile NAME SIGNAL WANTED: calls go on while the owner gets the signal, and end so
meanwhile() {
	local out i
	web sh -c "rm -f /tmp/svc; setsid $svc serve $1 mgr >/tmp/svc 2>&1 </dev/null & echo \$! >/tmp/svc.pid"
	for i in $(seq 20); do web grep -q ready /tmp/svc && break; sleep 0.1; done
	web grep -q 'ready reason=0' /tmp/svc || { web cat /tmp/svc; fail_at "$1: not on vmfunc"; }
	mgr sh -c "rm -f /tmp/steady; setsid $svc steady web $1 2500 >/tmp/steady 2>&1 </dev/null &"
	for i in $(seq 30); do mgr grep -q counts /tmp/steady && break; sleep 0.1; done
	sleep 0.3
	web sh -c "kill -$2 \$(cat /tmp/svc.pid)"
	for i in $(seq 60); do mgr grep -qE '^(ok|line)' /tmp/steady && break; sleep 0.1; done
	out=$(mgr cat /tmp/steady)
	echo "$1: $(grep steady <<<"$out")"
	grep -q '^ok' <<<"$out" || { echo "$out"; web cat /tmp/svc; fail_at "$1: calls failed"; }
	grep -q "$3" <<<"$out" || fail_at "$1: not '$3'"
	web sh -c 'kill $(cat /tmp/svc.pid)'
	for i in $(seq 30); do web grep -q '^ended' /tmp/svc && break; sleep 0.1; done
	web grep -q '^ended' /tmp/svc || { web cat /tmp/svc; fail_at "$1: its owner does not end"; }
}
pinned() { web awk '/nr_foll_pin_acquired/ { a = $2 } /nr_foll_pin_released/ { r = $2 } END { print a - r }' /proc/vmstat; }
before=$(pinned)
meanwhile forks USR1 'lost 0 engine vmfunc'
meanwhile discards USR2 'lost [01] engine exit'
meanwhile protects HUP 'lost [01] engine exit'
meanwhile unmaps WINCH 'lost [01] engine exit'
nothing_pinned

# exec() ends the service; its callers are told.
web sh -c "rm -f /tmp/svc; setsid $svc serve leaves mgr >/tmp/svc 2>&1 </dev/null & echo \$! >/tmp/svc.pid"
for _ in $(seq 20); do web grep -q ready /tmp/svc && break; sleep 0.1; done
mgr sh -c "rm -f /tmp/ended; setsid $svc ended web leaves >/tmp/ended 2>&1 </dev/null &"
for _ in $(seq 20); do mgr grep -q calls /tmp/ended && break; sleep 0.1; done
web sh -c 'kill -URG $(cat /tmp/svc.pid)'
for _ in $(seq 30); do mgr grep -qE '^(ok|line)' /tmp/ended && break; sleep 0.1; done
expect_eq "a call when its owner became another program" "$(mgr tail -n 1 /tmp/ended)" ok
nothing_pinned
web dmesg | grep -E 'WARNING|BUG:' && fail "the owner's kernel complains"
mgr dmesg | grep -E 'WARNING|BUG:' && fail "the caller's kernel complains"
true
