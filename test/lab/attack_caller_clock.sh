# SPDX-License-Identifier: GPL-2.0
# S8: a caller's kernel that sets its clock forward, by months, must not take its callee's with it: its calls are right, by
# exit, and visits again once it is back.
. /opt/crossover/test/lab/visitor.inc
up
by_visits "before"
mgr insmod $KO/xo_chores.ko || fail "xo_chores"
seconds() { web cut -d. -f1 /proc/uptime; }
tsc() { web $T/xo_visitor tsc; }
s=$(seconds) t=$(tsc)
mgr cat /sys/module/xo_chores/parameters/ahead || fail "ahead"
mgr $T/xo_visitor calls web 39 100 -1 || fail "its calls"
expect_eq "why they are no visits" "$(xo stat | grep -oE 'CLOCK_DIFFERS' | head -n 1)" CLOCK_DIFFERS
echo "web: $(($(tsc) - t)) ticks, $(($(seconds) - s)) s later"
[ $(($(tsc) - t)) -lt $((1 << 45)) ] || fail "web's TSC went along"
[ $(($(seconds) - s)) -lt 1000 ] || fail "web's clock went along"
mgr cat /sys/module/xo_chores/parameters/ahead || fail "back"
by_visits "afterwards"
mgr rmmod xo_chores || fail "rmmod xo_chores"
down
