# SPDX-License-Identifier: GPL-2.0
# While the callee's virtual CPU is busy a call that may not wait must never wait, and one that may must never fail.
. /opt/crossover/test/lab/visitor.inc
up
mgr sh -c "setsid $T/xo_visitor nowait web 39 -1 8 >/tmp/nowait 2>&1 </dev/null &"
visited "an idle callee"
# of real time, so that the stub does not run beside it (but for a twentieth of each second); it ends itself, since
# nobody else has time there to end it
web sh -c 'setsid timeout -s KILL 3 chrt -f 50 sh -c "while :; do :; done" </dev/null >/dev/null 2>&1 &'
for _ in $(seq 300); do mgr grep -q . /tmp/nowait && break; sleep 0.1; done
out=$(mgr cat /tmp/nowait); echo "$out"
grep -q '^nowait right=' <<<"$out" || fail "the calls"
expect_count() { [ "$(sed -n "s/.*$1=\([0-9]*\).*/\1/p" <<<"$out")" -ge "$2" ] || fail_at "of these calls too few were $1"; }
expect_count right 100
expect_count busy 20
# A time slice or two of the spinning VM; who waits, does so for the rest of a second, 50,000,000 ticks.
ticks=$(sed -n 's/.*longest_busy_ticks=\([0-9]*\).*/\1/p' <<<"$out")
[ "$ticks" -lt 20000000 ] || fail "a call that may not wait took $ticks ticks until it said so"
by_visits "and then"
down
