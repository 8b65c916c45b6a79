# SPDX-License-Identifier: GPL-2.0
# While the callee's virtual CPU is busy a call that may not wait must never wait, and one that may must never fail.
. /opt/crossover/test/lab/visitor.inc
up
right() { sed -n 's/.*right=\([0-9]*\).*/\1/p'; }
busy() { sed -n 's/.*busy=\([0-9]*\).*/\1/p'; }
out=$(mgr $T/xo_visitor nowait web 39 -1 1) || fail "an idle callee: $out"
echo "idle: $out"
[ "$(right <<<"$out")" -ge 100 ] || fail "an idle callee has no time"
# of real time, so that the stub does not run beside it (but for a twentieth of each second)
web sh -c 'setsid chrt -f 50 sh -c "while :; do :; done" </dev/null >/dev/null 2>&1 & echo $! >/tmp/spin'
out=$(mgr $T/xo_visitor nowait web 39 -1 2) || fail "a busy callee: $out"
echo "busy: $out"
[ "$(busy <<<"$out")" -ge 20 ] || fail "of the calls of a busy callee that may not wait $(busy <<<"$out") did not"
calling wait; called wait
web sh -c 'kill -9 -- -$(cat /tmp/spin) 2>/dev/null || pkill -9 -f "while :"'
by_visits "and then"
down
