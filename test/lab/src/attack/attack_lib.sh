# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the attacks share: VM mgr calls services of a process in VM web, or (OWNER=host) in the host, over
# `vmfunc`.
. /opt/crossover/test/lab/lib.sh
A=$T/xo_attack
OWNER=web

at_owner() { if [ "$OWNER" = host ]; then "$@" </dev/null; else web "$@"; fi; }
# caller ARG...: xo_attack in mgr
caller() { mgr env XO_ATTACK_CALLEE=$OWNER "$A" "$@"; }

# the owner, commanded by /run/attack.in
serve_attack() {
	at_owner sh -c "pkill -9 -x xo_attack; rm -f /run/attack.in /run/attack.out; mkfifo /run/attack.in
		setsid sh -c 'exec 3<>/run/attack.in; exec $A serve <&3 >>/run/attack.out 2>&1' >/dev/null 2>&1 &
		for i in \$(seq 60); do
			grep -q ready /run/attack.out 2>/dev/null && exit 0; sleep 0.1; done
		cat /run/attack.out; exit 1" || fail "the attack services do not start in $OWNER"
	if at_owner grep reason /run/attack.out; then fail "they cannot be served over vmfunc"; fi
}
# command_owner WHAT TIMES: the owner begins to do that to its pages; owner_done: it has done so
command_owner() { at_owner sh -c "echo $1 $2 >/run/attack.in"; }
owner_done() {
	at_owner sh -c "for i in \$(seq 200); do grep -q '^done $1 $2,' /run/attack.out && exit 0; sleep 0.1; done; exit 1" ||
		fail "the owner has not done $1 $2: $(at_owner cat /run/attack.out)"
}
attack_link() {
	host_up; guest_up mgr
	[ "$OWNER" = host ] || guest_up "$OWNER"
	case $(cell "xo stat" ENGINE mgr "$OWNER") in
	vmfunc) ;;
	'') xo link mgr "$OWNER" --engine vmfunc || fail "xo link mgr $OWNER --engine vmfunc" ;;
	*) xo link mgr "$OWNER" --engine vmfunc || fail "switch to vmfunc" ;;
	esac
}
attack_up() { attack_link; pins_are; serve_attack; }

# pins: pages of processes that somebody holds by a pin, in host and web
pins() {
	local count='echo 1 >/proc/sys/vm/stat_refresh; awk "/^nr_foll_pin_acquired/ { n += \$2 } /^nr_foll_pin_released/ { n -= \$2 } END { print n }" /proc/vmstat'
	echo "host $(sh -c "$count") web $(web sh -c "$count")"
}
# pins_are: as they are before the attack, and shall be again behind it: in web none
pins_are() { PINS="$(pins)"; PINS="${PINS% *} 0"; }
pins_back() {
	local now
	for _ in 1 2 3 4 5 6 7 8; do
		now=$(pins)
		[ "$now" = "$PINS" ] && { echo "pages pinned, before and after: $now"; return; }
		sleep 0.3
	done
	fail "pages stay pinned: before $PINS, after $now"
}

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
	out=$(caller plain attack 2>&1) || fail "a plain call $1: $out"
	[ "$out" = vmfunc ] || fail "a plain call $1 went over $out"
}
# link_counts: calls over `exit` of the link, how many ended (CANCELLED is no end: each ends in one of the others), BUSY
link_counts() {
	xo stat | awk -v to="$OWNER" '$1 == "mgr" && $2 == to && $3 ~ /^(exit|vmfunc)$/ { print $4, $5 + $6 + $7, $12; exit }'
}
# attack_end: nobody else was harmed, nothing is left
attack_end() {
	local v calls ended busy
	plain_call "at the end"
	for v in mgr web plain; do vm $v true || fail "VM $v is not alive"; done
	mgr pkill -9 -x xo_attack; at_owner pkill -9 -x xo_attack
	for _ in 1 2 3 4 5 6 7 8 9 10; do
		read -r calls ended busy < <(link_counts)
		[ "$busy" = 0 ] && [ "$calls" = "$ended" ] && break
		sleep 0.3
	done
	expect_eq "window slots still taken" "$busy" 0
	expect_eq "calls over exit that have ended" "$ended" "$calls"
	expect_eq "connections that are left" "$(xo stat | awk '/^CALLER.*PID/ { on = 1; next } /^$/ { on = 0 } on && $1 == "mgr"')" ""
	expect_eq "services that are left" "$(xo stat | awk '/^VM.*SERVICE/ { on = 1; next } /^$/ { on = 0 } on && /attack/')" ""
	echo "attack ended: $calls calls over exit, each ended; no slot, connection or service is left"
	xo unlink mgr "$OWNER" || fail "xo unlink"
	pins_back
}
