# SPDX-License-Identifier: GPL-2.0
# S8: a caller's kernel that sets its clock forward, by months, must not take its callee's with it: its calls are right, by
# exit, and visits again once it is back.
. /opt/crossover/test/lab/visitor.inc
up
by_visits "before"
mgr insmod $KO/xo_chores.ko || fail "xo_chores"
ahead=/sys/module/xo_chores/parameters/ahead
seconds() { web cut -d. -f1 /proc/uptime; }
tsc() { web $T/xo_visitor tsc; }
s=$(seconds) t=$(tsc)
tries=0
until xo stat | grep -q CLOCK_AHEAD; do
	tries=$((tries + 1)); [ $tries -le 30 ] || fail "its calls were visits, with that clock"
	mgr sh -c "[ \$(cat $ahead) = ahead ] || cat $ahead; $T/xo_visitor calls web 39 20 -1" || fail "its calls"
done
echo "web: $(($(tsc) - t)) ticks, $(($(seconds) - s)) s later"
[ $(($(tsc) - t)) -lt $((1 << 45)) ] || fail "web's TSC went along"
[ $(($(seconds) - s)) -lt 1000 ] || fail "web's clock went along"
mgr sh -c "[ \$(cat $ahead) = back ] || cat $ahead" || fail "back"
by_visits "afterwards"
mgr rmmod xo_chores || fail "rmmod xo_chores"
down
