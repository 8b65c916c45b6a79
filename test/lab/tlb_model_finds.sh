# SPDX-License-Identifier: GPL-2.0
# The TLB model must find a forgotten flush, which Bochs alone hides: each way to flush under one VPID only
# (hazard S2), and a revocation of EPT contexts without INVEPT (T5); then the run fails. On the building machine.
set -u
xo=build/bin/xo
shape='--vm mgr --vm web --vm plain'
fail() { echo "FAIL: $*"; tail -n 30 /tmp/xo-tlb.err; exit 1; }
# run EXPECTED_STATUS WHAT [OPTION...] <SCRIPT
run() {
	local want=$1 what=$2 rc=0; shift 2
	# shellcheck disable=SC2086
	out=$($xo lab run $shape --timeout 150 "$@" - 2>/tmp/xo-tlb.err) || rc=$?
	[ $rc = "$want" ] || { echo "$out" | tail -n 30; fail "$what: status $rc, expected $want"; }
	echo "right: $what"
}
told() { grep -c 'stale translation: ' /tmp/xo-tlb.err; }

run 125 'flushes under another VPID' --tlb-model <<<'/opt/crossover/test/xo_tlb planted'
stories=$(grep -c '^right: ' <<<"$out")
{ [ "$stories" -ge 16 ] && [ "$(told)" = "$stories" ]; } || fail "$stories stories, $(told) reports"
! grep -q '^WRONG' <<<"$out" || fail "not each is reported once: $out"
grep -q 'stale translation: CPU 0 fetches linear 0x100000, .*(VPID [0-9]*, PCID 5, EP4TA 0x[0-9a-f]*).* INVLPG 0x100000 under VPID [0-9]*, PCID 5' \
	/tmp/xo-tlb.err || fail "no report of a fetch with its flush"
grep -q 'stale translations were used' /tmp/xo-tlb.err || fail "no word about why the run failed"

# The same story twice: the pages of a service are taken away while it is called. The owner is a process of the
# host: for a VM's KVM flushes all EPTs, too, a little later.
revocation() {
	cat <<-S
	. /opt/crossover/test/lab/service.inc
	host_up; guest_up mgr; OWNER=host
	xo link mgr host --engine vmfunc || fail link
	$1
	serve moved mgr
	on_vmfunc moved
	begin steady moved 1500
	for _ in \$(seq 6); do echo 4 >/proc/\$(cat /tmp/svc.moved.pid)/clear_refs; sleep 0.1; done
	end "its memory is protected" 'lost 0 engine vmfunc'
	owner_stop moved
	! grep -q ^xo_stale /proc/modules || rmmod xo_stale
	dmesg | tail -n 3
	S
}
run 0 'a revocation with INVEPT' --tlb-model < <(revocation true)
[ "$(told)" = 0 ] || fail "reported"
run 125 'a revocation without' --tlb-model < <(revocation "insmod \$KO/xo_stale.ko || fail xo_stale")
grep -q 'stale translation: .* away).*; believed gone since: revocation of EPT contexts' /tmp/xo-tlb.err ||
	fail "no report of a revoked context"
run 1 'off without the option' <<<'/opt/crossover/test/xo_tlb on'
