# SPDX-License-Identifier: GPL-2.0
# I5: a call that a visit began, that was evicted and blocks, must neither hang nor vanish when its caller is killed,
# its stub is killed, or engine, link, guest module or host module go: it ends with its result where the session
# goes on, and with EHOSTDOWN where that ends; no stub stays behind; and calls go by visits again. `all`: all of these.
. /opt/crossover/test/lab/visitor.inc
stubs() { web sh -c 'pgrep -P "$(cat /run/crossover-serve.pid)" | wc -l'; }
# waiting WHAT: a process in mgr whose call blocks in web; its stub is the only one, and asked for its eviction
waiting() {
	up
	holding
	[ "$(evicted_by 18)" -gt 0 ] || fail_at "$1: what waits was not evicted from a visit"
	expect_eq "$1: stubs" "$(stubs)" 1
}
# gone WHAT: no stub and no record is left
gone() {
	local i
	for i in $(seq 100); do [ "$(stubs)" = 0 ] && [ "$(records)" = 0 ] && return; sleep 0.1; done
	fail_at "$1: $(stubs) stubs, $(records) records are left"
}

waiting "caller killed"; mgr pkill -9 -x xo_visitor_file
gone "caller killed"; by_visits "caller killed"

waiting "unlinked"; xo unlink mgr web || fail "xo unlink"
held "unlinked" 'errno=112 '; gone "unlinked"; up; by_visits "unlinked"

waiting "host's module unloaded"; rmmod crossover || fail "rmmod crossover"
held "host's module unloaded" 'errno=112 '
for _ in $(seq 100); do [ "$(stubs)" = 0 ] && break; sleep 0.1; done
expect_eq "stubs without a host" "$(stubs)" 0
up; by_visits "host's module unloaded"

if [ -n "${all:-}" ]; then
	waiting "stub killed"; web sh -c 'pkill -9 -P "$(cat /run/crossover-serve.pid)"'
	held "stub killed" 'errno=112 '; gone "stub killed"; by_visits "stub killed"

	waiting "switched"
	for e in exit ring vmfunc; do
		xo link mgr web --engine $e >/dev/null || fail "xo link --engine $e"
		expect_eq "records over $e" "$(records)" 0
		mgr grep -q ended /tmp/held && fail "switched to $e: $(mgr cat /tmp/held)"
	done
	engine visit
	web sh -c 'printf "through it all" >/tmp/pipe'
	held "switched" "errno=0 result=14 text='through it all'"; gone "switched"; by_visits "switched"

	waiting "serve killed"; web sh -c 'pkill -9 -x xo'
	held "serve killed" 'errno=112 '
	web sh -c 'rm -f /run/crossover-serve.pid'; up; by_visits "serve killed"

	# the callee's module stays while a stub's call is in it, and goes when its user is gone
	waiting "callee's module"
	web sh -c 'rmmod crossover_guest 2>/dev/null' && fail "the module went with a stub in it"
	serve_stop
	held "callee's module" 'errno=112 '
	for _ in $(seq 50); do web rmmod crossover_guest 2>/dev/null && break; sleep 0.1; done
	up; by_visits "callee's module"
fi
down
