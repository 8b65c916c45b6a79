# SPDX-License-Identifier: GPL-2.0
# On a link with --ibpb no call may fail, or stop being a visit, for the barrier; and links can be switched to and fro.
# (The emulated processor has none. The kernel is made to believe so, the runtime's WRMSR is left out, and the caller's
# faults, as where the host refuses it.)
. /opt/crossover/test/lab/visitor.inc
down
host_up
insmod $KO/xo_stale.ko plant=ibpb || fail "xo_stale"
up
xo link mgr web --engine vmfunc --kernel --ibpb >/tmp/out || fail "xo link --ibpb"
grep -q 'switched' /tmp/out && grep -q 'clears the branch predictors, twice' /tmp/out || { cat /tmp/out; fail "what xo link says"; }
xo ls --json | tr -d ' \n' | grep -q '"kernel":true,"ibpb":true' || fail "xo ls --json"
by_visits "with IBPB"
# an exit before each instruction of a call, those of the runtime with the barrier among them
ppid=$(web cat /run/crossover-serve.pid)
echo N >/sys/module/crossover/parameters/suspend || fail "suspend=N"
mgr $T/xo_visitor forced web 110 "$ppid" 0 || fail "an exit at each instruction"
echo Y >/sys/module/crossover/parameters/suspend
calling ibpb
for _ in 1 2 3; do
	xo link mgr web --engine vmfunc --kernel >/dev/null || fail "without"
	visited "without"
	xo link mgr web --engine vmfunc --kernel --ibpb >/dev/null || fail "with"
	visited "with"
done
called ibpb
serve_stop; xo unlink mgr web
rmmod xo_stale || fail "rmmod xo_stale"
expect_status "a processor without" 1 xo link mgr web --engine vmfunc --kernel --ibpb
expect_says "why" 'this processor has no IBPB'
down
