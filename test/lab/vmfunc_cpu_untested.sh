# SPDX-License-Identifier: GPL-2.0
# Hazard "list rereads": nobody may be called by VMFUNC on a processor of the host that did not show
# that it reads its EPTP list anew each time.
. /opt/crossover/test/lab/lib.sh
down
last=$(($(nproc) - 1))

# One processor that takes an old entry for a new one: the engine is refused, the host goes on.
log_look
insmod $KO/crossover.ko fail_selftest=$last || fail "insmod"
guest_up mgr
guest_up web
expect_status "a processor that fails" 1 xo link --engine vmfunc mgr web
expect_says "the reason" 'did not pass the self-test of its EPTP list'
logged "CPU $last followed an old entry of its EPTP list, in round 1 of 1000"
expect_status "asked again" 1 xo link --engine vmfunc mgr web
! log_since | grep "EPTP list" || fail "a processor that failed is tested again and again"
up
expect_eq "exit works" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
down

# All pass: once, whoever asks how often.
log_look
host_up
guest_up mgr
guest_up web
xo link --engine vmfunc mgr web || fail "refused"
logged "EPTP list self-test passed on $(nproc) CPU"
xo unlink mgr web
xo link --engine vmfunc mgr web || fail "refused the second time"
! log_since | grep "EPTP list" || fail "tested twice"
down
