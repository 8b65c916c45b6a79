# SPDX-License-Identifier: GPL-2.0
# A service of a process of the host must answer as one of a VM's does, over both engines: right
# values, each call once, defined errors when it faults, loops, ends or dies; and switching the engine
# of the live link must lose no call. Nobody calls whom the owner does not let in.
. /opt/crossover/test/lab/lib.sh
svc=$T/xo_svc
engine=exit
serve() { # NAME VM...
	rm -f "/tmp/svc.$1"
	setsid $svc serve "$@" >"/tmp/svc.$1" 2>&1 </dev/null & echo $! >"/tmp/svc.$1.pid"
	for _ in $(seq 20); do grep -q ready "/tmp/svc.$1" && return; sleep 0.1; done
	cat "/tmp/svc.$1"; fail "service $1 is not ready"
}
stop() {
	kill "$(cat "/tmp/svc.$1.pid")"
	for _ in $(seq 30); do grep -q '^ended' "/tmp/svc.$1" && return; sleep 0.1; done
	cat "/tmp/svc.$1"; fail "service $1 does not end"
}
call() { # WHAT TEST NAME [N]
	local what=$1 test=$2 out rc=0; shift 2
	out=$(mgr env XO_TEST_ENGINE=$engine "$svc" "$test" host "$@" 2>&1) || rc=$?
	echo "$engine, $what: $(tail -n 3 <<<"$out" | tr '\n' ' ')"
	[ $rc = 0 ] || { echo "$out"; dmesg | tail -n 5; fail_at "$what: status $rc"; }
}
to_engine() { engine=$1; xo link mgr host --engine "$engine" | tee /tmp/out; grep -q switched /tmp/out || fail "not switched to $engine"; }

host_up; guest_up mgr
expect_status "the host calls nobody" 1 xo link host mgr
expect_says "why" "the host itself calls into no VM"
expect_status "nobody is called host" 1 xo enrol --pid "$(cat /run/crossover/vm/web/pid)" host
expect_says "why" "'host' is the host's own name"
xo link mgr host || fail "xo link mgr host"
expect_status "no such service" 1 mgr $svc basic host adder 1
expect_says "who" "offers no service 'adder'"
serve choosy plain db
expect_status "allowed to others" 1 mgr $svc basic host choosy 1
expect_says "who" "refuses this VM"
expect_status "two of a name" 1 $svc serve choosy
serve adder mgr

all() {
	call "null calls, counter, buffer" basic adder 300
	call "threads" threads adder 100
	call "what ends badly" faults adder
	call "and it goes on" basic adder 10
	call "a deadline" deadline adder
	call "longjmp" abandon adder 5
	call "and it goes on" basic adder 10
}
all
to_engine vmfunc
all
xo ls; xo stat

# the engine changes under calls, and none is lost
mgr sh -c "rm -f /tmp/steady; setsid $svc steady host adder 6000 >/tmp/steady 2>&1 </dev/null &"
for _ in $(seq 30); do mgr grep -q counts /tmp/steady && break; sleep 0.1; done
for next in exit vmfunc exit vmfunc exit vmfunc; do to_engine $next; sleep 0.3; done
for _ in $(seq 100); do mgr grep -qE '^(ok|line)' /tmp/steady && break; sleep 0.1; done
said=$(mgr cat /tmp/steady); echo "$said"
grep -q '^ok' <<<"$said" || fail "calls failed while the engine was switched"
grep -q 'lost 0' <<<"$said" || fail "calls were lost while the engine was switched"

# the owner dies in a call
serve quick mgr
mgr sh -c "setsid $svc ended host quick >/tmp/ended 2>&1 </dev/null &"
for _ in $(seq 20); do mgr grep -q calls /tmp/ended && break; sleep 0.1; done
sleep 0.3
kill -9 "$(cat /tmp/svc.quick.pid)"
for _ in $(seq 30); do mgr grep -q ok /tmp/ended && break; sleep 0.1; done
expect_eq "a call when its owner dies" "$(mgr tail -n 1 /tmp/ended)" ok

# the link goes in a call, and the module afterwards
mgr sh -c "setsid $svc ended host adder >/tmp/ended 2>&1 </dev/null &"
for _ in $(seq 20); do mgr grep -q calls /tmp/ended && break; sleep 0.1; done
xo unlink mgr host || fail "xo unlink"
for _ in $(seq 30); do mgr grep -q ok /tmp/ended && break; sleep 0.1; done
expect_eq "a call when its link goes" "$(mgr tail -n 1 /tmp/ended)" ok
stop choosy; stop adder
expect_eq "services left" "$(xo ls --json | jq '[.services[] | select(.vm == "host")] | length')" 0
mgr rmmod crossover_guest || fail "rmmod crossover_guest"
xo unenrol mgr
rmmod crossover || fail "rmmod crossover"
dmesg | grep -E 'BUG|WARNING|Oops|Call Trace' && fail "the host's kernel complains"
true
