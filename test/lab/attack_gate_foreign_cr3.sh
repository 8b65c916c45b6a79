# SPDX-License-Identifier: GPL-2.0
# A caller's kernel in the gate with the page tables of another process, which is connected, or was: in ring
# 0 no service runs for it; in ring 3 it meets that process's gates, or none.
. /opt/crossover/test/attack_lib.sh
attack_up
mgr sh -c "[ -e /dev/xo_attack ] || insmod $KO/xo_attack.ko" || fail "insmod xo_attack in mgr"
attack "another process's CR3" mgr "$A" foreign "${step:-1}"
mgr rmmod xo_attack
attack_end
