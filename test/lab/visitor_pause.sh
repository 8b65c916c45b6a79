# SPDX-License-Identifier: GPL-2.0
# A VM that its QEMU paused must not be visited, nor one whose memory QEMU watches, as for a migration: what a
# visitor writes there would be missing in what is saved. Paused, resumed and saved with calls under way, each
# call is right, and so is the VM.
. /opt/crossover/test/lab/lib.sh
n=${n:-4}
qmp() { $T/xo_qmp "$@" >/tmp/qmp || { cat /tmp/qmp; fail "QEMU refuses: $*"; }; }
paused() { qmp "$1" '{"execute":"stop"}'; }
resumed() { qmp "$1" '{"execute":"cont"}'; }
parks() { $T/xo_visitor records | sed -n 's/.* parks=\([0-9]*\).*/\1/p' | awk '{ n += $1 } END { print n + 0 }'; }
# memory FILE: of web, as it is now
memory() { qmp web "{\"execute\":\"pmemsave\",\"arguments\":{\"val\":1048576,\"size\":67108864,\"filename\":\"$1\"}}"; }
calling() {
	mgr sh -c "rm -f /tmp/until; setsid sh -c '$T/xo_visitor until web 39 -1 900 >/tmp/until 2>&1; echo status \$? >>/tmp/until' </dev/null >/dev/null 2>&1 &"
	visited
}
# visited: new visits are made
visited() {
	local v
	v=$(visits mgr)
	for _ in $(seq 100); do [ "$(visits mgr)" -gt $((v + 100)) ] && return; sleep 0.1; done
	fail_at "no visits"
}
host_up; guest_up mgr; guest_up web
engine visit
policy "$open_policy"
calling
for i in $(seq "$n"); do
	sleep "0.$((i % 7 + 1))"; paused web
	# all of it as it was, though mgr calls and calls
	memory /tmp/mem1; p=$(parks); sleep 0.5; memory /tmp/mem2
	cmp /tmp/mem1 /tmp/mem2 || fail "memory of a VM that was paused changed"
	expect_eq "parks of a VM that was paused" "$(parks)" "$p"
	resumed web; visited
	paused mgr; sleep 0.2; resumed mgr; visited
done
rm -f /tmp/mem1 /tmp/mem2

# saved while it runs: first its memory is watched, then it is paused
qmp web '{"execute":"migrate","arguments":{"uri":"exec:cat >/tmp/saved"}}'
for _ in $(seq 300); do
	qmp web '{"execute":"query-migrate"}'
	grep -qE '"status": "(completed|failed)"' /tmp/qmp && break
	expect_eq "records while the memory is watched" "$($T/xo_visitor records | grep -c 'state=1')" 0
	sleep 0.3
done
grep -q '"status": "completed"' /tmp/qmp || fail "not saved: $(cat /tmp/qmp)"
expect_ne "what was saved" "$(stat -c %s /tmp/saved)" 0
rm -f /tmp/saved
resumed web; visited
mgr sh -c 'pkill -TERM -x xo_visitor; for i in $(seq 100); do grep -q status /tmp/until && break; sleep 0.1; done'
out=$(mgr cat /tmp/until); echo "$out"
grep -q 'wrong=0 .*' <<<"$out" && grep -q 'status 0' <<<"$out" || fail "a call was not right"
down
