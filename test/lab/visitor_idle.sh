# SPDX-License-Identifier: GPL-2.0
# A stub that nobody calls must take no time from its VM: not longer than a second does it stay parked, a task that
# runs; it sleeps then as any server, and its session's calls are visits again as soon as there are some.
. /opt/crossover/test/lab/visitor.inc
up
stub() { web sh -c 'pgrep -P "$(cat /run/crossover-serve.pid)"'; }
parks() { $T/xo_visitor records | sed -n 's/.* parks=\([0-9]*\).*/\1/p'; }
calling idle
mgr pkill -STOP -x xo_visitor || fail "pkill -STOP"
sleep 3
expect_eq "states of the stub's threads" "$(web sh -c "awk '{ print \$3 }' /proc/$(stub)/task/*/stat | sort -u")" S
expect_eq "records" "$(records)" 1
n=$(parks); [ "${n:-0}" -gt 0 ] || fail "it never parked"
sleep 2
expect_eq "how often it has parked" "$(parks)" "$n"
mgr pkill -CONT -x xo_visitor || fail "pkill -CONT"
visited "again"
called idle
down
