# SPDX-License-Identifier: GPL-2.0
# Whoever is interrupted in the gate context must never come home with an EPT pointer of the host in a
# register, wherever in gate text that was.
. /opt/crossover/test/attack_lib.sh
attack_up
insmod $KO/xo_tick.ko hz=${hz:-5000} || fail "insmod xo_tick"
attack "interrupts in the gate" mgr "$A" ticks "${count:-20000}"
rmmod xo_tick || fail "rmmod xo_tick"
attack_end
