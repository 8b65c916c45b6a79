# SPDX-License-Identifier: GPL-2.0
# As tlb_visits, with two CPUs in the host and in either VM: callers on both of their VM's CPUs, so that the
# record is bound now to one and now to the other, and a server CPU that changes too.
. /opt/crossover/test/lab/tlb_visits.inc
echo "model: $(model)"
visits_up
web insmod $KO/xo_churn.ko hz=200 || fail "xo_churn"
before=$(condemned)
native_churn 3
mgr sh -c "taskset 2 $T/xo_visitor until web 110 $ppid 4 & taskset 1 $T/xo_visitor until web 110 $ppid 4; wait" ||
	fail "callers on two CPUs"
mgr $T/xo_visitor calls web 110 "${XO_N:-4000}" "$ppid" || fail "calls"
for _ in $(seq 100); do web test -e /tmp/churned && break; sleep 0.5; done
[ "$(web cat /tmp/churned)" -gt 0 ] || fail "the callee did not churn: $(web cat /tmp/churn.out)"
churned 100 4000
[ "$(visits web)" -gt 1000 ] || fail "only $(visits web) visits"
web rmmod xo_churn || fail "rmmod xo_churn"
down
echo "model: $(model)"
expect_eq "stale translations" "$(reports)" 0
[ $(($(condemned) - before)) -gt 100 ] || fail "little stayed that anybody believed gone: nothing was tested"
