# SPDX-License-Identifier: GPL-2.0
# On a link with --ibpb no visit may leave the barrier out, there or back, nor exit for it, nor harm a call; on one
# without none may pay for it. (The emulated processor clears nothing; that it is asked to is all that is seen here.)
. /opt/crossover/test/lab/visitor.inc
down
insmod $KO/xo_pretend.ko || fail "xo_pretend"
# with marks that part a visit; nothing else is different
GUEST_KO=$T/crossover_guest_counted.ko
up
# crossing: of a getppid without any exit, instructions
crossing() {
	mgr xo sh web -- $T/bench_syscalls parts vmfunc 40 >/tmp/rows || { cat /tmp/rows; fail_at "the calls"; }
	grep 'kind=getppid' /tmp/rows >&2
	[ "$(sed -n 's/.*kind=getppid.*visits=\([0-9]*\).*/\1/p' /tmp/rows)" -ge 20 ] || fail_at "no visits without an exit"
	sed -n 's/.*kind=getppid.*\tcrossing=\([0-9]*\).*/\1/p' /tmp/rows
}
without=$(crossing) || exit 1
xo link mgr web --engine vmfunc --kernel --ibpb >/tmp/out || fail "xo link --ibpb"
grep -q 'switched' /tmp/out && grep -q 'clears the branch predictors, twice' /tmp/out || { cat /tmp/out; fail "what xo link says"; }
with=$(crossing) || exit 1
echo "crossing: $without without, $with with IBPB"
expect_eq "instructions for it" $((with - without)) 8
xo ls --json | tr -d ' \n' | grep -q '"kernel":true,"ibpb":true' || fail "xo ls --json"
# an exit before each instruction of a call, the barriers' among them
ppid=$(web cat /run/crossover-serve.pid)
echo N >/sys/module/crossover/parameters/suspend || fail "suspend=N"
mgr $T/xo_visitor forced web 110 "$ppid" 0 || fail "an exit at each instruction"
echo Y >/sys/module/crossover/parameters/suspend
# there and back with calls under way
calling ibpb
for _ in 1 2 3; do
	xo link mgr web --engine vmfunc --kernel >/dev/null || fail "without"
	visited "without"
	xo link mgr web --engine vmfunc --kernel --ibpb >/dev/null || fail "with"
	visited "with"
done
called ibpb
xo link mgr web --engine vmfunc --kernel >/dev/null || fail "without"
expect_eq "instructions without it again" "$(crossing)" "$without"
down
rmmod xo_pretend || fail "rmmod xo_pretend"
