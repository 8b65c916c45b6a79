# SPDX-License-Identifier: GPL-2.0
# I4, I5 of visits: stubs, callers, links, engines, modules and VMs that end at random points of visits. Each call
# ends with the right result or EHOSTDOWN, no page stays pinned, and all can start anew. How often: `stubs`, `callers`
# that are killed, `unlinks`, `switches` of the engine, `unloads` of the host's and of either guest's module, `vms`:
# resets and kills of either VM. `compare`: the host's kernel memory must be what it was. Seed: `seed`.
. /opt/crossover/test/lab/visitor.inc
seed=${seed:-1}
RANDOM=$seed
snooze() { sleep "0.$((RANDOM % 3))$((RANDOM % 10))"; }
# two processes in mgr that make calls, whatever becomes of them, until callers_end
callers_begin() {
	mgr sh -c "rm -f /tmp/until.*; for i in 1 2; do
		setsid sh -c \"$T/xo_visitor until web 39 -1 3000 20 >/tmp/until.\$i 2>&1; echo status \\\$? >>/tmp/until.\$i\" </dev/null >/dev/null 2>&1 & done"
	visited "callers" 20
}
callers_end() {
	local out
	out=$(mgr sh -c 'pkill -TERM -x xo_visitor; for i in $(seq 300); do pgrep -x xo_visitor >/dev/null || break; sleep 0.1; done
		pgrep -x xo_visitor >/dev/null && echo "still there"; cat /tmp/until.*')
	# shellcheck disable=SC2086 # on one line
	echo "$1: "$out
	grep -q 'still there' <<<"$out" && fail_at "$1: a caller does not end"
	[ "$(grep -c 'status 0' <<<"$out")" = 2 ] || fail_at "$1: a call ended as none may"
	grep -q 'right=0 ' <<<"$out" && fail_at "$1: a caller never got through"
	by_visits "$1"
}
# took WHAT: and how long the test has taken
took() { echo "$*: at $SECONDS s"; }

# Each waits until visits go on, and then a while: so that a call is under way.
end_stubs() {
	local killed
	callers_begin
	killed=$(web sh -c "p=\$(cat /run/crossover-serve.pid) killed=0
		taken() { $T/xo_visitor visits | head -n 1; }
		for i in $(for _ in $(seq "$1"); do echo -n "$((RANDOM % 30)) "; done); do
			[ \$killed -lt $1 ] || break
			v=\$(taken)
			for k in \$(seq 100); do [ \$(taken) -gt \$((v + 20)) ] && break; sleep 0.05; done
			[ \$(taken) -gt \$((v + 20)) ] || { echo no visits; exit 1; }
			sleep 0.0\$i
			killed=\$((killed + \$(pkill -c -9 -P \$p)))
		done; echo \$killed") || fail_at "kills of stubs: $killed"
	[ "$killed" -ge "$1" ] || fail_at "only $killed stubs were killed"
	callers_end "$killed kills of stubs"
}
end_callers() {
	for _ in $(seq "$1"); do
		callers_begin; snooze
		mgr sh -c 'pkill -9 -x xo_visitor; true'
	done
	callers_begin; callers_end "$1 kills of callers"
}
end_links() {
	local i
	callers_begin
	for i in $(seq "$1"); do
		snooze; xo unlink mgr web || fail_at "unlink $i"
		expect_eq "records that are left" "$(records)" 0
		snooze; engine visit; visited "link $i" 20
	done
	callers_end "$1 unlinks"
}
end_engines() {
	local i
	callers_begin
	for i in $(seq "$1"); do
		snooze; engine exit
		expect_eq "records that are left" "$(records)" 0
		snooze; engine visit; visited "back, time $i" 20
	done
	callers_end "$1 switches of the engine"
}
end_modules() {
	local i v
	for i in $(seq "$1"); do
		callers_begin; snooze
		rmmod crossover || fail_at "rmmod crossover, time $i"
		expect_eq "hooks that are left" "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" 0
		expect_eq "pages pinned without the module" "$(host_pinned)" 0
		up
		callers_end "unload of the host's module $i"
		for v in mgr web; do
			[ $v = mgr ] || serve_stop
			vm $v rmmod crossover_guest || fail_at "rmmod crossover_guest in $v, time $i"
			up; by_visits "unload in $v, time $i"
		done
	done
}
# end_vm VM reset|kill
end_vm() {
	callers_begin; snooze
	xo vm "$2" "$1" || fail_at "$2 $1"
	[ "$2" = reset ] || vm_start_again "$1"
	xo vm wait "$1" --timeout 200 || fail_at "$1 does not come back"
	up
	# mgr's callers went with it
	if [ "$1" = web ]; then callers_end "$2 of $1"; else by_visits "$2 of $1"; fi
}
end_vms() {
	local i v how
	for i in $(seq "$1"); do
		for v in web mgr; do
			for how in reset kill; do end_vm $v $how; took "$how $i of $v"; done
		done
	done
}

up; by_visits "the start"
# made once, and kept
if [ -n "${compare:-}" ]; then
	down; before=$(kernel_kib)
	up; by_visits "the start"
fi
for part in stubs:${stubs:-4} callers:${callers:-2} links:${unlinks:-2} engines:${switches:-2} modules:${unloads:-1} vms:${vms:-0}; do
	[ "${part#*:}" = 0 ] || "end_${part%:*}" "${part#*:}"
	took "${part%:*}"
done
for v in mgr web plain; do vm $v true || fail "VM $v is not alive"; done
down
expect_eq "pages pinned at the end" "$(host_pinned)" 0
[ -z "${compare:-}" ] || expect_memory "$before"
