# SPDX-License-Identifier: GPL-2.0
# S9, S11: a call that faults in memory which is not there yet or is still shared, waits for a disk, keeps the CPU, sends
# interrupts to the callee's other CPU, sets a timer there, patches the kernel's text or takes a CPU away must come to
# another result by a visit than natively. Who cannot go on away is evicted, for that reason. `n`: how often each.
. /opt/crossover/test/lab/visitor.inc
n=${n:-20}
[ "$(web nproc)" -ge 2 ] || skip "VM web has one CPU: nobody to send interrupts to"
# hard VERB ARG…: such calls, all right, of which half at least began as visits
hard() {
	local verb=$1; shift
	watched $T/xo_visitor_hard "$verb" web "$@"
	grep -q ': right calls=' /tmp/watched || fail_at "$verb $*"
	[ "$(told visits)" -ge $(($(told calls) / 2)) ] || fail_at "$verb $*: only $(told visits) visits"
}
told() { sed -n "s/.* $1=\([0-9]*\).*/\1/p" /tmp/watched | tail -n 1; }
# some WHAT NUMBER: of `n` calls a tenth at least (to the others an interrupt came)
some() { [ "$2" -ge $(((n + 9) / 10)) ] || fail_at "$1: only $2 of $n"; }
# because WHAT REASON…: half at least of `n` visits were evicted by one of these: 1, 52 an interrupt or timer; 18 asked
# for, as they are to be switched out; 30 a port; 32 WRMSR (of the interrupt controller, its timer); 40 PAUSE in a
# loop; 48 a device
because() {
	local what=$1 found; shift
	found=$(was_evicted "$@")
	[ "$found" -ge $((n / 2)) ] || fail_at "$what: only $found of $n evicted by reason $*: $(cat /tmp/records)"
}
up
# stubs on one CPU, so that the other one is somebody else's
web sh -c 'taskset -a -p 1 $(cat /run/crossover-serve.pid)' >/dev/null || fail "taskset"
web insmod $KO/xo_chores.ko || fail "xo_chores"
for v in mgr web; do vm $v sh -c 'seq 1 20000 >/tmp/numbers'; done
chores=/sys/module/xo_chores/parameters

hard faults "$n" /tmp/numbers
some "page faults of a visit, without an exit" "$(told faulted)"
hard cow "$n" /tmp/numbers
some "pages copied by a visit, without an exit" "$(told faulted)"
hard denied "$n" /tmp/numbers
hard disk "$n" /opt/crossover/bin/xo
because "a disk" 48
hard reads "$n" $chores/nap done
because nap 32
hard reads "$n" $chores/timer done
because timer 32
hard reads "$n" $chores/spin done
because spin 1 40 52
hard reads "$n" $chores/masked done
because masked 1 40 52
hard reads "$n" $chores/ipi done
because ipi 32
hard reads "$n" $chores/flush done
because flush 32
hard reads "$n" $chores/rcu done
because rcu 18 32
hard reads "$n" $chores/work done
because work 18 32
hard writes "$n" /proc/sys/kernel/sched_schedstats '1?' '0?'
because "static keys" 1 32
hard writes "$n" /dev/kmsg '<1>xo: said by a call'
because "the console" 30
hard writes "$((n / 5 * 2))" /sys/devices/system/cpu/cpu1/online '0?' '1?'

web sh -c "taskset 2 $T/xo_visitor_hard counts $n >/tmp/counts 2>&1 </dev/null & echo \$! >/tmp/counts.pid
	for i in \$(seq 100); do grep -q ready /tmp/counts && break; sleep 0.1; done; grep -q ready /tmp/counts" || fail "no process to send signals to"
hard kills "$n" "$(web cat /tmp/counts.pid)"
because "signals" 32
web sh -c 'for i in $(seq 100); do pgrep -x xo_visitor_hard >/dev/null || break; sleep 0.1; done; cat /tmp/counts' | grep right || fail "signals: $(web cat /tmp/counts)"
web rmmod xo_chores || fail "rmmod xo_chores"
by_visits "the end"
down
