# SPDX-License-Identifier: GPL-2.0
# I5 over `ring`: whatever takes the callee away in the midst of calls that the host knows nothing of, their caller
# gets EHOSTDOWN and never waits for ever; and all can start anew.
. /opt/crossover/test/lab/ring.inc
raw_up

# calling: null calls without end, and they need no host
calling() {
	local r0
	r0=$(link_of web ring)
	load ping web 1000000000
	for _ in $(seq 40); do [ "$(link_of web ring)" -gt $((r0 + 200)) ] && return; sleep 0.1; done
	fail_at "no calls over ring"
}
calling; mgr pkill -9 -x xo_raw
for _ in $(seq 50); do load_ended && break; sleep 0.2; done
expect_eq "status of the caller that was killed" "$(mgr cat /tmp/load.end)" 137
for _ in $(seq 20); do [ "$(link_of web sessions)" = 0 ] && break; sleep 0.2; done
expect_eq "sessions left" "$(link_of web sessions)" 0
calling; web pkill -9 -P "$(web cat /tmp/raw.pid)" || fail "no stub to kill"
load_ends "its stub killed" 'Host is down'
calling; xo unlink mgr web || fail "unlink"
load_ends "unlinked" 'Host is down'
engine ring; sleep 0.5
calling; web sh -c 'kill -9 $(cat /tmp/raw.pid); fuser -s -k /dev/crossover; sleep 0.2; rmmod crossover_guest' || fail "rmmod in web"
load_ends "its module gone" 'Host is down'
guest_up web; raw_serve
calling; xo vm kill web || fail "kill"
load_ends "its VM killed" 'Host is down'
for _ in 1 2 3 4 5 6 7 8 9 10; do enrolled web || break; sleep 0.5; done
enrolled web && fail "a dead VM is still enrolled"
expect_eq "pinned pages" "$(cell "xo stat" PINNED-PAGES web)" ""
xo vm start web || fail "web does not start again"
xo vm wait web --timeout 200 || fail "web does not come back"
apart
raw_up
mgr $raw ping web 50 || fail "no calls of the new web"
[ "$(link_of web calls)" -ge 50 ] || fail "they were not its"
