# SPDX-License-Identifier: GPL-2.0
# S9: a callee that maps, unmaps, forks, loads and unloads modules and patches its text (static keys, tracepoints,
# ftrace, probes) while it is called by visits must lose no call, answer none wrongly, and never execute what was
# patched as it was before: a probe that is there sees each call. `n`: how often each.
. /opt/crossover/test/lab/visitor.inc
REST=50 SECS=3000
n=${n:-10}
TR=/sys/kernel/tracing DEBUG=/sys/kernel/debug
# busy WHAT TIMES COMMAND: in web, again and again, while visits go on
busy() {
	local v out
	v=$(visits mgr)
	out=$(web sh -c "i=0; while [ \$i -lt $2 ]; do i=\$((i + 1)); { $3; } || { echo \"time \$i\"; exit 1; }; done" 2>&1) || fail_at "$1: $out"
	v=$(($(visits mgr) - v))
	echo "$1: $2 times, $v visits meanwhile, at $SECONDS s"
	[ $v -gt 0 ] || fail_at "$1: no visits meanwhile"
	visited "$1: afterwards" 20
}
# probed WHAT DEFINITION [jump]: a probe of getsid(), which nobody else in web calls, there and not there in turns: it is hit
# by each call that is made while it is there, and by no other; `jump`: once it is one
probed() {
	local i said before after
	web sh -c "echo 'p:xo/probe $2' >$TR/kprobe_events" || fail_at "$1: no probe at $2"
	for i in 1 2; do
		before=$(hits)
		web sh -c "echo 1 >$TR/events/xo/probe/enable" || fail_at "$1: not enabled"
		[ -z "${3:-}" ] || optimized "$1"
		said=$(mgr $T/xo_visitor calls web 124 200 -1) || fail_at "$1: calls: $said"
		web sh -c "echo 0 >$TR/events/xo/probe/enable" || fail_at "$1: not disabled"
		after=$(hits)
		mgr $T/xo_visitor calls web 124 100 -1 >/dev/null || fail_at "$1: calls without it"
		echo "$1: $((after - before)) hits of 420 calls; $(head -n 1 <<<"$said")"
		# 20 calls, 200, and 200 more
		expect_eq "$1: hits" "$((after - before))" 420
		expect_eq "$1: hits of what is not there" "$(hits)" "$after"
		grep -q 'best .* vmfuncs=4 ' <<<"$said" || fail_at "$1: no visits"
	done
	web sh -c "echo >$TR/kprobe_events" || fail_at "$1: the probe does not go"
	echo "$1: at $SECONDS s"
}
# optimized WHAT: of the probe becomes a jump, for which the kernel waits until no task can be where it is written
optimized() {
	web sh -c "for i in \$(seq 300); do grep -q 'getsid.*OPTIMIZED' $DEBUG/kprobes/list && exit 0; sleep 0.1; done; cat $DEBUG/kprobes/list; exit 1" ||
		fail_at "$1: no jump: a stub that is parked keeps tasks' RCU from ending?"
}
hits() { web awk '$1 == "probe" { print $2 + $3 }' $TR/kprobe_profile; }

up
web sh -c "mountpoint -q $TR || mount -t tracefs none $TR; mountpoint -q $DEBUG || mount -t debugfs none $DEBUG" || fail "no tracefs in web"
cpus=$(web nproc)
calling until 2

probed "a probe on ftrace" __x64_sys_getsid
web sh -c "echo 0 >/proc/sys/debug/kprobes-optimization"
probed "a probe by int3" __x64_sys_getsid+5
web sh -c "echo 1 >/proc/sys/debug/kprobes-optimization"
probed "a probe by a jump" __x64_sys_getsid+5 jump

filing open pread fstat
busy "memory" 1 "$T/xo_visitor_files churn $n"
busy "modules" "$n" "insmod $KO/xo_tick.ko hz=100 && insmod $KO/xo_churn.ko hz=100 && rmmod xo_churn && rmmod xo_tick"
busy "static keys" $((10 * n)) "for k in sched_schedstats task_delayacct; do echo 1 >/proc/sys/kernel/\$k && echo 0 >/proc/sys/kernel/\$k || exit 1; done"
busy "tracepoints" "$n" "for e in sched kmem filelock writeback; do echo 1 >$TR/events/\$e/enable && echo 0 >$TR/events/\$e/enable || exit 1; done"
web insmod $KO/xo_chores.ko || fail "xo_chores"
traced=/sys/module/xo_chores/parameters/traced
c=$(web cat $traced)
busy "functions traced" $((2 * n)) "echo 1 >$traced && sleep 0.1 && echo 0 >$traced"
expect_ne "calls of functions that are traced" "$(web cat $traced)" "$c"
busy "probes" $((2 * n)) "echo 'p:xo/a vfs_read+5' >$TR/kprobe_events && echo 1 >$TR/events/xo/a/enable && sleep 0.1 && echo 0 >$TR/events/xo/a/enable && echo >$TR/kprobe_events"
# of system calls: a stub that is traced makes its calls itself (S10)
web sh -c "echo 1 >$TR/events/raw_syscalls/enable"
v=$(visits mgr); sleep 1
echo "while system calls are traced: $(($(visits mgr) - v)) visits"
web sh -c "echo 0 >$TR/events/raw_syscalls/enable"; visited "no trace of system calls"
# all of it at once
web sh -c "for c in '$T/xo_visitor_files churn 1' 'insmod $KO/xo_tick.ko hz=100 && rmmod xo_tick' \
	'echo 1 >/proc/sys/kernel/sched_schedstats && echo 0 >/proc/sys/kernel/sched_schedstats' \
	'echo 1 >$traced && echo 0 >$traced'; do
		sh -c \"i=0; while [ \\\$i -lt $n ]; do i=\\\$((i + 1)); \$c || { echo \\\"\$c: time \\\$i\\\"; exit 1; }; done\" &
		p=\"\$p \$!\"
	done; rc=0; for i in \$p; do wait \$i || rc=1; done; exit \$rc" >/tmp/out 2>&1 || fail "all at once: $(cat /tmp/out)"
visited "all at once"
filed; called until 2
by_visits "the end"
echo "$cpus virtual CPUs, $(nproc) of the host's"
web rmmod xo_chores || fail "rmmod xo_chores"
down
