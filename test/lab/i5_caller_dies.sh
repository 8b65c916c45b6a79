# SPDX-License-Identifier: GPL-2.0
# I5: a caller that is killed in mid-call must leave no slot, stub or descriptor behind.
. /opt/crossover/test/lab/lib.sh
up
web sh -c 'rm -f /tmp/fifo; mkfifo /tmp/fifo'
stubs() { xo ls | awk '$2 == "web" && $3 == "stub" { n++ } END { print n + 0 }'; }
before=$(stubs)
mgr bash -c 'for i in 1 2 3 4; do xo sh web -- cat /tmp/fifo & done; sleep 2; kill -9 $(jobs -p); wait' 2>/dev/null
for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(stubs)" = "$before" ] && [ "$(link_stat busy)" = 0 ] && break; sleep 0.5; done
expect_eq "stubs" "$(stubs)" "$before"
expect_eq "slots taken" "$(link_stat busy)" 0
expect_eq "and it goes on" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
