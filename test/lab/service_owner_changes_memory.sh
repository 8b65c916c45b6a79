# SPDX-License-Identifier: GPL-2.0
# What an owner does to the memory of its service in mid-call must never reach another page, lose a
# call or make one twice: fork() changes nothing; other pages at the same place take the service off
# `vmfunc`, for the calls that are inside just then with EHOSTDOWN, and it goes on over `exit`. No page
# stays pinned.
. /opt/crossover/test/lab/service.inc
host_up; guest_up mgr; guest_up web
engine vmfunc

pinned() { web awk '/nr_foll_pin_acquired/ { a = $2 } /nr_foll_pin_released/ { r = $2 } END { print a - r }' /proc/vmstat; }
before=$(pinned)
# pages are let go by a work item, a moment after callers know
nothing_pinned() {
	for _ in $(seq 50); do [ "$(pinned)" = "$before" ] && return; sleep 0.1; done
	fail_at "pages still pinned: $(pinned), $before before"
}

# meanwhile NAME SIGNAL WANTED: calls go on while the owner gets the signal, and end so
meanwhile() {
	serve "$1" mgr
	on_vmfunc "$1"
	begin steady "$1" 2500
	owner_kill "$1" "$2"
	end "$1" "$3"
	owner_stop "$1"
}
meanwhile forks USR1 'lost 0 engine vmfunc'
meanwhile discards USR2 'lost [01] engine exit'
meanwhile protects HUP 'lost [01] engine exit'
meanwhile unmaps WINCH 'lost [01] engine exit'
nothing_pinned

# exec() ends the service; its callers are told.
serve leaves mgr
begin ended leaves
owner_kill leaves URG
end "a call when its owner became another program" '^ok'
nothing_pinned
