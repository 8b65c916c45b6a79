# SPDX-License-Identifier: GPL-2.0
# T1, hazard S2: neither a visitor nor its callee's own CPU may ever use a translation that the other of the
# two has flushed, while the callee changes its page tables natively and inside visits.
# XO_N: how many calls.
. /opt/crossover/test/lab/tlb_visits.inc
n=${XO_N:-2500}
echo "model: $(model)"
visits_up
web insmod $KO/xo_churn.ko hz=200 || fail "xo_churn"
before=$(condemned)
native_churn 2
mgr $T/xo_visitor calls web 110 "$n" "$ppid" || fail "$n calls"
for _ in $(seq 100); do web test -e /tmp/churned && break; sleep 0.5; done
[ "$(web cat /tmp/churned)" -gt 0 ] || fail "the callee did not churn: $(web cat /tmp/churn.out)"
churned 100 "$n"
[ "$(visits web)" -gt $((n / 2)) ] || fail "only $(visits web) visits"
web rmmod xo_churn || fail "rmmod xo_churn"
down
echo "model: $(model)"
expect_eq "stale translations" "$(reports)" 0
# Each change in a visit, and each native one between two visits, leaves something to the other of the two.
[ $(($(condemned) - before)) -gt $((n / 50)) ] || fail "little stayed that anybody believed gone: nothing was tested"
