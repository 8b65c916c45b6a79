# SPDX-License-Identifier: GPL-2.0
# A service always hears the WID and name of the VM that calls, whatever that VM writes.
. /opt/crossover/test/attack_lib.sh
attack_up
wid=$(xo ls --json | jq -r '.vms[] | select(.name == "mgr") | .wid')
attack "who calls" mgr "$A" wid mgr "$wid"
attack "two processes at once" mgr sh -c "$A wid mgr $wid >/tmp/wid.1 & $A wid mgr $wid >/tmp/wid.2; a=\$?; wait \$!; b=\$?; cat /tmp/wid.1 /tmp/wid.2; exit \$((a + b))"
# another VM as a second caller
guest_up plain
xo link plain web --engine vmfunc || fail "xo link plain web"
other=$(xo ls --json | jq -r '.vms[] | select(.name == "plain") | .wid')
mgr sh -c "$A caller 30 7 >/tmp/caller.log 2>&1 &"
attack "another VM" plain "$A" wid plain "$other"
xo unlink plain web
vm plain rmmod crossover_guest
xo unenrol plain
attack_end
