# SPDX-License-Identifier: GPL-2.0
# A caller's kernel in the gate: VMFUNC and gate text at every byte in ring 0, an IDT that the service
# can write, CR0.TS: no service runs for it, and no host address is seen.
. /opt/crossover/test/attack_lib.sh
attack_up
mgr sh -c "[ -e /dev/xo_attack ] || insmod $KO/xo_attack.ko" || fail "insmod xo_attack in mgr"
attack "ring 0" mgr "$A" ring0
mgr rmmod xo_attack
attack_end
