# SPDX-License-Identifier: GPL-2.0
# A caller's kernel that overflows its stack must die of it as natively, though #DF exits while it is bound to a stub, and
# neither hang nor take its callee along.
. /opt/crossover/test/lab/visitor.inc
up
by_visits "before"
mgr insmod $KO/xo_chores.ko || fail "xo_chores"
# (Whose session stays, so that the CPU is bound.) Its last words are no trouble of this machine's
out=$(timeout 60 xo vm exec mgr -- sh -c "echo 0 0 0 0 >/proc/sys/kernel/printk; $T/xo_visitor until web 39 -1 900 & sleep 2; kill -STOP \$!; cat /sys/module/xo_chores/parameters/overflow" </dev/null 2>&1)
echo "$out"
grep -q "VM 'mgr' was reset" <<<"$out" || fail "mgr has not died of it"
web true || fail "web does not answer"
xo vm wait mgr --timeout 100 || fail "mgr does not start again"
up
by_visits "afterwards"
down
