# SPDX-License-Identifier: GPL-2.0
# A caller's kernel in the kernel worlds' gate: entered at every byte in ring 0, with registers, stack, flags, tables and
# control registers of its choice, it must never see a host address, nor run its callee's kernel otherwise than that
# wants; records and slots that are not its own must be refused, and without a link the gate must lead nowhere.
# `step`: each so many-th byte is entered.
. /opt/crossover/test/lab/visitor.inc
up
web insmod $KO/xo_deeds.ko || fail "xo_deeds"
mgr insmod $KO/xo_attack.ko || fail "xo_attack"
mgr $T/xo_attack kgate "${step:-59}" || fail "the gate"
$T/xo_visitor records
web $T/xo_visitor visits
xo unlink mgr web || fail "xo unlink"
mgr $T/xo_attack kgate-unlinked || fail "the gate without a link"
mgr rmmod xo_attack
serve_stop; web rmmod xo_deeds || fail "rmmod xo_deeds"
for v in mgr web plain; do vm $v true || fail "VM $v is not alive"; done
down
