# SPDX-License-Identifier: GPL-2.0
# A call must never be lost, made twice or answered wrongly while the link's engine is switched between `exit` and
# `ring`: caller and callee on two CPUs, both on one (where nobody answers in time), and moving about.
. /opt/crossover/test/lab/ring.inc
raw_up

# under_load WHAT COMMAND: the link is switched to and fro, and COMMAND done each time, while sessions call
under_load() {
	local what=$1 i=0 r0 h0 made taken
	r0=$(link_of web ring) h0=$(link_stat calls) made=$(link_of mgr calls) taken=$(link_of web calls)
	load many web 4 "$3"
	until load_ended; do
		i=$((i + 1))
		xo link mgr web --engine $([ $((i % 2)) = 1 ] && echo exit || echo ring) >/dev/null || fail_at "xo link"
		eval "$2"
		sleep 0.0$((RANDOM % 6))
		[ $i -lt 400 ] || fail_at "$what: the calls do not end"
	done
	load_ends "$what" '^ok$'
	engine ring
	for _ in $(seq 20); do [ "$(link_stat busy)" = 0 ] && [ "$(link_of web sessions)" = 0 ] && break; sleep 0.2; done
	expect_eq "$what: slots left busy" "$(link_stat busy)" 0
	expect_eq "$what: sessions left" "$(link_of web sessions)" 0
	expect_eq "$what: calls made and taken" "$(($(link_of web calls) - taken))" "$(($(link_of mgr calls) - made))"
	echo "$what: $i switches, $(($(link_of web ring) - r0)) calls over ring, $(($(link_stat calls) - h0)) by the host"
	[ $i -ge 4 ] || fail_at "$what: only $i switches"
	[ "$(link_stat calls)" -gt $((h0 + 100)) ] || fail_at "$what: no call by the host"
	[ "$(link_of web ring)" -gt $((r0 + ${4:-100})) ] || fail_at "$what: no call over ring"
}

under_load apart : 2500
place web 0
under_load together : 800 -1
place web 0,1; place mgr 0,1
cpu=0
under_load moving 'cpu=$((1 - cpu)); place web $cpu' 2000 20
apart
