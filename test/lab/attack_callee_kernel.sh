# SPDX-License-Identifier: GPL-2.0
# S4, S5, S6: a callee's kernel, in ring 0 of its caller's virtual CPU, must neither find anything of the caller's in
# its registers nor leave anything there, whatever it loads, executes or jumps to; no hypercall of its may be done in the
# caller's name; and the caller of one that never returns, or goes to ring 3, must get a defined error.
# `step`: of the window's bytes each so many-th is entered.
. /opt/crossover/test/lab/visitor.inc
up
web insmod $KO/xo_deeds.ko || fail "xo_deeds"
mgr insmod $KO/xo_attack.ko || fail "xo_attack"
for part in deeds leave "window ${step:-31}" last; do
	# shellcheck disable=SC2086 # a word and its argument
	mgr $T/xo_attack visits $part || fail "$part"
done
$T/xo_visitor records
mgr rmmod xo_attack
serve_stop; web rmmod xo_deeds || fail "rmmod xo_deeds"
for v in mgr web plain; do vm $v true || fail "VM $v is not alive"; done
down
