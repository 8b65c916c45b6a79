# SPDX-License-Identifier: GPL-2.0
# On a host with one CPU a link on `ring` must never poll, nor lose a call: who polls keeps the other from
# answering. It says so, the VMs see `exit`, and calls are right.
. /opt/crossover/test/lab/lib.sh
[ "$(nproc)" = 1 ] || skip "the host has more than one CPU"
up
said=$(xo link mgr web --engine ring) || fail "xo link --engine ring"
echo "$said"
grep -q 'this host has one CPU' <<<"$said" || fail "it does not say so"
expect_eq "the host remembers" "$(cell "xo stat" ENGINE mgr web)" ring
xo doctor >/tmp/doctor || true
grep -qE '^a CPU to burn +no +1 CPU' /tmp/doctor || { cat /tmp/doctor; fail "xo doctor does not say so"; }
calls=$(link_stat calls)
expect_eq "a routed call is web's" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
[ "$(link_stat calls)" -gt "$calls" ] || fail "the calls did not go by exit"
expect_eq "mgr sees" "$(cell "mgr xo stat" ENGINE web)" exit
expect_eq "web sees" "$(cell "web xo stat" ENGINE mgr)" exit
expect_eq "calls that needed no host" "$(cell "web xo stat" RING mgr)" 0
engine exit
