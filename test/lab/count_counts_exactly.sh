# SPDX-License-Identifier: GPL-2.0
# The emulator's counters must never count what did not happen or miss what did: instructions to the
# one, N CPUIDs in a VM are N exits with reason 10, and `xo count` tells the same of a command.
. /opt/crossover/test/lab/lib.sh
expect_status "counts in the host" 0 $T/xo_marks host
expect_status "counts in a VM" 0 mgr $T/xo_marks vm

# exits with reason 10 of mgr's vCPU in `xo_marks cpuid N`, by `xo count`
cpuids() { mgr sh -c "xo count --output /tmp/count -- $T/xo_marks cpuid $1 && awk '\$1 == 10 { print \$NF }' /tmp/count"; }
none=$(cpuids 0); many=$(cpuids 700)
expect_eq "700 CPUIDs are 700 exits more" $((many - none)) 700

# in the host there is no vCPU, a command's status is passed on, and what cannot run is told
expect_status "status of the command" 7 xo count --output /tmp/count -- sh -c 'exit 7'
expect_status "a command that is not there" 127 xo count -- /nonexistent
expect_says "says so" 'cannot run /nonexistent: No such file'
expect_status "no command" 2 xo count --json

# one inside the other: the outer sees at least as much; and what JSON says is consistent
xo count --json --output /tmp/outer -- xo count --json --output /tmp/inner -- ls -R /etc >/dev/null
jq -s -e '(.[0] | has("vcpu_exits_by_reason") | not) and .[0].status == 0 and
	.[1].all.instructions > 100000 and .[0].all.instructions > .[1].all.instructions and
	all(.[].all; .exits == ([.exits_by_reason[].count] | add // 0) and
		.interrupts == ([.interrupts_by_vector[].count] | add // 0) and
		.guest_instructions <= .instructions and .away_instructions == 0)' \
	/tmp/outer /tmp/inner >/dev/null || { cat /tmp/outer /tmp/inner; fail "one xo count inside another"; }
