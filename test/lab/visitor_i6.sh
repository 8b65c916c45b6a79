# SPDX-License-Identifier: GPL-2.0
# I6: a VM that is not enrolled must never notice that visitors run beside it: over a fixed workload it takes the
# same exits by reason as without; and once the module is gone its hooks are, too, and VMFUNC is dead.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/i6.inc
down; exits >/dev/null
without=$(exits)
before=$(hooks)
up
[ -n "$(hooks)" ] || fail "no hook is shown while the module works: this test cannot see them"
ppid=$(web cat /run/crossover-serve.pid)
mgr sh -c "setsid $T/xo_visitor until web 110 $ppid 600 >/tmp/until 2>&1 </dev/null & echo \$! >/tmp/until.pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(visits web)" -ge 100 ] && break; sleep 0.5; done
dead plain; dead web
v0=$(visits web)
with=$(exits)
v1=$(visits web)
mgr sh -c 'kill $(cat /tmp/until.pid); for i in 1 2 3 4 5 6 7 8 9 10; do grep -q ^until /tmp/until && break; sleep 0.3; done'
until=$(mgr cat /tmp/until)
echo "$until; $((v1 - v0)) visits beside plain's workload"
[ $((v1 - v0)) -ge 200 ] || fail "only $((v1 - v0)) visits ran beside it"
case $until in *' wrong=0 hostdown=0') ;; *) fail "the calls: $until" ;; esac
same_exits "$without" "$with"
no_more "$without" "$with" 0 18 31 48 49 59 # exception, VMCALL, RDMSR (the guard), EPT, VMFUNC
down
expect_eq "hooks after rmmod" "$(hooks)" "$before"
dead plain; dead mgr; dead web
