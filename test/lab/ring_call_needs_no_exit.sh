# SPDX-License-Identifier: GPL-2.0
# A system call of another VM over `ring` must never cause a VM exit or a wake-up while its callee polls, nor be
# answered by another kernel. Of many in a row at most one in twenty may meet a tick and go by exit; the
# caller's vCPU exits besides for ticks (1), timers (52, 32, 7) and where it sleeps over such a call (12) only.
. /opt/crossover/test/lab/ring.inc
up
# rows ENGINE N: of bench_syscalls, over that engine
measure() { engine "$1"; mgr xo sh web -- $T/bench_syscalls run "$1" "$2" 100; }
# number ROWS KIND KEY
number() { echo "$1" | awk -F'\t' -v kind="kind=$2" -v key="$3=" '$3 == kind { for (i = 4; i <= NF; i++)
	if (index($i, key) == 1) n = substr($i, length(key) + 1) } END { print n + 0 }'; }
answers() { echo "$1" | sed -n 's/.*kind=\([^\t]*\)\t.*\tanswer=/\1 /p' | grep -v getppid; }

n=200
r0=$(cell "web xo stat" RING mgr)
ring=$(measure ring $n) || { echo "$ring"; fail "over ring"; }
r1=$(cell "web xo stat" RING mgr)
exit=$(measure exit 20) || { echo "$exit"; fail "over exit"; }
native=$(web $T/bench_syscalls run native 20 20) || fail "native"
own=$(mgr $T/bench_syscalls run mgr 20 20) || fail "native in mgr"
printf '%s\n' "$ring" "$exit" "$native" | awk -f $T/syscalls.awk

expect_eq "the answers are web's" "$(answers "$ring")" "$(answers "$native")"
expect_eq "over exit, too" "$(answers "$exit")" "$(answers "$native")"
expect_ne "and not mgr's" "$(answers "$ring")" "$(answers "$own")"
expect_eq "and getppid is the stub's" "$(number "$ring" getppid answer)" "$(web cat /run/crossover-serve.pid)"
# getppid, pread, fstat, and three calls
[ $((r1 - r0)) -ge $((6 * n)) ] || fail "only $((r1 - r0)) of web's calls needed no host"
for kind in getppid pread fstat open+read+close; do
	[ "$(number "$ring" $kind n)" = $n ] || fail "$kind: no row of it"
	expect_eq "$kind: exits of one over ring" "$(number "$ring" $kind exits)" 0
	[ "$(number "$exit" $kind exits)" -ge 2 ] || fail "$kind: exits are not counted"
	vmcalls=$(number "$ring" $kind n_vcpu_exit_18)
	[ "$vmcalls" -le $((n / 20)) ] || fail "$kind: $vmcalls hypercalls of the caller in $n"
	others=$(echo "$ring" | awk -F'\t' -v kind="kind=$kind" '$3 == kind { for (i = 4; i <= NF; i++)
		if ($i ~ /^n_vcpu_exit_/ && $i !~ /^n_vcpu_exit_(1|7|12|18|32|52)=/) print $i }')
	expect_eq "$kind: exits that no tick, timer or late answer explains" "$others" ""
done

# and by `xo count`, around null calls of a process that does nothing else: hypercalls that 1000 more take
serve_stop; raw_up
vmcalls() { mgr sh -c "xo count --output /tmp/count -- $raw ping web $1 >/dev/null && awk '\$1 == 18 { n = \$NF } END { print n + 0 }' /tmp/count"; }
few=$(vmcalls 10); many=$(vmcalls 1010)
echo "hypercalls: $few with 10 calls, $many with 1010"
[ $((many - few)) -le 20 ] || fail "1000 calls took $((many - few)) hypercalls"
engine exit
[ "$(vmcalls 1010)" -ge 1000 ] || fail "over exit the same count is no other"
