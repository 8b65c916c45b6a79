# SPDX-License-Identifier: GPL-2.0
# A call must never be lost because Linux moves the event interrupt to another CPU, or takes the CPU
# away that it was on. Needs a callee with two CPUs.
. /opt/crossover/test/lab/lib.sh
raw=$T/xo_raw
[ "$(web nproc)" -ge 2 ] || skip "web has one CPU"
host_up; guest_up mgr; guest_up web
linked || xo link mgr web || fail "xo link mgr web"
serve_stop
web sh -c "setsid $raw serve >/tmp/raw.log 2>&1 </dev/null & echo \$! >/tmp/raw.pid"
sleep 0.5
irq=$(web awk '/crossover/ { sub(":", "", $1); print $1 }' /proc/interrupts)
[ -n "$irq" ] || fail "no event interrupt in web"
counts() { web awk '/crossover/ { print $2, $3 }' /proc/interrupts; }
# where CPU: the interrupt is there, and calls arrive
where() {
	local before after
	before=$(counts | cut -d' ' -f$(($1 + 1)))
	mgr $raw ping web 50 || fail "$2: calls fail"
	after=$(counts | cut -d' ' -f$(($1 + 1)))
	echo "$2: CPU $1 took $((after - before)) interrupts"
	[ $((after - before)) -ge 50 ] || fail "$2: it is not on CPU $1: $(counts)"
}
move() { web sh -c "echo $1 >/proc/irq/$irq/smp_affinity_list" || fail "cannot move it to CPU $1"; }
move 0; where 0 "moved to 0"
move 1; where 1 "moved to 1"
mgr $raw ping web 400 &
for i in 1 2 3 4 5 6 7 8 9 10; do move $((i % 2)); sleep 0.1; done
wait $! || fail "calls were lost while it moved"
move 1
mgr $raw ping web 400 &
sleep 0.3
web sh -c 'echo 0 >/sys/devices/system/cpu/cpu1/online' || fail "cannot take CPU 1 away"
wait $! || fail "calls were lost with its CPU"
where 0 "its CPU is gone"
web sh -c 'echo 1 >/sys/devices/system/cpu/cpu1/online' || fail "cannot bring CPU 1 back"
move 1; where 1 "CPU 1 came back"
web sh -c 'kill $(cat /tmp/raw.pid)'
