# SPDX-License-Identifier: GPL-2.0
# As attack_callee_kernel, with every byte of the window; of those that the callee's kernel itself dies of, as natively,
# its caller must get EHOSTDOWN, with nothing left of it, and nobody else may notice.
step=1
. /opt/crossover/test/lab/attack_callee_kernel.sh

up
mgr insmod $KO/xo_attack.ko || fail "xo_attack"
for n in 0 1 2 3 4 5 6; do
	up; web insmod $KO/xo_deeds.ko || fail "xo_deeds"
	(mgr $T/xo_attack visits deadly $n >/tmp/deadly 2>&1; echo "status $?" >>/tmp/deadly) &
	for _ in $(seq 60); do timeout 10 xo vm exec web -- true </dev/null 2>/tmp/why || break; sleep 0.5; done
	xo vm kill web || fail "xo vm kill web"
	for _ in $(seq 20); do xo vm start web 2>/tmp/why && break; sleep 0.5; done
	xo vm wait web --timeout 200 || fail "web does not come back: $(cat /tmp/why)"
	wait; cat /tmp/deadly
	grep -q '^status 0' /tmp/deadly || fail "deadly byte $n"
done
mgr rmmod xo_attack
down
