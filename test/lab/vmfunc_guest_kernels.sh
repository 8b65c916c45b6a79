# SPDX-License-Identifier: GPL-2.0
# Calls over vmfunc must never depend on whether the caller's kernel has page tables of its own for
# ring 3 (PTI): the CR3 that the gate context knows is the one of ring 3, with and without. A kernel without
# what the gate needs must not see a program die of it: its calls go by exit, before the first one too.
. /opt/crossover/test/lab/vmfunc.inc
vmfunc_up
meltdown() { vm "$1" cat /sys/devices/system/cpu/vulnerabilities/meltdown; }
xo vm start bare:192:1:pti=off && xo vm wait --timeout 120 bare || fail "a VM with pti=off does not start"
xo vm start clad:192:1:pti=on && xo vm wait --timeout 120 clad || fail "a VM with pti=on does not start"
expect_eq "bare is without PTI" "$(meltdown bare)" Vulnerable
expect_eq "clad has PTI" "$(meltdown clad)" "Mitigation: PTI"
for v in bare clad; do
	guest_up $v
	link_engine vmfunc $v
	caller_in $v null 1000 , arguments , vector , visit , no-exit , threads 4 100 , processes 4 50 , fork , short-lives 6
	grep -q "visit: caller $v " /tmp/caller || fail "the service was told of another caller than $v"
done
# all at once
vm bare $T/xo_caller vmfunc web threads 4 300 >/tmp/bare 2>&1 & pids=$!
vm clad $T/xo_caller vmfunc web processes 4 200 20 >/tmp/clad 2>&1 & pids="$pids $!"
caller null 3000
for p in $pids; do wait "$p" || { cat /tmp/bare /tmp/clad; fail "callers of three VMs at once"; }; done
for v in bare clad; do
	xo unlink $v web; vm $v rmmod crossover_guest || fail "rmmod in $v"
	xo unenrol $v || fail "unenrol $v"
	xo vm stop --timeout 30 $v || xo vm kill $v
done
# unfit VM WHY: linked before its kernel is up, when nobody can tell yet, then once more when it is
unfit() {
	local v=$1 why=$2
	xo vm wait --timeout 120 "$v" || fail "VM $v does not start"
	xo enrol "$v" || fail "enrol $v"
	expect_status "a link that cannot be judged yet" 0 xo link --engine vmfunc "$v" web
	guest_up "$v"
	ENGINE=exit caller_in "$v" null 20
	expect_status "doctor" 0 xo doctor;				expect_says "why" "$v over vmfunc +no .*$why"
	xo unlink "$v" web
	expect_status "a link that can" 1 xo link --engine vmfunc "$v" web; expect_says "why" "$why"
	expect_status "the link that is offered" 0 xo link "$v" web
	ENGINE=exit caller_in "$v" null 20
	xo unlink "$v" web; vm "$v" rmmod crossover_guest; xo unenrol "$v"; xo vm kill "$v"
}
xo vm start bald:192:1:nofsgsbase; unfit bald nofsgsbase
# with PCIDs a kernel changes CR3 and keeps what the gate context had cached by another
{ cat /etc/crossover/vm.conf; echo CPU=host,-umip,-pku,-kvm-pv-tlb-flush; } >/tmp/pcid.conf
xo vm --config /tmp/pcid.conf start keeper:192:1
unfit keeper 'PCIDs.*-pcid'
vmfunc_down
