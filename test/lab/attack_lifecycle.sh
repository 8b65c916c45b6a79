# SPDX-License-Identifier: GPL-2.0
# I4, I5: processes, links, modules and VMs that end at random points of calls: each call ends with the
# right result or one of its defined errors, nothing is left, and all can start anew. `n` is the number of
# process kills (of caller, and of owner), pauses and unlinks; a tenth of it is that of resets and kills of
# VMs and of module unloads. Seed: `seed`.
. /opt/crossover/test/attack_lib.sh
n=${n:-20} seed=${seed:-1} vms=${vms:-1}
RANDOM=$seed
echo "seed $seed: $n process kills, pauses, unlinks each; $vms resets and kills of each VM"

# snooze: up to 0.4 s, so that what follows falls anywhere in a call
snooze() { sleep "0.$((RANDOM % 4))$((RANDOM % 10))"; }
callers_start() { mgr sh -c "for i in 1 2; do $A caller 100000 \$((i + $RANDOM)) >/tmp/caller.\$i 2>&1 & done"; }
# callers_end WHEN: what they met, summed
callers_end() {
	local out
	mgr sh -c 'pkill -TERM -x xo_attack; for i in $(seq 100); do pgrep -x xo_attack >/dev/null || exit 0; sleep 0.3; done
		exit 1' || fail "$1: a caller does not end"
	out=$(mgr sh -c 'cat /tmp/caller.*')
	echo "$1: $out"
	grep -q 'calls' <<<"$out" || fail "$1: no report"
	if grep -vE 'wrong 0, errors undefined 0;' <<<"$out" | grep -q calls; then fail "$1: a call ended as none may"; fi
	if grep -q 'right 0,' <<<"$out"; then fail "$1: a caller never got through"; fi
}
pinned() { xo stat --json | jq '[.vms[].pinned_pages] | add'; }
free_kib() { sync; echo 3 >/proc/sys/vm/drop_caches; sleep 0.5; awk '/MemFree/ { print $2 }' /proc/meminfo; }

attack_down() {
	mgr pkill -9 -x xo_attack; web pkill -9 -x xo_attack
	sleep 0.5
	down
}
attack_up; plain_call "at first"
attack_down; before=$(free_kib)
attack_up; plain_call "before"

# callers die by a signal
mgr sh -c "for i in \$(seq $n); do $A caller 100 \$i >/dev/null 2>&1 & p=\$!
	sleep 0.\$((\$i * 7 % 40 + 10)); kill -9 \$p; wait \$p 2>/dev/null; done; true"
plain_call "after $n callers were killed"

# owners die by a signal
callers_start
for i in $(seq "$n"); do
	web pkill -9 -x xo_attack
	serve_attack
	[ $((i % 5)) = 0 ] && snooze
done
callers_end "after $n owners were killed"; plain_call "after $n owners were killed"

# processes and VMs pause
callers_start
for i in $(seq "$n"); do
	case $((i % 4)) in
	0) mgr sh -c 'pkill -STOP -x xo_attack; sleep 0.1; pkill -CONT -x xo_attack' ;;
	1) web sh -c 'pkill -STOP -x xo_attack; sleep 0.1; pkill -CONT -x xo_attack' ;;
	2) p=$(xo vm ls | awk '$1 == "web" { print $2 }'); kill -STOP "$p"; snooze; kill -CONT "$p" ;;
	3) p=$(xo vm ls | awk '$1 == "mgr" { print $2 }'); kill -STOP "$p"; snooze; kill -CONT "$p" ;;
	esac
done
callers_end "after $n pauses"; plain_call "after $n pauses"

# the link goes and comes, and changes its engine
callers_start
for i in $(seq "$n"); do
	xo unlink mgr web || fail "xo unlink, time $i"
	xo link mgr web --engine vmfunc || fail "xo link, time $i"
	snooze
done
callers_end "after $n unlinks"; plain_call "after $n unlinks"
callers_start
for i in $(seq "$n"); do
	xo link mgr web --engine exit || fail "switch to exit, time $i"
	snooze
	xo link mgr web --engine vmfunc || fail "switch to vmfunc, time $i"
	snooze
done
callers_end "after $n switches of the engine"; plain_call "after $n switches of the engine"

# modules are unloaded: the guests' refuses while it is used, the host's goes
for i in $(seq $(((n + 9) / 10))); do
	callers_start; snooze
	mgr rmmod crossover_guest 2>/dev/null && fail "the guest module went with descriptors open"
	rmmod crossover || fail "rmmod crossover, time $i"
	[ "$(grep -c crossover /sys/kernel/tracing/enabled_functions)" = 0 ] || fail "hooks are left"
	attack_link; serve_attack
	callers_end "after unload $i"; plain_call "after unload $i"
	mgr rmmod crossover_guest || fail "rmmod crossover_guest, time $i"
	attack_up; plain_call "after the guest's unload $i"
done

# VMs are reset and killed
for i in $(seq "$vms"); do
	for v in web mgr; do
		for how in reset kill; do
			callers_start; snooze
			xo vm $how $v || fail "$how $v"
			[ $how = reset ] || { sleep 1; xo vm start $v || fail "$v does not start again"; }
			xo vm wait $v --timeout 100 || fail "$v does not come back"
			attack_link; serve_attack
			[ $v = mgr ] || callers_end "after $how of $v"
			plain_call "after $how $i of $v"
		done
	done
done

attack_end
# boards alone: 4 pages for each VM
echo "pages pinned with no link: $(pinned)"
attack_down
after=$(free_kib)
echo "free memory of the host before $before KiB, after $after KiB"
if [ "$vms" = 0 ] && [ $((before - after)) -gt 16384 ]; then fail "memory of the host is lost"; fi
