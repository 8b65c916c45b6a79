# SPDX-License-Identifier: GPL-2.0
# A system call that cannot be a visit must never fail or go astray for it: it goes by exit, right, and xo stat, xo link
# and xo doctor say which condition does not hold, and what to do, until it does. So it is with a condition that
# fails already when a link is made; what cannot pass is refused.
. /opt/crossover/test/lab/visitor.inc
# keeper_starts CPU: VM keeper, on that processor model; its module is not loaded
keeper_starts() {
	{ cat /etc/crossover/vm.conf; echo "CPU=$1"; } >/tmp/keeper.conf
	for _ in $(seq 20); do xo vm --config /tmp/keeper.conf start keeper:192:1 2>/tmp/out && break; sleep 0.5; done
	{ xo vm wait --timeout 120 keeper && xo enrol keeper; } || { cat /tmp/out; fail "VM keeper"; }
}
keeper_serves() {
	guest_up keeper
	vm keeper sh -c "mkdir -p /etc/crossover; echo '$open_policy' >/etc/crossover/policy; xo serve --daemon" || fail "xo serve in keeper"
	theirs=$(vm keeper pidof xo)
}
keeper_ends() { vm keeper sh -c 'pkill xo; sleep 1; rmmod crossover_guest'; xo unenrol keeper; xo vm kill keeper; }
calls_keeper() { mgr $T/xo_visitor calls keeper 110 100 "$theirs" || fail "calls of keeper"; }
up
ppid=$(web cat /run/crossover-serve.pid)
now() { cell "xo stat" SYSTEM-CALLS mgr web; }
calls() { mgr "$@" $T/xo_visitor calls web 110 300 "$ppid" >/tmp/calls || { cat /tmp/calls; fail_at "300 calls"; }; }
expect_status "xo link says what it is" 0 xo link mgr web --engine vmfunc --kernel
expect_says "again" 'exists already'
calls
expect_eq "system calls of mgr -> web" "$(now)" visits
expect_status "doctor" 0 xo doctor;		expect_says "visits" 'mgr -> web by visits +ok +nothing is known'
v0=$(visits mgr)
[ "$v0" -ge 200 ] || fail "only $v0 visits: the rest would show nothing"
# a task whose CR4 has TSD, which the stub's has not: KVM does not see that bit change, the host compares it
calls $T/xo_visitor notsc
[ $(($(visits mgr) - v0)) -le 5 ] || fail "$(($(visits mgr) - v0)) of its calls were visits"
expect_eq "system calls of mgr -> web" "$(now)" exit
xo stat
expect_status "stat" 0 xo stat;			expect_says "why" '[1-9][0-9]* +CONTROL_DIFFERS +mgr -> web: .*CR0 or CR4: start both with'
expect_status "doctor" 0 xo doctor;		expect_says "why" 'mgr -> web by visits +no +mgr -> web: .*CR0 or CR4: start both with'
expect_status "link" 0 xo link mgr web --engine vmfunc --kernel
expect_says "why" 'system calls go by exit at present; mgr -> web: .*CR0 or CR4: start both with'
xo stat --json | tr -d '\n' | grep -q '"system_calls": *"exit", *"reason": *"CONTROL_DIFFERS", *"why": *"mgr -> web: ' || fail "xo stat --json"
# and others' calls are visits as before
v0=$(visits mgr)
calls
[ $(($(visits mgr) - v0)) -ge 200 ] || fail "only $(($(visits mgr) - v0)) of 300 calls were visits again"
expect_eq "system calls of mgr -> web" "$(now)" visits
# a callee whose kernel is a hypervisor, as far as KVM sees: it would not notice what visits do to its VMs' page tables
web insmod $KO/xo_chores.ko || fail "xo_chores"
vmxe=/sys/module/xo_chores/parameters/hypervisor
said=$(web cat $vmxe)
echo "hypervisor in web: $said"
if [ "$said" = on ]; then
	v0=$(visits mgr)
	calls
	[ $(($(visits mgr) - v0)) -le 5 ] || fail "$(($(visits mgr) - v0)) of its calls were visits"
	expect_status "stat" 0 xo stat;		expect_says "why" 'HYPERVISOR +mgr -> web: .*hypervisor of its own.*-vmx'
	expect_eq "and no more" "$(web cat $vmxe)" off
	sleep 1
	v0=$(visits mgr)
	calls
	[ $(($(visits mgr) - v0)) -ge 100 ] || fail "only $(($(visits mgr) - v0)) of 300 calls were visits again"
fi
web rmmod xo_chores || fail "rmmod xo_chores"
# evictions, by their names: calls that block ask for it by a hypercall
web sh -c 'rm -f /tmp/pipe; mkfifo /tmp/pipe'
mgr $T/xo_visitor_files waits web /tmp/pipe >/tmp/waits 2>&1 &
pid=$! told=
while kill -0 $pid 2>/dev/null; do
	xo stat >/tmp/stat
	grep -qE '^mgr +web +[1-9][0-9]* +18 +VMCALL' /tmp/stat && told=yes
	sleep 0.2
done
wait $pid || { cat /tmp/waits; fail "the calls meanwhile"; }
[ "$told" ] || { cat /tmp/stat; fail "no eviction is told by its name"; }
# a callee whose kernel uses PCIDs, linked before anybody can tell, then once more
keeper_starts host,-umip,-pku,-kvm-pv-tlb-flush
expect_status "a link that cannot be judged yet" 0 xo link --engine vmfunc --kernel mgr keeper
keeper_serves
calls_keeper
expect_status "stat" 0 xo stat;			expect_says "why" 'PCID +mgr -> keeper: .*PCIDs.*-pcid'
expect_status "doctor" 0 xo doctor;		expect_says "why" 'mgr -> keeper by visits +no .*PCIDs.*-pcid'
xo unlink mgr keeper
expect_status "a link that can" 0 xo link --engine vmfunc --kernel mgr keeper
expect_says "why" 'system calls go by exit at present; mgr -> keeper: .*PCIDs.*-pcid'
calls_keeper
expect_status "and said again" 0 xo link --engine vmfunc --kernel mgr keeper
expect_says "why" 'system calls go by exit at present; mgr -> keeper: .*PCIDs.*-pcid'
expect_eq "pages of keeper that are pinned for nothing" "$(cell "xo stat" ADDED mgr keeper)" 0
xo unlink mgr keeper
# this processor has no barrier: nothing is made that would go without
expect_status "IBPB" 1 xo link --engine vmfunc --kernel --ibpb mgr keeper
expect_says "why" 'this processor has no IBPB.*leave --ibpb out';	expect_says "what else" 'no link was made.*xo link mgr keeper'
expect_status "IBPB of what" 2 xo link --engine vmfunc --ibpb mgr keeper
expect_status "the link that is offered" 0 xo link mgr keeper
expect_status "and then" 1 xo link --engine vmfunc --kernel --ibpb mgr keeper
expect_says "how its calls go" 'mgr -> keeper is as it was, its engine is exit'
xo unlink mgr keeper; keeper_ends
# and one whose kernel leaves flushes to KVM
keeper_starts host,-umip,-pku,-pcid
expect_status "a link" 0 xo link --engine vmfunc --kernel mgr keeper
keeper_serves
calls_keeper
expect_status "stat" 0 xo stat;			expect_says "why" 'PV_TLB_FLUSH +mgr -> keeper: .*-kvm-pv-tlb-flush'
xo unlink mgr keeper; keeper_ends
down
