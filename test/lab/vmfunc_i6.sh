# SPDX-License-Identifier: GPL-2.0
# I6: a VM that is not enrolled must never notice that others call over vmfunc: over a fixed workload it
# takes the same exits by reason; and once the module is gone its hooks are, too, and VMFUNC is dead.
. /opt/crossover/test/lab/vmfunc.inc
. /opt/crossover/test/lab/i6.inc
owner_stop; down; exits >/dev/null
without=$(exits)
before=$(hooks)
vmfunc_up
[ -n "$(hooks)" ] || fail "no hook is shown while the module works: this test cannot see them"
ENGINE=vmfunc caller_start until 3 /tmp/stop
# (in mgr index 0 is home itself, for whoever asks)
dead plain; dead web
with=$(exits)
mgr touch /tmp/stop
caller_end
same_exits "$without" "$with"
no_more "$without" "$with" 18 59 48 49 # VMCALL, VMFUNC, EPT violation and misconfiguration
owner_stop
down
expect_eq "hooks after rmmod" "$(hooks)" "$before"
dead plain; dead mgr; dead web
