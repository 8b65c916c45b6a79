# SPDX-License-Identifier: GPL-2.0
# `xo vm exec` must never be stuck with a VM that hangs: a signal that may end the command ends xo then; and a
# command that takes its time to end, in a VM that answers, must not be given up.
. /opt/crossover/test/lab/lib.sh
pid=$(vm_pid web)
out=$(timeout -k 60 3 xo vm exec web -- sh -c 'trap "sleep 12; echo ended; exit 9" TERM; sleep 1000 & wait' </dev/null 2>&1)
expect_eq "what a slow end says" "$out" ended

xo vm exec web -- sleep 1000 </dev/null >/tmp/exec.out 2>&1 &
exec_pid=$!
sleep 1
kill -STOP "$pid"
sleep 1
kill -TERM $exec_pid
for _ in $(seq 40); do kill -0 $exec_pid 2>/dev/null || break; sleep 0.5; done
kill -KILL $exec_pid 2>/dev/null && { kill -CONT "$pid"; fail "xo vm exec does not end"; }
rc=0; wait $exec_pid || rc=$?
kill -CONT "$pid"
expect_eq "its status" $rc 125
grep -q "VM 'web' answers nothing since a signal" /tmp/exec.out || fail "it says: $(cat /tmp/exec.out)"
web pkill -x sleep
web true || fail "web is not alive"
