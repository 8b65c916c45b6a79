# SPDX-License-Identifier: GPL-2.0
# I4: an owner's pages are unmapped, thrown away, forked, protected, swapped out, merged and moved, by
# itself, its kernel and the host, while calls run on them: results stay right, or the call ends with one of
# its defined errors; a result of pages that are no longer the owner's is wrong.
. /opt/crossover/test/attack_lib.sh
rounds=${rounds:-10}
# deed WHAT TIMES: calls that sum up the service's table, while its owner does that
deed() {
	local out
	serve_attack
	mgr sh -c "$A caller 100000 $RANDOM attack pages >/tmp/pages.log 2>&1 &"
	sleep 0.5
	command_owner "$1" "$2"
	[ -z "${3:-}" ] || eval "$3"
	sleep 0.5
	mgr sh -c 'pkill -TERM -x xo_attack; for i in $(seq 100); do pgrep -x xo_attack >/dev/null || exit 0; sleep 0.3; done; exit 1' ||
		fail "$1: the caller does not end"
	out=$(mgr cat /tmp/pages.log)
	echo "$1 x $2: $out"
	grep -qE 'wrong 0, errors undefined 0;' <<<"$out" || fail "$1: a call ended as none may"
	web grep 'advise\|mmap\|mprotect' /run/attack.out && echo "  (the owner could not always)"
	mgr "$A" plain attack >/tmp/engine 2>&1 || fail "$1: no call after it: $(cat /tmp/engine)"
	echo "  and then calls go over $(cat /tmp/engine)"
}
# swap in web, so that its kernel has where to put pages
swap() { web sh -c 'modprobe zram 2>/dev/null && echo 32M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0' 2>/dev/null; }
# what the host does to memory of QEMU
host_side() {

	echo 1 >/sys/kernel/mm/ksm/run; echo 5000 >/sys/kernel/mm/ksm/pages_to_scan; echo 10 >/sys/kernel/mm/ksm/sleep_millisecs
	for _ in $(seq "$rounds"); do
		echo 1 >/proc/sys/vm/compact_memory 2>/dev/null
		echo 3 >/proc/sys/vm/drop_caches
		sleep 0.2
	done
	echo "KSM: $(cat /sys/kernel/mm/ksm/pages_shared) shared, $(cat /sys/kernel/mm/ksm/full_scans) full scans"
}

attack_up
deed nothing "$rounds"
deed fork "$rounds"
deed dontneed "$rounds"
deed unmap "$rounds"
deed mprotect "$rounds"
if swap; then deed pageout "$rounds"; web swapoff /dev/zram0; else echo "skipped: swap in web: no zram device"; fi
deed merge "$rounds"
if [ -w /sys/kernel/mm/ksm/run ]; then
	deed nothing "$rounds" host_side
	echo 2 >/sys/kernel/mm/ksm/run
else
	echo "skipped: KSM of the host: not in this kernel"
fi
[ -w /proc/sys/vm/compact_memory ] || echo "skipped: compaction: not in this kernel"
serve_attack
attack_end
