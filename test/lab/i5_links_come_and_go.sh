# SPDX-License-Identifier: GPL-2.0
# I4, I5: while calls run, links that come and go, and VMs enrolled and let go, must never leave a
# call without its end, a guest with a strange error, a slot taken, or memory behind in a VM.
. /opt/crossover/test/lab/lib.sh
raw=$T/xo_raw
# number N of the line that `xo stat` has on the link: 4 calls, 5 ok, 6 errors, 7 hostdown
stat() { xo stat | awk -v n="$1" '$1 == "mgr" && $2 == "web" { print $n }'; }
windows() { grep -c crossover- /proc/"$(cat /run/crossover/vm/"$1"/pid)"/maps; }

host_up; guest_up mgr; guest_up web
serve_stop
linked || xo link mgr web || fail "xo link mgr web"
web sh -c "setsid $raw serve >/dev/null 2>&1 </dev/null & echo \$! >/tmp/raw.pid"
mgr bash -c 'rm -f /tmp/churn.*; for i in 1 2; do
	(while [ ! -e /tmp/churn.stop ]; do '$raw' ping web 20; sleep 0.05; done) >/tmp/churn.$i 2>&1 </dev/null &
done'
sum=0
for round in $(seq 8); do
	for _ in $(seq 20); do n=$(stat 5); [ "$n" -ge 30 ] && break; sleep 0.3; done
	[ "$n" -ge 1 ] || fail "round $round: no call came through: $(xo stat)"
	sum=$((sum + n))
	if [ $((round % 4)) = 0 ]; then
		xo unenrol web || fail "round $round: unenrol"
		expect_eq "mappings left in web's process" "$(windows web)" 0
		xo enrol web >/dev/null || fail "round $round: enrol"
	else
		xo unlink mgr web || fail "round $round: unlink"
		expect_eq "mappings left in mgr's process" "$(windows mgr)" 1
	fi
	xo link mgr web >/dev/null || fail "round $round: link"
done
mgr touch /tmp/churn.stop
for _ in $(seq 60); do mgr pgrep -x xo_raw >/dev/null || break; sleep 0.25; done
mgr pgrep -x xo_raw && fail "a caller still waits: $(xo stat)"
mgr sh -c 'cat /tmp/churn.[12]' >/tmp/churn
sort /tmp/churn | uniq -c
grep -vE 'ok|Host is down|No such file|Connection refused|No such device' /tmp/churn && fail "other errors than the defined ones"
grep -q 'ping: Host is down' /tmp/churn || fail "no call was ever interrupted: the test tested nothing"
# every call that was posted has ended once
[ "$(stat 4)" = $(($(stat 5) + $(stat 6) + $(stat 7))) ] || fail "calls without an end: $(xo stat)"
web sh -c 'kill $(cat /tmp/raw.pid)'
echo "$sum calls came through in 8 lives of the link"
