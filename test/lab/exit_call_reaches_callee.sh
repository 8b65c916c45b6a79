# SPDX-License-Identifier: GPL-2.0
# A call must never be answered by anything but the callee's kernel: the program's answer is web's,
# web's stub executed the calls (its link counts them), and without the router it is mgr's.
. /opt/crossover/test/lab/lib.sh
up
before=$(taken)
routed=$(mgr xo sh web -- cat /etc/vm-secret /etc/hostname) || fail "xo sh failed"
after=$(taken)
expect_eq "routed cat shows web's files" "$routed" "$(web cat /etc/vm-secret /etc/hostname)"
[ "$after" -gt "$before" ] || fail "web's stub executed nothing ($before -> $after)"
unrouted=$(mgr cat /etc/vm-secret /etc/hostname)
expect_ne "with routing off it is mgr's" "$unrouted" "$routed"
