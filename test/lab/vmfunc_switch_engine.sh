# SPDX-License-Identifier: GPL-2.0
# No call may be lost, made twice or answered wrongly because its link's engine is switched under it, and
# calls go by the engine that the link has.
. /opt/crossover/test/lab/vmfunc.inc
vmfunc_up
ENGINE=any caller_start until 4 /tmp/stop
for _ in 1 2 3 4 5 6; do
	link_engine exit; sleep 0.2
	link_engine vmfunc; sleep 0.2
done
# callers that are always inside do not keep their connections: no call begins there any more
link_engine exit
for _ in $(seq 100); do
	xo stat | grep -q 'no connection to a service over vmfunc' && break; sleep 0.1
done
expect_status "xo stat" 0 xo stat
expect_says "connections have ended while calls went on" 'no connection to a service over vmfunc'
mgr touch /tmp/stop
caller_end | tee /tmp/until
link_engine vmfunc
grep -q '^right: until' /tmp/until || fail "calls went wrong"
awk '$1 == "until:" { exit !($3 > 100 && $5 > 20) }' /tmp/until || fail "one of the engines was not used"
# a new connection, and an old one, both go by the engine of the link
caller null 10
link_engine exit
ENGINE="exit" caller null 10
expect_eq "the link's engine as told" "$(link_stat engine)" exit
link_engine vmfunc
caller null 10
# said once more without an engine: it stays
expect_status "xo link without an engine" 0 xo link mgr web;	expect_says "so it is" 'exists already'
expect_eq "the link's engine" "$(link_stat engine)" vmfunc
vmfunc_down
expect_eq "nobody is left in a call" "$(link_stat busy)" 0
