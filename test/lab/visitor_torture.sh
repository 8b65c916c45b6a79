# SPDX-License-Identifier: GPL-2.0
# Two VMs, two sessions of each, two threads of each session, and a load of the callee's own hammer one callee, with
# the host short of memory and a 1 kHz timer on each of its CPUs. No call may be lost, made twice, answered wrongly
# or warned of by any kernel.
# XO_N: how many numbers are recorded in all. XO_GUEST: how many instructions the guests have to retire meanwhile.
. /opt/crossover/test/lab/hammer.inc
n=${XO_N:-50000}
guest=${XO_GUEST:-500000000}
LATE=${XO_LATE:-200000000}
[ "$(nproc)" -ge 2 ] || skip "the host has one CPU"
each=$((n / 8))
up "$open_policy
caller app {
	user root
	allow calls all
	allow all /**
}"
[ -n "$(vm_pid app)" ] || xo vm start app || fail "xo vm start app"
xo vm wait app --timeout 200 || fail "VM app does not come up"
guest_up app
xo link app web --engine vmfunc --kernel >/dev/null || fail "xo link app web"

# A thread of a caller counts in a region of its own.
first=0
for s in mgr:a mgr:b app:c app:d; do
	hammer_start "${s%:*}" "${s#*:}" web "/tmp/${s#*:}" 2 $each $first
	first=$((first + 2))
done
web sh -c "insmod $KO/xo_shoot.ko cpu=-1 gap_us=1000
	for p in \$(pgrep -P \$(cat /run/crossover-serve.pid)); do echo \$p >/sys/module/xo_shoot/parameters/pid || exit 1; done
	(while [ ! -e /tmp/rest ]; do cp $KO/xo_tick.ko /tmp/copy && cmp $KO/xo_tick.ko /tmp/copy || touch /tmp/bad; done) >/dev/null 2>&1 </dev/null &" ||
	fail "the callee's own load"

# The host: timers; memory is taken until little is left, some of that taken and given back again and again, moved about.
insmod $KO/xo_tick.ko hz=1000 || fail "xo_tick"
mkdir -p /tmp/fill && mount -t tmpfs none /tmp/fill || fail "tmpfs"
rm -f /tmp/done; trap "touch /tmp/done" EXIT
# But for so many MiB: what programs run from is in memory that could be taken, too, and then all stands still.
available() { awk -v but="$1" '$1 == "MemAvailable:" { print int($2 / 1024 - but) "MiB" }' /proc/meminfo; }
fallocate -l "$(available 200)" /tmp/fill/most || fail "fallocate"
pressure() {
	while [ ! -e /tmp/done ]; do
		fallocate -l "$(available 130)" /tmp/fill/more
		sleep 1
		echo 1 >/proc/sys/vm/compact_memory
		rm -f /tmp/fill/more
	done
}
pressure >/dev/null 2>&1 &
ticks() { cat /sys/module/xo_tick/parameters/ticks; }
t0=$(ticks) v0=$(visits web) s0=$(shot) m0=$(awk '$1 == "pgmigrate_success" { print $2 }' /proc/vmstat)
xo count --json --output /tmp/counts -- sh -c 'while [ ! -e /tmp/done ]; do sleep 2; done' &
started=$(date +%s)
for v in mgr app; do vm $v touch /tmp/a.go /tmp/b.go /tmp/c.go /tmp/d.go; done
for s in mgr:a mgr:b app:c app:d; do while hammer_works "${s%:*}" "${s#*:}"; do sleep 5; done; done
seconds=$(($(date +%s) - started))
touch /tmp/done; wait
$T/xo_visitor records
shots=$(shots)
out=$(for s in mgr:a mgr:b app:c app:d; do hammer_ends "${s%:*}" "${s#*:}"; done) || { echo "$out"; fail "a caller"; }
echo "$out"
for s in a b c d; do web $T/xo_hammer check /tmp/$s 2 $each || fail "the record of $s"; done
count() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" /tmp/counts | head -n 1; }
calls=$(sed -n 's/.* calls=\([0-9]*\).*/\1/p' <<<"$out" | awk '{ n += $1 } END { print n }')
v=$(($(visits web) - v0)) s=$(($(shot) - s0)) t=$(($(ticks) - t0))
m=$(($(awk '$1 == "pgmigrate_success" { print $2 }' /proc/vmstat) - m0))
echo "torture: $((each * 8)) numbers, $calls calls, $v visits, $(count guest_instructions) instructions in guests of $(count instructions), $(count exits) exits, $(count vmfuncs) VMFUNCs"
echo "torture: $seconds emulated seconds, $t ticks, $s shootdowns ($shots), pages of the host that moved $m, $(awk '$1 ~ /^(pgscan_direct|pgscan_kswapd|compact_success)$/ { print $1, $2 }' /proc/vmstat | xargs)"
web sh -c 'touch /tmp/rest; [ ! -e /tmp/bad ]' || fail "a file of the callee's own load was wrong"
expect_eq "pages that were wrong" "$(awk '{ print $4 }' <<<"$shots")" 0
[ "$(count guest_instructions)" -ge "$guest" ] || fail "only $(count guest_instructions) instructions in guests, $guest wanted"
[ $v -ge $((calls / 10)) ] || fail "of $calls calls only $v were visits"
[ $s -ge $((calls / 100)) ] || fail "only $s shootdowns"
[ $t -ge $((seconds * 1000)) ] || fail "only $t ticks in $seconds s"
[ "$m" -gt 0 ] || fail "no page of the host moved: it was not short of memory"
[ "$(number longest_ticks <<<"$out")" -le "$LATE" ] || fail "a call was late"
umount /tmp/fill; rmmod xo_tick
web rmmod xo_shoot || fail "rmmod xo_shoot"
xo unlink app web && vm app rmmod crossover_guest && xo unenrol app && xo vm kill app || fail "app lets go"
down
