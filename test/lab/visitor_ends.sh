# SPDX-License-Identifier: GPL-2.0
# I4, I5 of visits: stubs, callers, links, engines, modules and VMs that end at random points of visits. Each call
# ends with the right result or EHOSTDOWN, no page stays pinned, and all can start anew. `n`: kills of stubs and of
# callers, unlinks, each; `unloads`: of the host's and of either guest's module; `vms`: resets and kills of either VM.
. /opt/crossover/test/lab/lib.sh
n=${n:-2} unloads=${unloads:-1} vms=${vms:-0} seed=${seed:-1}
RANDOM=$seed
snooze() { sleep "0.$((RANDOM % 3))$((RANDOM % 10))"; }
pinned() { echo 1 >/proc/sys/vm/stat_refresh; awk '/^nr_foll_pin_acquired/ { n += $2 } /^nr_foll_pin_released/ { n -= $2 } END { print n }' /proc/vmstat; }
all_up() {
	host_up; guest_up mgr; guest_up web
	engine visit
	policy "$open_policy"
}
# callers begin and end: two processes that make calls, whatever becomes of them
calling() {
	mgr sh -c "rm -f /tmp/until.*; for i in 1 2; do
		setsid sh -c \"$T/xo_visitor until web 39 -1 600 >/tmp/until.\$i 2>&1; echo status \\\$? >>/tmp/until.\$i\" </dev/null >/dev/null 2>&1 & done"
	for _ in $(seq 100); do [ "$(visits mgr)" -gt "${1:-0}" ] && return; sleep 0.1; done
	fail_at "no visits"
}
ended() {
	local out
	out=$(mgr sh -c 'pkill -TERM -x xo_visitor; for i in $(seq 300); do pgrep -x xo_visitor >/dev/null || break; sleep 0.1; done
		pgrep -x xo_visitor >/dev/null && echo "still there"; cat /tmp/until.*')
	echo "$1: "$out
	grep -q 'still there' <<<"$out" && fail_at "$1: a caller does not end"
	[ "$(grep -c 'status 0' <<<"$out")" = 2 ] || fail_at "$1: a call ended as none may"
	grep -q 'right=0 ' <<<"$out" && fail_at "$1: a caller never got through"
	works "$1"
}
works() {
	local want
	want=$(mgr $T/xo_visitor calls web 39 50 -1) || fail_at "calls after $1: $want"
}
all_up; works "the start"

calling
for _ in $(seq "$n"); do snooze; web sh -c 'pkill -9 -P "$(cat /run/crossover-serve.pid)"; true'; done
ended "$n kills of stubs"

for i in $(seq "$n"); do
	calling "$(visits mgr)"; snooze
	mgr sh -c 'pkill -9 -x xo_visitor; true'
done
calling "$(visits mgr)"; ended "$n kills of callers"

calling
for i in $(seq "$n"); do
	snooze; xo unlink mgr web || fail "unlink $i"
	expect_eq "records that are left" "$($T/xo_visitor records)" ""
	snooze; xo link mgr web --engine vmfunc --kernel >/dev/null || fail "link $i"
done
ended "$n unlinks"

calling
for i in $(seq "$n"); do
	snooze; xo link mgr web --engine exit >/dev/null || fail "to exit, time $i"
	expect_eq "records that are left" "$($T/xo_visitor records)" ""
	snooze; xo link mgr web --engine vmfunc --kernel >/dev/null || fail "back, time $i"
done
ended "$n switches of the engine"

for i in $(seq "$unloads"); do
	calling; snooze
	rmmod crossover || fail "rmmod crossover, time $i"
	expect_eq "hooks that are left" "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" 0
	expect_eq "pages pinned without the module" "$(pinned)" "0"
	all_up
	ended "unload of the host's module $i"
	for v in mgr web; do
		[ $v = mgr ] || serve_stop
		vm $v rmmod crossover_guest || fail "rmmod crossover_guest in $v"
		all_up; works "unload in $v"
	done
done

for i in $(seq "$vms"); do
	for v in web mgr; do
		for how in reset kill; do
			calling "$(visits mgr)"; snooze
			xo vm $how $v || fail "$how $v"
			[ $how = reset ] || { for _ in $(seq 20); do xo vm start $v 2>/dev/null && break; sleep 0.5; done; }
			xo vm wait $v --timeout 200 || fail "$v does not come back"
			all_up
			if [ $v = web ]; then ended "$how $i of $v"; else works "$how $i of $v"; fi
		done
	done
done
down
expect_eq "pages pinned at the end" "$(pinned)" "0"
