# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the attacks share: VM mgr calls services of a process in VM web over `vmfunc`.
. /opt/crossover/test/lab/lib.sh
A=$T/xo_attack

# the owner in web, commanded by /run/attack.in
serve_attack() {
	web sh -c "pkill -9 -x xo_attack; rm -f /run/attack.in; mkfifo /run/attack.in
		setsid sh -c 'exec 3<>/run/attack.in; exec $A serve <&3 >/run/attack.out 2>&1' >/dev/null 2>&1 &
		for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
			grep -q ready /run/attack.out 2>/dev/null && exit 0; sleep 0.2; done
		cat /run/attack.out; exit 1" || fail "the attack services do not start in web"
	if web grep reason /run/attack.out; then fail "they cannot be served over vmfunc"; fi
}
# command WHAT TIMES: the owner does that to its pages, and has done when this returns
command_owner() {

	web sh -c "echo $1 $2 >/run/attack.in"
	for _ in $(seq 100); do web grep -q "^done $1 $2," /run/attack.out && return; sleep 0.2; done
	fail "the owner has not done $1 $2: $(web cat /run/attack.out)"
}
attack_link() {
	host_up; guest_up mgr; guest_up web
	linked || xo link mgr web --engine vmfunc || fail "xo link mgr web --engine vmfunc"
	[ "$(link_stat engine)" = vmfunc ] || xo link mgr web --engine vmfunc || fail "switch to vmfunc"
}
attack_up() { attack_link; serve_attack; }

# attack WHAT VM CMD...: its lines, and a failure if it found something wrong
attack() {
	local what=$1 v=$2 rc=0
	shift 2
	vm "$v" "$@" 2>&1 || rc=$?
	[ $rc = 0 ] || fail "$what: status $rc"
}
# plain_call WHEN: still right, and by the engine that is meant
plain_call() {
	local out
	out=$(mgr "$A" plain attack 2>&1) || fail "a plain call $1: $out"
	[ "$out" = vmfunc ] || fail "a plain call $1 went over $out"
}
# attack_end: nobody else was harmed, nothing is left
attack_end() {
	local v
	plain_call "at the end"
	for v in mgr web plain; do
		[ "$v" = plain ] && ! xo vm ls | grep -q '^plain ' && continue
		vm $v true || fail "VM $v is not alive"
	done
	for _ in $(seq 20); do [ "$(link_stat busy)" = 0 ] && break; sleep 0.2; done
	expect_eq "slots still taken" "$(link_stat busy)" 0
	mgr pkill -9 -x xo_attack; web pkill -9 -x xo_attack
	echo "attack ended: $(link_stat calls) calls over exit, $(link_stat errors) errors, $(link_stat hostdown) torn down"
	xo unlink mgr web || fail "xo unlink"
}
