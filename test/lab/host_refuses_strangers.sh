# SPDX-License-Identifier: GPL-2.0
# Hazard 1: the module must never attach to a KVM whose functions or structures are not those it was
# built for, nor where its hook could be switched off under it.
. /opt/crossover/test/lab/lib.sh
down
tr=/sys/kernel/tracing
clean() {
	[ ! -e /dev/crossover ] || fail "$1: node left"
	expect_eq "$1: hooks left" "$(grep -c crossover $tr/enabled_functions)" 0
	! grep -q '^crossover ' /proc/modules || fail "$1: module left"
}
# logged REGEX: the kernel's log says it, since the last look
logged() { dmesg -c | grep -E "$1" || fail "the log does not say: $1"; }

# as if built for a KVM with another signature: the checksum of the hooked function's types differs
python3 - $KO/crossover.ko /tmp/strange.ko <<'P' || fail "cannot make a strange module"
import sys
b = bytearray(open(sys.argv[1], 'rb').read())
name = b'kvm_load_host_xsave_state' + bytes(56 - 25)   # struct modversion_info: crc, name[56]
at = b.find(name)
assert at > 0 and b.find(name, at + 1) < 0
b[at - 8] ^= 1
open(sys.argv[2], 'wb').write(b)
P
dmesg -c >/dev/null
insmod /tmp/strange.ko 2>/dev/null && fail "a module for another KVM was loaded"
logged 'crossover: disagrees about version of symbol kvm_load_host_xsave_state'
clean strange
insmod -f /tmp/strange.ko 2>/dev/null && fail "a module for another KVM was loaded by force"
logged 'crossover: loaded by force, so KVM.s signatures were not checked'
clean forced

echo 0 >/proc/sys/kernel/ftrace_enabled || skip "ftrace cannot be switched off here"
insmod $KO/crossover.ko 2>/dev/null && fail "loaded with ftrace switched off"
logged 'crossover: ftrace does not attach'
echo 1 >/proc/sys/kernel/ftrace_enabled
clean "ftrace off"
insmod $KO/crossover.ko || fail "insmod"
(echo 0 >/proc/sys/kernel/ftrace_enabled) 2>/dev/null && fail "ftrace was switched off under the hook"
expect_eq "hooks, before entries and behind exits" "$(grep -c crossover $tr/enabled_functions)" 2
rmmod crossover
clean after
