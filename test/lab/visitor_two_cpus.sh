# SPDX-License-Identifier: GPL-2.0
# With two CPUs, and TLB shootdowns between the callee's all the while, no call by a visit may be lost, made twice,
# answered wrongly or late: caller and stub on different CPUs, the callee's both on one, all on one, moving about,
# two threads of a session on both of the caller's, and with visitors that the host has suspended when their server
# CPU wakes, which takes them over.
# XO_N: how many calls of each. XO_CASES: which.
. /opt/crossover/test/lab/hammer.inc
n=${XO_N:-2000}
# The longest that a call may take, in ticks of the TSC (time in which each CPU can make one instruction a tick), and
# in instructions of all CPUs.
LATE=${XO_LATE:-25000000}
[ "$(nproc)" -ge 2 ] || skip "the host has one CPU"
up; vcpus mgr; vcpus web

# torture NAME THREADS MASK COMMAND PART: threads on those of mgr's CPUs; COMMAND is done again and again meanwhile, and
# of PART calls one at least has to be a visit
torture() {
	[[ " ${XO_CASES:-$1} " == *" $1 "* ]] || return 0
	local name=$1 threads=$2 v0 s0 out calls stub kicks evictions resumed told
	MASK=$3 hammer_start mgr "$name" web "/tmp/$name" "$threads" $((n / threads))
	stub=$(stubs)
	web sh -c "insmod $KO/xo_shoot.ko cpu=$([ "$threads" = 1 ] && echo 1 || echo -1) gap_us=500 && echo $stub >/sys/module/xo_shoot/parameters/pid" || fail "xo_shoot"
	# on the other CPU than the stub, or a shootdown is nobody else's business
	[ "$threads" -gt 1 ] || web taskset -a -p 1 "$stub" >/dev/null || fail "taskset of the stub"
	v0=$(visits web) s0=$(shot)
	hammer_go mgr "$name"
	while hammer_works mgr "$name"; do eval "$4"; done
	kicks=$(records kicks) evictions=$(records evictions) told=$(shots)
	taken=$(records taken_over) resumed=$(records resumptions)
	out=$(hammer_ends mgr "$name"); echo "$out"
	web $T/xo_hammer check "/tmp/$name" "$threads" $((n / threads)) || fail "$name: the record"
	v0=$(($(visits web) - v0)) s0=$(($(shot) - s0))
	echo "$name: $told; shootdowns $s0 visits $v0 kicks $kicks evictions $evictions resumed $resumed taken over $taken"
	calls=$(number calls <<<"$out")
	expect_eq "$name: pages that were wrong" "$(awk '{ print $4 }' <<<"$told")" 0
	[ $v0 -ge $((calls / $5)) ] || fail "$name: of $calls calls only $v0 were visits"
	[ $s0 -ge $((calls / 50)) ] || fail "$name: only $s0 shootdowns"
	# (On one host CPU the visitor is never inside when its server CPU's thread runs.)
	[ $((kicks + evictions)) -ge $((n / 100)) ] || fail "$name: visitors were sent home only $kicks times, evicted $evictions"
	for k in longest_ticks longest_instructions; do
		[ "$(number $k <<<"$out")" -le "$LATE" ] || fail "$name: a call was late: $k $(number $k <<<"$out"), at most $LATE"
	done
	web rmmod xo_shoot || fail "rmmod xo_shoot"
}
all_on() { pin mgr 0 "$1"; pin mgr 1 "$1"; pin web 0 "$2"; pin web 1 "$3"; }
cpu=0
move() { cpu=$((1 - cpu)); pin web 0 $cpu; pin mgr 0 $((RANDOM % 2)); pin web 1 $((RANDOM % 2)); sleep 0.05; }

all_on 0 1 0; torture apart 1 1 'sleep 2' 2
all_on 0 1 1; torture callee_on_one 1 1 'sleep 2' 2
all_on 0 0 0; torture together 1 1 'sleep 2' 4
all_on 0,1 0,1 0,1; torture moving 1 1 move 4
all_on 0,1 0,1 0,1; torture both 2 3 'sleep 2' 4
# The host is in the middle of a timer's interrupt for a good part of the time.
insmod $KO/xo_tick.ko hz=2500 || fail "xo_tick"
all_on 0 1 1; taken=-1; torture ticked 1 1 'sleep 2' 4
rmmod xo_tick || fail "rmmod xo_tick"
[ "$taken" != 0 ] || fail "no visitor was taken over"
down
