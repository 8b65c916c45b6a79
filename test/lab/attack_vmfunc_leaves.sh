# SPDX-License-Identifier: GPL-2.0
# VMFUNC by anybody: whatever leaf and index, from ring 3 (connected, once connected, never, in a VM
# that is not enrolled) and by a service, it is as if there were no such instruction.
. /opt/crossover/test/attack_lib.sh
attack_up
attack "leaves in mgr" mgr "$A" leaf
attack "leaves in web" web "$A" leaf alone
attack "leaves in plain" plain sh -c "[ -x $A ] || mount -t erofs -o ro /dev/vdb /opt/crossover 2>/dev/null; $A leaf alone"
attack "leaves by a service" mgr "$A" service-leaves attack
attack "leaves by a service of general registers" mgr "$A" service-leaves attack-gpr
attack "entries that gate text wrote" mgr "$A" poison
attack_end
