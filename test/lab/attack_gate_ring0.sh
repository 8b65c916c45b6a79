# SPDX-License-Identifier: GPL-2.0
# A caller's kernel in the gate: VMFUNC and gate text at every byte in ring 0, an IDT that the service
# can write, CR0.TS: no service runs for it, and no host address is seen. With another process's CR3 it
# meets that process's gates, or none.
. /opt/crossover/test/attack_lib.sh
attack_up
mgr sh -c "[ -e /dev/xo_attack ] || insmod $KO/xo_attack.ko" || fail "insmod xo_attack in mgr"
attack "ring 0" mgr "$A" ring0
# the same, with the page tables of another process, which is connected, or was; there in ring 3, too
attack "another process's CR3" mgr "$A" foreign 8
mgr rmmod xo_attack
attack_end
