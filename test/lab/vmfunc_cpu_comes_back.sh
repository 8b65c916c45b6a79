# SPDX-License-Identifier: GPL-2.0
# Hazard "list rereads": the self-test of a processor that left must not count for the one that comes
# back in its place.
. /opt/crossover/test/lab/lib.sh
last=$(($(nproc) - 1))
cpu=/sys/devices/system/cpu/cpu$last/online
[ -e "$cpu" ] || skip "CPU $last cannot be switched off here"
down
# The log since the last `look`; it stays whole, for who looks for warnings in it afterwards.
looks=0
look() { looks=$((looks + 1)); echo "look $looks" >/dev/kmsg; }
since() { dmesg | sed "1,/look $looks\$/d"; }
logged() { since >/tmp/log; grep -qE "$1" /tmp/log || { cat /tmp/log; fail "the log does not say: $1"; }; look; }

look
host_up
guest_up mgr
guest_up web
xo link --engine vmfunc mgr web || fail "refused"
logged "EPTP list self-test passed on $((last + 1)) CPUs"
echo 0 >"$cpu" || fail "CPU $last does not go"
xo unlink mgr web
xo link --engine vmfunc mgr web || fail "refused while a CPU is away"
! since | grep "EPTP list" || fail "tested though nothing came"
echo 1 >"$cpu" || fail "CPU $last does not come back"
xo unlink mgr web
xo link --engine vmfunc mgr web || fail "refused after it came back"
logged "EPTP list self-test passed on $((last + 1)) CPUs"
down
