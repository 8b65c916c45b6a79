# SPDX-License-Identifier: GPL-2.0
# I4, I5: processes, links, modules and VMs that end at random points of calls: each call ends with the
# right result or one of its defined errors, nothing is left, and all can start anew. `n` is the number of
# process kills (of caller, and of owner), pauses and unlinks, of switches a fifth; `unloads` of module
# unloads, `vms` of resets, and of kills, of either VM. Seed: `seed`.
. /opt/crossover/test/attack_lib.sh
n=${n:-2} unloads=${unloads:-1} vms=${vms:-0} seed=${seed:-1}
RANDOM=$seed
switches=$(((n + 4) / 5))
echo "seed $seed: $n kills of callers, of owners, pauses, unlinks each, $switches switches; $unloads unloads; $vms resets and kills of each VM"

# snooze: up to 0.2 s, so that what follows falls anywhere in a call
snooze() { sleep "0.$((RANDOM % 2))$((RANDOM % 10))"; }
# seeds N: that many numbers, for loops in a VM
seeds() { for _ in $(seq "$1"); do echo -n "$((RANDOM % 20)) "; done; }
callers_start() {
	mgr sh -c "for i in 1 2; do setsid $A caller 100000 \$((i + $RANDOM)) >/tmp/caller.\$i 2>&1 </dev/null & done"
}
# callers_end WHEN: what they met, summed
callers_end() {
	local out
	out=$(mgr sh -c 'pkill -TERM -x xo_attack; for i in $(seq 300); do pgrep -x xo_attack >/dev/null || break; sleep 0.1; done
		pgrep -x xo_attack && echo "still there"; cat /tmp/caller.*')
	echo "$1: $out"
	grep -q 'still there' <<<"$out" && fail "$1: a caller does not end"
	[ "$(grep -c 'wrong 0, errors undefined 0;' <<<"$out")" = 2 ] || fail "$1: a call ended as none may, or a caller did not report"
	if grep -q 'right 0,' <<<"$out"; then fail "$1: a caller never got through"; fi
}
pinned() { xo stat | awk '/^VM.*PINNED/ { on = 1; next } /^$/ { on = 0 } on { n += $6 } END { print n + 0 }'; }

attack_down() {
	mgr pkill -9 -x xo_attack; web pkill -9 -x xo_attack
	down
}
# a first time, so that what is made once and kept is there, and memory can be compared
before=
attack_up; plain_call "before"
if [ "$n" -gt 2 ]; then
	attack_down; before=$(kernel_kib)
	attack_up; plain_call "before"
fi

# callers die by a signal
mgr sh -c "for i in $(seeds "$n"); do setsid $A caller 100 \$i >/dev/null 2>&1 </dev/null & p=\$!
	sleep 0.\$((\$i + 10)); kill -9 \$p; wait \$p 2>/dev/null; done; true"
plain_call "after $n callers were killed"

# owners die by a signal
callers_start
web sh -c "for i in $(seeds "$n"); do pkill -9 -x xo_attack; : >/run/attack.out
		setsid sh -c 'exec 3<>/run/attack.in; exec $A serve <&3 >>/run/attack.out 2>&1' >/dev/null 2>&1 &
		for k in \$(seq 100); do grep -q ready /run/attack.out && break; sleep 0.05; done
		grep -q ready /run/attack.out || exit 1; sleep 0.\$((\$i + 10)); done" || fail "an owner does not start again: $(web cat /run/attack.out)"
callers_end "$n owners were killed"; plain_call "after $n owners were killed"

# processes and VMs pause
callers_start
mgr sh -c "for i in $(seeds $(((n + 3) / 4))); do pkill -STOP -x xo_attack; sleep 0.1; pkill -CONT -x xo_attack; sleep 0.0\$i; done"
web sh -c "for i in $(seeds $(((n + 2) / 4))); do pkill -STOP -x xo_attack; sleep 0.1; pkill -CONT -x xo_attack; sleep 0.0\$i; done"
for i in $(seq $((n / 2))); do
	p=$(cat /run/crossover/vm/$([ $((i % 2)) = 0 ] && echo web || echo mgr)/pid)
	kill -STOP "$p"; snooze; kill -CONT "$p"; snooze
done
callers_end "$n pauses"; plain_call "after $n pauses"

# the link goes and comes, and changes its engine
callers_start
for i in $(seq "$n"); do
	xo unlink mgr web || fail "xo unlink, time $i"
	xo link mgr web --engine vmfunc || fail "xo link, time $i"
	snooze
done
callers_end "$n unlinks"; plain_call "after $n unlinks"
callers_start
for i in $(seq "$switches"); do
	xo link mgr web --engine exit >/dev/null || fail "switch to exit, time $i"
	snooze
	xo link mgr web --engine vmfunc >/dev/null || fail "switch to vmfunc, time $i"
	snooze
done
callers_end "$switches switches of the engine"; plain_call "after $switches switches of the engine"

# modules are unloaded: the guests' refuses while it is used, the host's goes
for i in $(seq "$unloads"); do
	callers_start; snooze
	mgr rmmod crossover_guest 2>/dev/null && fail "the guest module went with descriptors open"
	rmmod crossover || fail "rmmod crossover, time $i"
	[ "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" = 0 ] || fail "hooks are left"
	attack_link; serve_attack
	callers_end "host's unload $i"; plain_call "after unload $i"
	mgr rmmod crossover_guest || fail "rmmod crossover_guest, time $i"
	attack_link; plain_call "after the guest's unload $i"
done

# VMs are reset and killed
for i in $(seq "$vms"); do
	for v in web mgr; do
		for how in reset kill; do
			callers_start; snooze
			xo vm $how $v || fail "$how $v"
			[ $how = reset ] || vm_start_again $v
			xo vm wait $v --timeout 100 || fail "$v does not come back"
			attack_link
			[ $v = mgr ] || serve_attack
			[ $v = mgr ] || callers_end "$how $i of $v"
			plain_call "after $how $i of $v"
			echo "$how $i of $v: done at $SECONDS s"
		done
	done
done

attack_end
# boards, and the callers' save pages, alone
echo "pages pinned by the host with no link: $(pinned)"
[ -n "$before" ] || exit 0
attack_down
expect_memory "$before"
