# SPDX-License-Identifier: GPL-2.0
# I4: the host moves, write-protects or takes away the memory that a service stands on, in mid-call:
# a processor must never reach a page that has gone, no call may be lost for a passing reason, and a
# service whose memory is gone for good must leave `vmfunc` with a defined error at most once.
. /opt/crossover/test/lab/service.inc
told() { cell "xo stat" "$1" "$OWNER"; }
# enough REVOCATIONS REVIVALS: at least so often, or nothing was tested
enough() {
	echo "revocations $(told REVOCATIONS) revivals $(told REVIVALS)"
	[ "$(told REVOCATIONS)" -ge "$1" ] || fail_at "only $(told REVOCATIONS) revocations: the test tested nothing"
	[ "$(told REVIVALS)" -ge "$2" ] || fail_at "only $(told REVIVALS) revivals"
}
# Every mapping of the process is write-protected anew: the notifier's gentlest reason.
protect() { for _ in $(seq 12); do echo 4 >/proc/"$1"/clear_refs || fail_at "clear_refs"; sleep 0.1; done; }
move() { echo 1 >/proc/sys/vm/compact_memory; }

host_up; guest_up mgr; guest_up web
dmesg -c >/dev/null
engine vmfunc
xo link mgr host --engine vmfunc || fail "xo link mgr host"

# a VM's service: its memory is QEMU's
serve moved mgr
on_vmfunc moved
begin steady moved 4000
protect "$(vm_pid web)"
for _ in $(seq 3); do move; sleep 0.1; done
end "a VM's memory is protected and moved" 'lost 0 engine vmfunc'
enough 5 5
owner_stop moved

# a host process's service
OWNER=host
serve moved mgr
begin steady moved 4000
protect "$(cat /tmp/svc.moved.pid)"
for _ in 1 2 3; do owner_kill moved USR1; sleep 0.5; done
owner_kill moved USR2
end "a process forks and discards" 'lost 0 engine vmfunc'
enough 5 5
owner_stop moved
for how in HUP WINCH; do
	serve gone mgr
	begin steady gone 2000
	owner_kill gone $how
	end "its pages are gone for good ($how)" 'lost [01] engine exit'
	owner_stop gone
done
xo unlink mgr host
