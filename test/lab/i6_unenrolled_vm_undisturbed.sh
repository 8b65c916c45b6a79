# SPDX-License-Identifier: GPL-2.0
# I6: a VM that is not enrolled must never notice the module: over a fixed workload it takes the
# same exits, by reason, whether the module is loaded (and works for others) or not.
. /opt/crossover/test/lab/lib.sh
tr=/sys/kernel/tracing
pid=$(vm_pid plain)
# exits of plain's threads by reason, for 40 forks and a CPUID loop; timers and interrupts are
# the clock's, not the workload's, and are printed only
exits() {
	local tids t f=
	for t in /proc/"$pid"/task/*; do f="$f${f:+ || }common_pid == ${t##*/}"; done
	echo "hist:keys=exit_reason:size=256 if $f" >$tr/events/kvm/kvm_exit/trigger || fail "tracing"
	vm plain sh -c 'i=0; while [ $i -lt 40 ]; do /bin/true; i=$((i+1)); done; cat /proc/cpuinfo >/dev/null'
	grep -oE 'exit_reason: +[0-9]+ .*hitcount: +[0-9]+' $tr/events/kvm/kvm_exit/hist |
		awk '{ print $2, $NF }' | sort -n
	echo "!hist:keys=exit_reason:size=256 if $f" >$tr/events/kvm/kvm_exit/trigger
}
down; exits >/dev/null
without=$(exits)
up; mgr xo sh web -- ls / >/dev/null
with=$(exits)
echo "reason count without: $(echo $without)"; echo "reason count with:    $(echo $with)"
[ -n "$without" ] || fail "no exit was counted: the trace does not work"
expect_eq "no VMCALL of ours" "$(echo "$with" | awk '$1 == 18 { print $2 }')" "$(echo "$without" | awk '$1 == 18 { print $2 }')"
# synchronous reasons (all but 1 external interrupt, 7 window, 12 HLT, 52 timer) within noise
sync() { echo "$1" | awk '$1 != 1 && $1 != 7 && $1 != 12 && $1 != 52 && $1 != 32 { s += $2 } END { print s + 0 }'; }
a=$(sync "$without"); b=$(sync "$with")
[ $((b * 10)) -le $((a * 12 + 200)) ] || fail "synchronous exits rose from $a to $b"
[ $((a * 10)) -le $((b * 12 + 200)) ] || fail "synchronous exits fell from $a to $b"
