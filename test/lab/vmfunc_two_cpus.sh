# SPDX-License-Identifier: GPL-2.0
# With two CPUs no call over vmfunc may be lost, made twice or answered wrongly: callers and owners on
# different CPUs, callers on two virtual CPUs at once, virtual CPUs that move from CPU to CPU in mid-call,
# pages taken away, processes killed and the link removed from the other CPU meanwhile.
. /opt/crossover/test/lab/vmfunc.inc
[ "$(nproc)" -ge 2 ] || skip "the host has one CPU"
[ "$(mgr nproc)" -ge 2 ] || skip "mgr has one CPU"

# vcpus VM: its threads that ran a guest. Fields of a thread's stat: 39 the CPU that it is on, 43 the
# guest's ticks.
vcpus() { awk '$43 { print $1 }' /proc/"$(vm_pid "$1")"/task/*/stat; }
# place VM CPUS
place() { taskset -a -p -c "$2" "$(vm_pid "$1")" >/dev/null || fail_at "taskset $*"; }
# ran: for each virtual CPU "VM thread ticks CPU"; since BEFORE: the same, with the ticks since then
ran() {
	local v
	for v in mgr web; do awk -v v=$v '$43 { print v, $1, $43, $39 }' /proc/"$(vm_pid $v)"/task/*/stat; done
}
since() { ran | awk 'NR == FNR { b[$2] = $3; next } { print $1, $2, $3 - b[$2], $4 }' <(echo "$1") -; }
moves() {
	local t
	for t in $vcpus; do awk '$1 == "se.nr_migrations" { print $3 }' /proc/"$t"/sched; done | awk '{ s += $1 } END { print s + 0 }'
}
# the owner's VM has something to do, too
web_busy() { web sh -c 'rm -f /tmp/rest; (while [ ! -e /tmp/rest ]; do :; done) >/dev/null 2>&1 </dev/null &'; }
web_rests() { web touch /tmp/rest; }
# told WHAT: of all of web's services, a number of the host's
told() {
	xo stat | awk -v k="$1" '
		/^ *[A-Z]/ && $1 == toupper($1) { c = 0; for (i = 1; i <= NF; i++) if ($i == k && /SERVICE/) c = i; next }
		c && $1 == "web" { s += $c } END { print s + 0 }'
}
idle() {
	local i
	for i in $(seq 30); do [ "$(link_stat busy)" = 0 ] && return; sleep 0.1; done
	fail_at "$1: $(link_stat busy) slots are left busy"
}

# different CPUs
vmfunc_up
web_busy
for cpu in 0 1; do
	place mgr $cpu; place web $((1 - cpu))
	before=$(ran)
	caller threads 8 60 , processes 4 30
	since "$before" | awk -v c=$cpu '{ d[$1] += $3; if ($4 != ($1 == "mgr" ? c : 1 - c)) bad = 1 }
		END { printf "ticks of mgr %d on CPU %d, of web %d on CPU %d\n", d["mgr"], c, d["web"], 1 - c
			exit bad || !d["mgr"] || !d["web"] }' || { ran; fail "they did not run on different CPUs"; }
done
web_rests
echo "--- apart: right"

# two virtual CPUs at once
vcpus=$(vcpus mgr)
[ "$(echo "$vcpus" | wc -l)" = 2 ] || fail "virtual CPUs of mgr: $vcpus"
place web 0,1
cpu=0
for t in $vcpus; do taskset -p -c $cpu "$t" >/dev/null; cpu=1; done
before=$(ran)
caller threads 8 100 , processes 4 40 , lengths 200 , vectors 100
since "$before" | awk '$1 == "mgr" { print "a virtual CPU of mgr:", $3, "ticks on CPU", $4; if ($3) on[$4] = 1 }
	END { exit !(on[0] && on[1]) }' || { ran; fail "mgr's virtual CPUs did not run on both CPUs"; }
echo "--- on two virtual CPUs: right"

# they move, and the owner's pages are taken away from under the calls
qemu=$(vm_pid web)
caller_start until 4 /tmp/stop
m0=$(moves); r0=$(told REVOCATIONS) v0=$(told REVIVALS)
n=0
for batch in 1 2 3 4 5 6; do
	c0=$(told CALLS-CLAIMED)
	for _ in 1 2 3 4 5; do
		n=$((n + 1))
		for t in $vcpus; do taskset -p -c $((n % 2)) "$t" >/dev/null; done
		# the one that moves last is alone on its CPU for a while
		sleep 0.0$((RANDOM % 3))
	done
	taskset -c $((batch % 2)) sh -c "echo 4 >/proc/$qemu/clear_refs" || fail "clear_refs"
	sleep 0.05
	c1=$(told CALLS-CLAIMED)
	[ "$c1" -gt "$c0" ] || fail "batch $batch: no call while virtual CPUs moved"
done
m1=$(moves)
mgr touch /tmp/stop
caller_end | tee /tmp/until
grep -q '^right: until' /tmp/until || fail "calls went wrong"
echo "moves $((m1 - m0)) revocations $(($(told REVOCATIONS) - r0)) revivals $(($(told REVIVALS) - v0))"
[ $((m1 - m0)) -ge 50 ] || fail "virtual CPUs moved only $((m1 - m0)) times"
[ $(($(told REVIVALS) - v0)) -ge 3 ] || fail "only $(($(told REVIVALS) - v0)) revivals"
echo "--- moved: right"

# the caller's process is killed from the other virtual CPU
for i in 1 2 3 4 5 6; do
	caller_start forever "$i"
	mgr taskset -c $((i % 2)) pkill -9 -x xo_caller || fail "pkill"
done
caller threads 4 20
idle "callers killed"
# the owner's process is killed on another CPU than the caller's
place mgr 0; place web 1
for case in owner-dies forever; do
	caller_start $case
	owner_kill KILL
	caller_end
	owner_stop; owner_start
	caller null 10
done
idle "owners killed"
echo "--- killed: right"

# the link goes, by a command on the other CPU
for i in 1 2 3; do
	caller_start forever
	taskset -c 1 xo unlink mgr web || fail "unlink"
	caller_end
	link_engine vmfunc
	caller null 10
done
idle "unlinked"
echo "--- unlinked: right"
place mgr 0,1; place web 0,1
expect_eq "calls that ended badly" "$(told FAULTS)" 0
owner_tells
vmfunc_down
