# SPDX-License-Identifier: GPL-2.0
# The guest module alone (no router, no stub) must never lose a call, mix two up, answer for a dead
# callee, or keep a slot or a session of somebody who is gone.
. /opt/crossover/test/lab/lib.sh
raw=$T/xo_raw
serve_raw() {
	web sh -c "setsid $raw serve >/tmp/raw.log 2>&1 </dev/null & echo \$! >/tmp/raw.pid"
	sleep 0.3
}
stop_raw() { web sh -c 'kill $(cat /tmp/raw.pid)'; }
# op WHAT REGEX ARGS…: one call ends as told
op() {
	local what=$1 want=$2 out; shift 2
	out=$(mgr $raw "$@" 2>&1)
	echo "$what: $out"
	grep -qE "$want" <<<"$out" || fail "$what: not /$want/"
}
# nobody may be left over once callers are gone; the CLOSE is not waited for, so look twice
settled() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		mgr $raw link | grep -q 'sessions=0 ' && web $raw link | grep -q 'sessions=0 ' && return
		sleep 0.3
	done
	mgr $raw link; web $raw link
	fail "$1: a session was left over"
}

host_up; guest_up mgr; guest_up web
engine "${ENGINE:-exit}"
serve_stop
for _ in 1 2 3 4 5 6 7 8 9 10; do mgr $raw ping web 1 2>&1 | grep -q refused && break; sleep 0.2; done
op "nobody serves" 'Connection refused' ping web 1
serve_raw
# what carries the calls: the host all of them, or nobody but the two VMs all but a few
least=2000
[ "${ENGINE:-exit}" = exit ] || least=1900
carried() {
	[ "${ENGINE:-exit}" = exit ] && { link_stat calls; return; }
	web $raw link | sed -n 's/.* ring=\([0-9]*\).*/\1/p'
}
before=$(carried)
op "2000 null calls" ok ping web 2000
after=$(carried)
[ $((after - before)) -ge $least ] || fail "$((after - before)) calls went over ${ENGINE:-exit}"
op "data of every size" ok echo web 200
op "12 threads on 8 slots" ok threads web 12 50
op "64 sessions" ok many web 64 10
settled "after 64 sessions"
op "65 sessions" 'busy' many web 65 1
settled "after 65 sessions"
op "a stub that dies" 'ret=-1 errno=112 ' op web 3 0
op "an answer longer than a slot" 'ret=-1 errno=71 ' op web 4 0
op "a refusal" 'ret=-1 errno=13 ' op web 5 13
op "somebody else's slot" 'ret=0 errno=0 result=-13 ' op web 8 0
op "interrupted" 'ret=0 errno=0 result=-4 ms=[0-9]{1,4}$' signal web 2 60000 500 2
op "interrupted, but it happens" 'ret=0 errno=0 result=0 ' signal web 6 1500 500 2
op "interrupted, no answer" 'ret=-1 errno=4 ' signal web 6 20000 500 2
op "killed" 'killed=9' signal web 2 60000 500 9
op "and it goes on" ok ping web 100
stop_raw
op "nobody serves any more" 'Connection refused' ping web 1
settled "at the end"

web rmmod crossover_guest || fail "rmmod in web"
op "no callee" 'Host is down' ping web 1
for s in 1 2 3 4 5 6 7 8 9; do
	web insmod $KO/crossover_guest.ko fail_step=$s 2>/dev/null && fail "step $s did not fail"
	web test ! -e /dev/crossover || fail "step $s failed and left a node"
	expect_eq "step $s left an interrupt" "$(web grep -c crossover /proc/interrupts)" 0
done
web insmod $T/crossover_guest.ko 2>/dev/null && fail "a module of another revision loaded"
web dmesg | grep -q 'install both from one build' || fail "nothing said why"
guest_up web
serve_raw
op "after a reload" ok ping web 100
stop_raw
