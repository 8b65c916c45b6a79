# SPDX-License-Identifier: GPL-2.0
# A hostile service: whatever it executes, reads, writes, forges, and wherever it leaves, that call alone
# ends, with an error that the caller knows; host and owner count exactly the faults that there were.
. /opt/crossover/test/attack_lib.sh
told() { command_owner nothing 1; owner_done nothing 1; web sed -n 's/^done.*faults told //p' /run/attack.out | tail -n 1; }
counted() { xo stat | awk '/^VM.*SERVICE/ { on = 1; next } /^$/ { on = 0 } on && $2 == "attack" { print $6 }'; }
attack_up
expect_eq "faults at first" "$(counted)" 0
attack "what no service may do" mgr "$A" deeds attack genuine | tee /tmp/deeds.log || exit 1
made=$(sed -n 's/^faults //p' /tmp/deeds.log)
[ "$made" -gt 0 ] || fail "no fault was made"
expect_eq "faults that the host counted, of $made" "$(counted)" "$made"
[ "$(told)" -gt 0 ] || fail "the owner was told of no fault"
echo "faults made, and counted by the host: $made"
attack "forged ways out" mgr "$A" deeds attack forged "${step:-7}"
attack_end
