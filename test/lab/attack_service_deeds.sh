# SPDX-License-Identifier: GPL-2.0
# A hostile service: whatever it executes, reads, writes, forges, and wherever it leaves, that call alone
# ends, with an error that the caller knows.
. /opt/crossover/test/attack_lib.sh
attack_up
attack "deeds" mgr "$A" deeds attack
web grep -q . /run/attack.out
command_owner nothing 1
faults=$(web sed -n 's/.*faults told //p' /run/attack.out | tail -n 1)
[ "$faults" -gt 0 ] || fail "the owner was told of no fault"
echo "faults told to the owner: $faults"
attack_end
