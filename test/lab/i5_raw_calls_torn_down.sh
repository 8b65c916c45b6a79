# SPDX-License-Identifier: GPL-2.0
# I5: a call under way must never outlive its link, its callee's enrolment or the host module: the
# caller gets EHOSTDOWN at once; and when they come back, calls must work with nothing reloaded.
. /opt/crossover/test/lab/lib.sh
raw=$T/xo_raw
# under_way WHAT CMD…: a call that sleeps a minute in web ends with EHOSTDOWN because of CMD
under_way() {
	local what=$1 out; shift
	out=$(mktemp)
	mgr $raw op web 2 60000 >"$out" 2>&1 &
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		sleep 0.3
		[ "$(web $raw link | grep -c 'sessions=1 ')" = 1 ] && break
	done
	sleep 0.3
	"$@" || fail "$what: $* failed"
	wait $!
	echo "$what: $(head -n 1 "$out")"
	grep -qE 'ret=-1 errno=112 .*ms=[0-9]{1,5}$' "$out" || fail "$what: not EHOSTDOWN"
}
# again WHAT: CONNECT works within a few seconds; a master looks for its host once a second
again() {
	local i
	for i in 1 2 3 4 5 6 7 8 9 10; do
		mgr $raw ping web 20 >/dev/null 2>&1 && { echo "$1: calls work again"; return; }
		sleep 0.5
	done
	mgr $raw ping web 1
	fail "$1: no calls any more"
}
all_up() { xo enrol mgr && xo enrol web && xo link mgr web; }
reload_caller() { mgr sh -c "rmmod crossover_guest && insmod $KO/crossover_guest.ko"; }

host_up; guest_up mgr; guest_up web
linked || xo link mgr web || fail "xo link mgr web"
serve_stop
web sh -c "setsid $raw serve >/tmp/raw.log 2>&1 </dev/null & echo \$! >/tmp/raw.pid"
again "at first"
under_way "unlink" xo unlink mgr web
xo link mgr web || fail "xo link"
again "linked again"
under_way "unenrol of the callee" xo unenrol web
xo enrol web && xo link mgr web || fail "xo enrol web"
again "callee enrolled again"
under_way "unenrol of the caller" xo unenrol mgr
xo enrol mgr && xo link mgr web || fail "xo enrol mgr"
again "caller enrolled again"
under_way "host module unloaded" rmmod crossover
insmod $KO/crossover.ko && all_up || fail "host module again"
again "host module loaded again"
for _ in 1 2 3 4 5; do reload_caller || fail "reloading the caller's module"; done
again "caller's module reloaded"
web sh -c 'kill $(cat /tmp/raw.pid)'
