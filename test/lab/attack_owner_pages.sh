# SPDX-License-Identifier: GPL-2.0
# I4: an owner's pages are unmapped, thrown away, forked, protected, swapped out, merged, collapsed and
# moved, by itself, its kernel and the host, while calls run on them: results stay right, or the call ends
# with one of its defined errors; a result of pages that are no longer the owner's is wrong.
. /opt/crossover/test/attack_lib.sh
times=${times:-4} all=${all:-}

# revoked: how often the host took the services' pages away so far
revoked() { xo stat | awk -v vm="$OWNER" '/^VM.*SERVICE/ { on = 1; next } /^$/ { on = 0 } on && $1 == vm { n += $7 } END { print n + 0 }'; }
# deed WHAT ENGINES [ACT]: calls that sum up the service's table, while its owner does that, and the host
# ACT; then a call sees what the owner has there, over one of ENGINES.
serving=
serve() {
	serve_attack
	serving=$OWNER gpa=$(at_owner sed -n 's/^table //p' /run/attack.out)
	[ $((gpa)) != 0 ] || fail "$OWNER does not tell where its table is: '$gpa'"
}
deed() {
	local what=$1 engines=$2 act=${3:-} label=${3:-$1} out now before
	[ "$serving" = "$OWNER" ] || serve
	before=$(revoked)
	mgr sh -c "XO_ATTACK_CALLEE=$OWNER setsid $A caller 100000 $RANDOM attack pages >/tmp/pages.log 2>&1 </dev/null &
		sleep 0.3"
	at_owner sh -c ': >/run/attack.out'
	command_owner "$what" "$times"
	[ -z "$act" ] || "$act"
	owner_done "$what" "$times"
	mgr sh -c 'sleep 0.3; pkill -TERM -x xo_attack; for i in $(seq 100); do pgrep -x xo_attack >/dev/null || exit 0; sleep 0.1; done; exit 1' ||
		fail "$label: the caller does not end"
	out=$(mgr cat /tmp/pages.log)
	echo "$OWNER, $label x $times: $out"
	grep -qE 'wrong 0, errors undefined 0;' <<<"$out" || fail "$label: a call ended as none may"
	at_owner grep -E '^(madvise|mmap|mprotect).*:' /run/attack.out | grep -vE "^(${refused:-nothing}): " && fail "$label: the owner could not"
	[ -z "${refused:-}" ] || echo "  refused by its kernel, since the pages are pinned: $(at_owner grep -c "^$refused: " /run/attack.out) of $times"
	now=$(caller generation attack 2>&1) || fail "$label: no call after it: $now"
	expect_eq "$label: what a call sees" "${now#* }" "$(at_owner sed -n 's/^done.*generation \([0-9]*\),.*/\1/p' /run/attack.out)"
	echo "  then over ${now% *}; revocations $(($(revoked) - before))"
	case $engines in *"${now% *}"*) ;; *) fail "$label: calls go over ${now% *}, not $engines" ;; esac
	[ "${now% *}" = vmfunc ] || serving=
	# what takes pages away must have been noticed
	case $OWNER:$label in
	web:host_compact) ;;
	web:host_* | host:dontneed | host:fork | host:unmap | host:mprotect | host:pageout | host:collapse)
		[ -z "$serving" ] || [ "$(revoked)" -gt "$before" ] || fail "$label: nothing was revoked: the test tested nothing" ;;
	esac
}

# ---- swap, in web and the host, so that a kernel has where to put pages
swap_on='modprobe zram && echo 32M >/sys/block/zram0/disksize && mkswap /dev/zram0 >/dev/null && swapon /dev/zram0'
swap_off='swapoff /dev/zram0 && rmmod zram'
vm_event() { awk -v what="$1" '$1 == what { print $2 }' /proc/vmstat; }

# ---- what the host does to memory of QEMU: at the pages that the table stands on
web_pid() { cat /run/crossover/vm/web/pid; }
host_pages() {
	local how
	for _ in $(seq "$times"); do
		for how in "$@"; do "$A" pages "$(web_pid)" "$gpa" "$how" || fail "$how"; sleep 0.1; done
	done
}
host_pageout() { host_pages pageout; }
host_collapse() { host_pages pageout collapse; } # taken apart, then put together
host_protect() { for _ in $(seq "$times"); do echo 4 >"/proc/$(web_pid)/clear_refs"; sleep 0.1; done; }
# moves pages at its own choice; the services' may not be among them
host_compact() {
	local before
	before=$(vm_event pgmigrate_success)
	for _ in $(seq "$times"); do echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; sleep 0.1; done
	echo "  pages that compaction moved: $(($(vm_event pgmigrate_success) - before))"
	[ "$(vm_event pgmigrate_success)" -gt "$before" ] || fail "compaction moved nothing"
}
# one whole look at all memory that may be merged takes long here, and what is merged must have been seen twice
ksm=/sys/kernel/mm/ksm
host_ksm() {
	local scans from=$SECONDS
	scans=$(cat $ksm/full_scans)
	echo 20000 >$ksm/pages_to_scan; echo 1 >$ksm/sleep_millisecs; echo 1 >$ksm/run
	while [ $(($(cat $ksm/full_scans) - scans)) -lt 4 ] && [ $((SECONDS - from)) -lt 500 ]; do sleep 5; done
	echo 0 >$ksm/run
	echo "  KSM: $(cat $ksm/pages_shared) shared, $(cat $ksm/pages_sharing) sharing, $(($(cat $ksm/full_scans) - scans)) full scans, $((SECONDS - from)) s"
	[ "$(cat $ksm/pages_shared)" -gt 0 ] || fail "nothing was merged"
}

# the owner in a VM: its pages are pinned there; other pages in their place take it off the engine
attack_up
deed dontneed exit
if [ -n "$all" ]; then
	deed fork vmfunc
	deed mprotect "vmfunc exit"
	deed unmap exit
	deed merge vmfunc
	refused='madvise collapse' deed collapse vmfunc
	web sh -c "$swap_on" || fail "swap in web"
	deed pageout vmfunc
	web sh -c "$swap_off" || fail "no swap in web any more"
fi
# its host
sh -c "$swap_on" || fail "swap in the host"
before=$(vm_event pswpout)
deed nothing vmfunc host_pageout
[ "$(vm_event pswpout)" -gt "$before" ] || fail "the host swapped nothing out"
echo "  pages that the host swapped out: $(($(vm_event pswpout) - before))"
if [ -n "$all" ]; then
	deed nothing vmfunc host_collapse
	deed nothing vmfunc host_protect
	deed nothing vmfunc host_compact
	deed nothing vmfunc host_ksm
fi
attack_end

# the owner is a process of the host: its own addresses, watched, and looked up anew
OWNER=host serving=
attack_up
deed fork vmfunc
deed collapse vmfunc
if [ -n "$all" ]; then
	deed pageout vmfunc
	deed dontneed vmfunc
	deed mprotect "vmfunc exit"
	deed unmap "vmfunc exit"
	deed merge vmfunc host_ksm
	echo 2 >$ksm/run
	deed nothing vmfunc
	echo 0 >$ksm/run
fi
[ "$serving" = host ] || serve
attack_end
sh -c "$swap_off" || fail "no swap in the host any more"
