# SPDX-License-Identifier: GPL-2.0
# S4, S5, S6: a callee's kernel, in ring 0 of its caller's virtual CPU, must neither find anything of the caller's in
# its registers nor leave anything there, whatever it loads, executes or jumps to; no hypercall of its may be done in the
# caller's name; and the caller of one that never returns, goes to ring 3 or dies must get a defined error.
# `step`: of the window's bytes each so many-th is entered.
. /opt/crossover/test/lab/visitor.inc
hostile() {
	web insmod $KO/xo_deeds.ko || fail_at "xo_deeds"
	# it may die, and that is no trouble of this machine's
	web sh -c 'echo 0 0 0 0 >/proc/sys/kernel/printk'
}
# a kernel that jumped anywhere may be dead, or worse
another_callee() {
	xo vm kill web; vm_start_again web
	xo vm wait web --timeout 100 || fail_at "web does not start again"
	up; hostile
}
# all jumps; one that the callee does not survive is followed by the next one of another callee
jumps() {
	local from=0 deaths=0 out rc
	while :; do
		rc=0; out=$(mgr $T/xo_attack visits window "${step:-31}" "$from") || rc=$?
		echo "$out"
		[ $rc = 4 ] || break
		from=$(sed -n 's/^jump \([0-9]*\),.*/\1/p' <<<"$out")
		deaths=$((deaths + 1))
		[ -n "$from" ] || fail_at "which jump?"
		another_callee
	done
	echo "callees that did not survive: $deaths"
	return $rc
}
up; hostile
mgr insmod $KO/xo_attack.ko || fail "xo_attack"
for part in deeds leave; do mgr $T/xo_attack visits $part || fail "$part"; done
jumps || fail "jumps"
mgr $T/xo_attack visits last || fail "last"
$T/xo_visitor records
mgr rmmod xo_attack
serve_stop; web rmmod xo_deeds || fail "rmmod xo_deeds"
# what it has said of itself is no trouble either
web sh -c 'echo 4 4 1 7 >/proc/sys/kernel/printk; dmesg -C'
for v in mgr web plain; do vm $v true || fail "VM $v is not alive"; done
down
