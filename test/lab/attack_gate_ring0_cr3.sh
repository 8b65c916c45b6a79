# SPDX-License-Identifier: GPL-2.0
# A caller's kernel that goes to the gate with a CR3 which names what only gate contexts have: its own VM
# may die of it; host and other VMs go on, and the VM can be started and call again.
. /opt/crossover/test/attack_lib.sh
attack_up
bits=$(awk '/address sizes/ { print $4; exit }' /proc/cpuinfo)
[ "$bits" -gt 39 ] && bits=39
died=0 base=$((3 << (bits - 2)))
# the image, the first pages that all vCPUs share (text, tables, constants), a vCPU's list and constants
for at in 0 $((0x40000000)) $((0x40001000)) $((0x40002000)) $((0x40003000)) $((0x80000000)) $((0x80001000)); do
	mgr sh -c "[ -e /dev/xo_attack ] || insmod $KO/xo_attack.ko" || fail "insmod xo_attack in mgr"
	timeout -k 10 20 xo vm exec mgr -- "$A" cr3 $((base + at)) </dev/null || true
	web true || fail "web is not alive after CR3 $at"
	if timeout -k 10 10 xo vm exec mgr -- true </dev/null; then echo "mgr survived CR3 $at"; continue; fi
	echo "mgr died of CR3 $at, as it should"
	xo vm kill mgr; sleep 1
	xo vm start mgr && xo vm wait mgr --timeout 100 || fail "mgr does not start again"
	attack_link; plain_call "after CR3 $at"
	died=$((died + 1))
done
echo "CR3 values tried 7, of which the VM died $died"
attack_end
