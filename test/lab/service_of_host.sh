# SPDX-License-Identifier: GPL-2.0
# A service of a process of the host must answer as one of a VM's does, over both engines: right
# values, each call once, defined errors when it faults, loops, ends or dies; and switching the engine
# of the live link must lose no call. Nobody calls whom the owner does not let in.
export OWNER=host ENGINE=exit
. /opt/crossover/test/lab/service.inc
to_engine() { ENGINE=$1; xo link mgr host --engine "$ENGINE" | tee /tmp/out; grep -q switched /tmp/out || fail_at "not switched to $ENGINE"; }

host_up; guest_up mgr
expect_status "the host calls nobody" 1 xo link host mgr
expect_says "why" "the host itself calls into no VM"
expect_status "nobody is called host" 1 xo enrol --pid "$(vm_pid web)" host
expect_says "why" "'host' is the host's own name"
xo link mgr host || fail "xo link mgr host"
expect_status "no such service" 1 mgr $svc basic host adder 1
expect_says "who" "offers no service 'adder'"
serve choosy plain db
expect_status "allowed to others" 1 mgr $svc basic host choosy 1
expect_says "who" "refuses this VM"
expect_status "two of a name" 1 $svc serve choosy
serve adder mgr

all() {
	call "null calls, counter, buffer" basic adder 300
	call "threads" threads adder 100
	call "what ends badly" faults adder
	call "and it goes on" basic adder 10
	call "a deadline" deadline adder
	call "longjmp" abandon adder 5
	call "and it goes on" basic adder 10
}
all
to_engine vmfunc
all
xo ls; xo stat

# the engine changes under calls, and none is lost
begin steady adder 6000
for next in exit vmfunc exit vmfunc exit vmfunc; do to_engine $next; sleep 0.3; done
end "the engine was switched six times" 'lost 0'

# the owner dies in a call
serve quick mgr
begin ended quick
owner_kill quick KILL
end "a call when its owner dies" '^ok'

# the link goes in a call, and the module afterwards
begin ended adder
xo unlink mgr host || fail "xo unlink"
end "a call when its link goes" '^ok'
owner_stop choosy; owner_stop adder
expect_eq "services left" "$(rows "xo ls" SERVICE VM host)" 0
mgr rmmod crossover_guest || fail "rmmod crossover_guest"
xo unenrol mgr
rmmod crossover || fail "rmmod crossover"
