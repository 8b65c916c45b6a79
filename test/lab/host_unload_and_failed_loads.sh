# SPDX-License-Identifier: GPL-2.0
# A load that fails at any step must leave nothing behind, and an unload must leave KVM as it was.
. /opt/crossover/test/lab/lib.sh
down
clean() {
	[ ! -e /dev/crossover ] || fail "$1: node left"
	expect_eq "$1: hooks left" "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" 0
	! grep -q '^crossover ' /proc/modules || fail "$1: module left"
}
clean before
steps=0
for s in $(seq 1 20); do
	if insmod $KO/crossover.ko fail_step="$s" 2>/dev/null; then rmmod crossover; break; fi
	clean "failed at step $s"; steps=$s
done
[ "$steps" -ge 3 ] || fail "only $steps steps could be failed: the switch does not work"
echo "every one of $steps steps failed in turn, nothing left behind"
up
expect_eq "then it works" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
down
clean after
