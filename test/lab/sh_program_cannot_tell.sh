# SPDX-License-Identifier: GPL-2.0
# A routed program must never see other semantics than its own kernel's: descriptors shared, closed
# and polled, long and bad buffers, threads, signals, maps; what is refused is refused by name.
. /opt/crossover/test/lab/lib.sh
up
expect_status "natively in web" 0 web $T/xo_routed;		expect_says "all right" ', 0 wrong$'
calls=$(taken)
expect_status "routed from mgr" 0 mgr xo sh web -- $T/xo_routed routed
expect_says "all right" ', 0 wrong$'
[ $(($(taken) - calls)) -gt 500 ] || fail "web's stub executed too few calls"
expect_status "what the router does not know is named" 0 mgr xo stat
expect_says "by number's name" 'socket'
# Red without the router: what it promises to refuse is not refused.
expect_status "with routing off" 1 mgr $T/xo_routed routed
