# SPDX-License-Identifier: GPL-2.0
# I6: a VM that is not enrolled must never notice that others call over vmfunc: over a fixed workload it
# takes the same exits by reason; and once the module is gone its hooks are, too, and VMFUNC is dead.
. /opt/crossover/test/lab/vmfunc.inc
tr=/sys/kernel/tracing
pid=$(vm_pid plain)
# exits of plain's threads by reason, over 30 forks; see i6_unenrolled_vm_undisturbed
exits() {
	local t f=
	for t in /proc/"$pid"/task/*; do f="$f${f:+ || }common_pid == ${t##*/}"; done
	echo "hist:keys=exit_reason:size=256 if $f" >$tr/events/kvm/kvm_exit/trigger || fail "tracing"
	vm plain sh -c 'i=0; while [ $i -lt 30 ]; do /bin/true; i=$((i+1)); done; cat /proc/cpuinfo >/dev/null'
	grep -oE 'exit_reason: +[0-9]+ .*hitcount: +[0-9]+' $tr/events/kvm/kvm_exit/hist |
		awk '{ print $2, $NF }' | sort -n
	echo "!hist:keys=exit_reason:size=256 if $f" >$tr/events/kvm/kvm_exit/trigger
}
hooks() { grep -E 'crossover|kvm_load_(guest|host)_xsave_state' $tr/enabled_functions; }
dead() { # WHERE: VMFUNC is no instruction there
	vm "$1" $T/xo_caller dead || fail_at "VMFUNC is alive in $1"
}
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
echo "reason count without: $(echo $without)"; echo "reason count with:    $(echo $with)"
[ -n "$without" ] || fail "no exit was counted: the trace does not work"
for r in 18 59 48 49; do # VMCALL, VMFUNC, EPT violation and misconfiguration beyond what it did before
	a=$(echo "$without" | awk -v r=$r '$1 == r { print $2 }'); b=$(echo "$with" | awk -v r=$r '$1 == r { print $2 }')
	[ $((${b:-0})) -le $((${a:-0} * 12 / 10 + 40)) ] || fail "exits of reason $r rose from ${a:-0} to ${b:-0}"
done
# synchronous reasons (all but interrupt, window, HLT, timer) within noise
sync() { echo "$1" | awk '$1 != 1 && $1 != 7 && $1 != 12 && $1 != 52 && $1 != 32 { s += $2 } END { print s + 0 }'; }
a=$(sync "$without"); b=$(sync "$with")
[ $((b * 10)) -le $((a * 12 + 200)) ] || fail "synchronous exits rose from $a to $b"
[ $((a * 10)) -le $((b * 12 + 200)) ] || fail "synchronous exits fell from $a to $b"
owner_stop
down
expect_eq "hooks after rmmod" "$(hooks)" "$before"
dead plain; dead mgr; dead web
