# SPDX-License-Identifier: GPL-2.0
# With two CPUs no call over vmfunc may be lost or answered wrongly: callers and owners on different CPUs,
# callers on two virtual CPUs at once, and virtual CPUs that move from CPU to CPU in mid-call.
. /opt/crossover/test/lab/vmfunc.inc
[ "$(nproc)" -ge 2 ] || skip "the host has one CPU"
[ "$(mgr nproc)" -ge 2 ] || skip "mgr has one CPU"
pin() { taskset -a -p -c "$2" "$(vm_pid "$1")" >/dev/null || fail "taskset"; }
calls="threads 8 ${XO_CALLS:-150} , processes 4 60"
vmfunc_up
pin mgr 0; pin web 1
# shellcheck disable=SC2086  # cases are words
caller $calls , no-exit
echo "--- apart: right"
pin mgr 0,1; pin web 0,1
# shellcheck disable=SC2086
caller $calls
echo "--- free: right"
# virtual CPUs move each few milliseconds
vcpus=$(for t in /proc/"$(vm_pid mgr)"/task/*; do grep -q KVM "$t/comm" && echo "${t##*/}"; done)
[ "$(echo "$vcpus" | wc -l)" -ge 2 ] || vcpus=$(ls /proc/"$(vm_pid mgr)"/task)
(
	n=0
	while [ ! -e /tmp/moved ]; do
		for t in $vcpus; do n=$((n + 1)); taskset -p -c $((n % 2)) "$t" >/dev/null; done
		sleep 0.005
	done
	echo "$n" >/tmp/moves
) & mover=$!
# shellcheck disable=SC2086
caller $calls , lengths 300 , vectors 100
touch /tmp/moved; wait $mover; rm /tmp/moved
moves=$(cat /tmp/moves)
echo "--- moved $moves times: right"
[ "$moves" -ge 20 ] || fail "virtual CPUs moved only $moves times"
pin mgr 0,1
owner_tells
vmfunc_down
