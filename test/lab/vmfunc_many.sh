# SPDX-License-Identifier: GPL-2.0
# Of many calls over vmfunc, short and long, none may be lost, made twice or answered wrongly while a
# timer interrupts each CPU of the host 1000 times a second: every interruption goes on.
# XO_MANY: how many null calls; a twentieth of that of other lengths.
. /opt/crossover/test/lab/vmfunc.inc
nulls=${XO_MANY:-100000}
vmfunc_up
insmod $KO/xo_tick.ko || fail "insmod xo_tick"
ticks() { cat /sys/module/xo_tick/parameters/ticks; }
t0=$(ticks)
caller nulls "$nulls"
a=$(ticks); echo "ticks: $((a - t0))"
n=$(awk '$1 == "nulls:" && $2 == "calls" { print $7 }' /tmp/caller)
caller lengths $((nulls / 20))
b=$(ticks); echo "ticks: $((b - a))"
l=$(awk '$1 == "lengths:" && $2 == "calls" { print $7 }' /tmp/caller)
caller vectors $((nulls / 50))
c=$(ticks); echo "ticks: $((c - b))"
v=$(awk '$1 == "vectors:" && $2 == "calls" { print $7 }' /tmp/caller)
rmmod xo_tick || fail "rmmod xo_tick"
for s in null plain vector; do
	echo "host: $s interrupts $(service_stat $s interrupts) restarts $(service_stat $s restarts)"
	expect_eq "calls of $s that ended badly" "$(service_stat $s faults)" 0
done
# the hard case happened, to calls of each kind
[ "$n" -ge $((nulls / 10000)) ] || fail "only $n of $nulls null calls were interrupted"
[ "$l" -ge $((nulls / 200)) ] || fail "only $l of $((nulls / 20)) long calls were interrupted"
[ "$v" -ge $((nulls / 10000)) ] || fail "only $v calls with vector registers were interrupted"
vmfunc_down
