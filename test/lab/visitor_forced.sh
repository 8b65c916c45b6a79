# SPDX-License-Identifier: GPL-2.0
# No instruction away may be one at which an exit, or two, harms a visitor's call: an exit is forced before
# each instruction of getppid, and a second one so many instructions later, retries included. All exits evict here;
# visitor_suspends has those that do not.
. /opt/crossover/test/lab/lib.sh
host_up; guest_up mgr; guest_up web
expect_status "link with --kernel" 0 xo link mgr web --engine vmfunc --kernel
policy "$open_policy"
ppid=$(web cat /run/crossover-serve.pid)
echo N >/sys/module/crossover/parameters/suspend || fail "suspend=N"
for again in 0 1 7 37; do
	rows=$(mgr $T/xo_visitor forced web 110 "$ppid" $again) || { echo "$rows"; fail "second exit after $again"; }
	echo "$rows"
	fired=$(echo "$rows" | grep -o 'fired=[0-9]*' | cut -d= -f2)
	[ "$fired" -gt 100 ] || fail "only $fired exits were forced"
done
down
