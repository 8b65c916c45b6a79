# SPDX-License-Identifier: GPL-2.0
# No call may be lost, made twice or answered wrongly while its link goes to and fro among exit, ring, vmfunc and
# visits with calls in flight, one of them evicted and blocked; and visits must come back each time. (On a host with
# one CPU calls over ring are by exit.) `rounds`: how often.
. /opt/crossover/test/lab/visitor.inc
rounds=${rounds:-1}
# link_of VM KEY: a number of its link, as its kernel tells it
link_of() { vm "$1" $T/xo_raw link | sed -n "s/.* $2=\([0-9]*\).*/\1/p"; }
up
calling until 2
filing open pread
holding
host=$(link_stat calls)
for i in $(seq "$rounds"); do
	for e in exit visit ring visit vmfunc visit exit ring vmfunc ring; do
		if [ $e = visit ]; then
			engine visit; visited "round $i" 20
		else
			xo link mgr web --engine $e >/dev/null || fail "round $i: xo link --engine $e"
			expect_eq "records over $e" "$(records)" 0
			sleep 0.0$((RANDOM % 10))
		fi
	done
done
engine visit; visited "the end"
filed; called until 2
web sh -c 'printf through >/tmp/pipe'
held "the call that waited all the while" "errno=0 result=7 text='through'"
for _ in $(seq 20); do [ "$(link_stat busy)" = 0 ] && [ "$(link_of web sessions)" = 0 ] && break; sleep 0.2; done
expect_eq "slots left busy" "$(link_stat busy)" 0
expect_eq "sessions left" "$(link_of web sessions)" 0
expect_eq "calls made and taken" "$(link_of web calls)" "$(link_of mgr calls)"
[ "$(link_stat calls)" -gt $((host + 50)) ] || fail "no calls by the host"
[ "$(nproc)" = 1 ] || [ "$(link_of web ring)" -gt 20 ] || fail "no calls over ring"
down
