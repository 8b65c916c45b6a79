# SPDX-License-Identifier: GPL-2.0
# Hazard "list rereads": the self-test of a processor that left must not count for the one that comes
# back in its place; and no call may be lost or answered wrongly because the CPU that it is on goes, or
# because its virtual CPU comes to one that was not tested yet.
. /opt/crossover/test/lab/vmfunc.inc
last=$(($(nproc) - 1))
cpu=/sys/devices/system/cpu/cpu$last/online
[ -e "$cpu" ] || skip "CPU $last cannot be switched off here"
down

log_look
host_up
guest_up mgr
guest_up web
xo link --engine vmfunc mgr web || fail "refused"
logged "EPTP list self-test passed on $((last + 1)) CPUs"
echo 0 >"$cpu" || fail "CPU $last does not go"
xo unlink mgr web
xo link --engine vmfunc mgr web || fail "refused while a CPU is away"
! log_since | grep "EPTP list" || fail "tested though nothing came"
echo 1 >"$cpu" || fail "CPU $last does not come back"
xo unlink mgr web
xo link --engine vmfunc mgr web || fail "refused after it came back"
logged "EPTP list self-test passed on $((last + 1)) CPUs"

# the same with calls under way, on that very CPU
vmfunc_up
there() { taskset -a -p -c "$last" "$(vm_pid mgr)" >/dev/null || fail "taskset"; }
for round in 1 2; do
	there
	ENGINE=any caller_start until 2 /tmp/stop
	log_look
	echo 0 >"$cpu" || fail "CPU $last does not go with calls on it"
	sleep 0.2
	echo 1 >"$cpu" || fail "CPU $last does not come back"
	there
	# who was refused there asks again a second later
	sleep 2.5
	logged "EPTP list self-test passed on $((last + 1)) CPUs"
	mgr touch /tmp/stop
	caller_end | tee /tmp/until
	grep -q '^right: until' /tmp/until || fail "round $round: calls went wrong"
	grep -q 'engine vmfunc' /tmp/until || fail "round $round: calls did not find back to vmfunc"
done
taskset -a -p -c "0-$last" "$(vm_pid mgr)" >/dev/null
vmfunc_down
expect_eq "nobody is left in a call" "$(link_stat busy)" 0
down
