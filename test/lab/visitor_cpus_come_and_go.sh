# SPDX-License-Identifier: GPL-2.0
# I7: a virtual CPU of the callee's, or of the caller's, that goes and comes while calls are made by visits must take no
# call with it, answer none wrongly, and keep none from being a visit afterwards: be it the one where the stub waits to
# be visited, or the one whose calls are. `rounds`: how often each.
. /opt/crossover/test/lab/visitor.inc
REST=50 SECS=3000
rounds=${rounds:-5}
for v in mgr web; do [ "$(vm $v nproc)" -ge 2 ] || skip "VM $v has one CPU"; done
snooze() { sleep "0.$((RANDOM % 4))$((RANDOM % 10))"; }
# plug VM 0|1 WHAT: its second CPU goes or comes, and visits go on
plug() {
	vm "$1" sh -c "echo $2 >/sys/devices/system/cpu/cpu1/online" || fail_at "$3: cpu1 of $1 does not become $2"
	expect_eq "$3: CPUs of $1" "$(vm "$1" nproc)" $((1 + $2))
	visited "$3: cpu1 of $1 is $2" 20
}
# moved VM PROGRAM WHAT: all threads of it run on the second CPU, whence they are driven
moved() {
	# (Some end meanwhile: sessions come and go.)
	vm "$1" sh -c "for p in \$(pgrep -x '$2'); do taskset -a -p 2 \$p; done; true" >/dev/null 2>&1
	visited "$3" 20
	# processor of each thread
	vm "$1" sh -c "for p in \$(pgrep -x '$2'); do cat /proc/\$p/task/*/stat; done 2>/dev/null; true" | awk '{ sub(/.*\) /, ""); on[$37]++ }
		END { printf "threads: %d on 0, %d on 1\n", on[0], on[1]; exit !on[1] }' || fail_at "$3: none is there"
}
up
calling until 2
filing open pread fstat
for i in $(seq "$rounds"); do
	plug web 0 "round $i"; snooze; plug web 1 "round $i"
	plug mgr 0 "round $i"; snooze; plug mgr 1 "round $i"
	moved web xo "round $i, stubs"; snooze; plug web 0 "round $i, stubs"; plug web 1 "round $i, stubs"
	moved mgr xo_visitor "round $i, callers"; snooze; plug mgr 0 "round $i, callers"; plug mgr 1 "round $i, callers"
	plug web 0 "round $i, both"; plug mgr 0 "round $i, both"; snooze; plug mgr 1 "round $i, both"; plug web 1 "round $i, both"
	echo "round $i at $SECONDS s: $($T/xo_visitor records | tail -n 1)"
done
# to and fro, without waiting for anybody
for v in web mgr; do
	vm $v sh -c 'for i in $(seq 10); do echo 0 >/sys/devices/system/cpu/cpu1/online && echo 1 >/sys/devices/system/cpu/cpu1/online || exit 1; done' ||
		fail "cpu1 of $v"
	visited "to and fro in $v"
done
# a visit does it
for on in 0 1; do
	mgr xo sh web -- dash -c "echo $on >/sys/devices/system/cpu/cpu1/online" || fail "cpu1 of web does not become $on by a call"
	expect_eq "CPUs of web by a call" "$(web nproc)" $((1 + on))
done
filed; called until 2
by_visits "the end"
down
