# SPDX-License-Identifier: GPL-2.0
# Two VMs, two sessions of each, two threads of each session, and a load of the callee's own hammer one callee, with
# the host short of memory and a 1 kHz timer on each of its CPUs. No call may be lost, made twice, answered wrongly
# or warned of by any kernel.
# XO_N: how many numbers are recorded in all. XO_GUEST: how many instructions the guests have to retire meanwhile.
. /opt/crossover/test/lab/hammer.inc
n=${XO_N:-50000}
guest=${XO_GUEST:-500000000}
LATE=${XO_LATE:-50000000} # ticks; a vCPU waits for others, and its call for a time slice of the stub
[ "$(nproc)" -ge 2 ] || skip "the host has one CPU"
each=$((n / 8))
up "$open_policy
caller app {
	user root
	allow calls all
	allow all /**
}"
[ -n "$(vm_pid app)" ] || xo vm start "${XO_APP:-app}" || fail "xo vm start app"
xo vm wait app --timeout 600 || fail "VM app does not come up"
guest_up app
xo link app web --engine vmfunc --kernel >/dev/null || fail "xo link app web"

# A thread of a caller counts in a region of its own.
first=0
for s in mgr:a mgr:b app:c app:d; do
	hammer_start "${s%:*}" "${s#*:}" web "/tmp/${s#*:}" 2 $each $first
	first=$((first + 2))
done
web sh -c "insmod $KO/xo_shoot.ko cpu=-1 gap_us=4000
	for p in \$(pgrep -P \$(cat /run/crossover-serve.pid)); do echo \$p >/sys/module/xo_shoot/parameters/pid || exit 1; done
	rm -f /tmp/rest /tmp/bad
	(while [ ! -e /tmp/rest ]; do cp $KO/xo_tick.ko /tmp/copy && cmp $KO/xo_tick.ko /tmp/copy || touch /tmp/bad; sleep 0.05; done) >/dev/null 2>&1 </dev/null &" ||
	fail "the callee's own load"

# The host: timers, and a shortage of memory.
insmod $KO/xo_tick.ko hz=1000 || fail "xo_tick"
rm -f /tmp/done
ends() { touch /tmp/done; wait; web touch /tmp/rest; [ -z "$(vm_pid app)" ] || xo vm kill app; }
trap ends EXIT
$T/xo_press /dev/sda 8 8 /tmp/done >/tmp/press 2>&1 &
ticks() { cat /sys/module/xo_tick/parameters/ticks; }
up_seconds() { cut -d. -f1 /proc/uptime; }
v0=$(visits web) s0=$(shot)
xo count --json --output /tmp/counts -- sh -c 'while [ ! -e /tmp/done ]; do sleep 2; done' &
started=$(up_seconds) t0=$(ticks)
for v in mgr app; do vm $v touch /tmp/a.go /tmp/b.go /tmp/c.go /tmp/d.go; done
# (Asking takes the machine a while, too.)
for s in mgr:a mgr:b app:c app:d; do while hammer_works "${s%:*}" "${s#*:}"; do sleep $((1 + n / 10000)); done; done
seconds=$(($(up_seconds) - started)) t=$(($(ticks) - t0))
touch /tmp/done; wait
$T/xo_visitor records
shots=$(shots)
out=$(for s in mgr:a mgr:b app:c app:d; do hammer_ends "${s%:*}" "${s#*:}"; done) || { echo "$out"; fail "a caller"; }
echo "$out"
for s in a b c d; do web $T/xo_hammer check /tmp/$s 2 $each || fail "the record of $s"; done
# pressed REGEX: of the shortage, that it was one
pressed() { grep -qE -- "$1" /tmp/press || fail_at "the host was not short of memory, or lost some: no /$1/"; }
count() { sed -n "s/.*\"$1\": *\([0-9]*\).*/\1/p" /tmp/counts | head -n 1; }
calls=$(sed -n 's/.* calls=\([0-9]*\).*/\1/p' <<<"$out" | awk '{ n += $1 } END { print n }')
v=$(($(visits web) - v0)) s=$(($(shot) - s0))
echo "torture: $((each * 8)) numbers, $calls calls, $v visits, $(count guest_instructions) instructions in guests of $(count instructions), $(count exits) exits, $(count vmfuncs) VMFUNCs"
echo "torture: $seconds emulated seconds, $t ticks, $s shootdowns ($shots)"
cat /tmp/press
web sh -c 'touch /tmp/rest; [ ! -e /tmp/bad ]' || fail "a file of the callee's own load was wrong"
expect_eq "pages that were wrong" "$(awk '{ print $4 }' <<<"$shots")" 0
[ "$(count guest_instructions)" -ge "$guest" ] || fail "only $(count guest_instructions) instructions in guests, $guest wanted"
[ $v -ge $((calls / 2)) ] || fail "of $calls calls only $v were visits"
[ $s -ge $((calls / 100)) ] || fail "only $s shootdowns"
[ $t -ge $((seconds * 1000 * $(nproc) * 9 / 10)) ] || fail "only $t ticks in $seconds s"
pressed "wrong 0,"
for k in pgsteal_kswapd pgscan_direct pgmigrate_success; do pressed " $k=[1-9]"; done
[ "$(number longest_ticks <<<"$out")" -le "$LATE" ] || fail "a call was late"
rmmod xo_tick
web rmmod xo_shoot || fail "rmmod xo_shoot"
xo unlink app web && vm app rmmod crossover_guest && xo unenrol app && xo vm kill app || fail "app lets go"
down
