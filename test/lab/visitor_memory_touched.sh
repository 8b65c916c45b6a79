# SPDX-License-Identifier: GPL-2.0
# A callee whose memory its host touches or replaces must never be visited in page frames that are not its own any
# more, and must come back to visits by itself, though a session that makes no calls has a stub that is parked. What
# looks for memory to merge, move or reclaim must not get pages that visitors use.
. /opt/crossover/test/lab/visitor.inc
mapped() { dmesg | grep -c "VM 'web': its memory is mapped"; }
# touched START BYTES HOW: web's memory; the main thread may have been busy
touched() {
	for _ in 1 2 3 4 5; do $T/xo_touch "$(vm_pid web)" "$@" && return; sleep 0.2; done
	fail_at "xo_touch $*"
}
again() { visited "$2"; [ "$(mapped)" -gt "$1" ] || fail_at "$2: its memory was not mapped anew"; }
up
# one session calls all the while, one waits in a call that was evicted, one made its calls and is idle
calling until
holding
mgr sh -c "setsid $T/xo_visitor idle web 900 >/tmp/idle 2>&1 </dev/null &"
for _ in $(seq 100); do [ "$(records)" = 3 ] && break; sleep 0.1; done
expect_eq "stubs that can be visited" "$(records)" 3
for i in 1 2 3; do
	m=$(mapped)
	touched 0x1000000 0x400000 protect
	again "$m" "$i: protected"
	# one page; then its kernel and what is behind that: whoever uses the old frames goes wrong from then on
	m=$(mapped)
	qmp web '{"execute":"stop"}'
	touched $((0x1000000 + i * 0x1000)) 0x1000 replace
	touched 0x1000000 0x4000000 replace
	qmp web '{"execute":"cont"}'
	again "$m" "$i: replaced"
done
m=$(mapped)
ksm=/sys/kernel/mm/ksm
[ ! -e $ksm/run ] || { echo 100 >$ksm/pages_to_scan; echo 1 >$ksm/run; }
for i in 1 2 3; do
	echo 1 >/proc/sys/vm/compact_memory; echo 3 >/proc/sys/vm/drop_caches
	visited "compacted, time $i"
done
[ ! -e $ksm/run ] || { echo 2 >$ksm/run; visited "merged"; }
echo "mapped anew because of those who merge, move and reclaim: $(($(mapped) - m)) times"
web sh -c 'printf still >/tmp/pipe'
held "the call that waited all the while" "errno=0 result=5 text='still'"
called until
down
expect_eq "pages pinned at the end" "$(host_pinned)" 0
