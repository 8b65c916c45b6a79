# SPDX-License-Identifier: GPL-2.0
# What sh_equals_native forbids must not happen over `ring` either. One program for each kind of call; and that they
# went by the ring.
. /opt/crossover/test/lab/ring.inc
export XO_CHECKS='ps-aux ls-lR-etc cat uname df stat'
ring() { cell "web xo stat" RING mgr; }
c0=$(taken) r0=$(ring)
(
	. /opt/crossover/test/lab/sh_equals_native.sh
) || exit
calls=$(($(taken) - ${c0:-0})) ring=$(($(ring) - ${r0:-0}))
echo "$calls calls, of these $ring needed no host"
[ $ring -gt $((calls / 2)) ] || fail "less than half of them"
