# SPDX-License-Identifier: GPL-2.0
# Switching a live link's engine, in both directions and with calls inside, must never lose a call, make
# one twice, or leave a caller on the other engine; nor may the end of the link, of the host's module or
# of a caller's kernel module end a caller otherwise than by EHOSTDOWN.
. /opt/crossover/test/lab/lib.sh
svc=$T/xo_svc
ready() { # engine
	host_up; guest_up mgr; guest_up web
	engine "$1"
}
begin() { # engine
	ready "$1"
	web sh -c "rm -f /tmp/svc; setsid $svc serve count mgr >/tmp/svc 2>&1 </dev/null & echo \$! >/tmp/svc.pid"
	local i
	for i in $(seq 20); do web grep -q ready /tmp/svc && return; sleep 0.1; done
	web cat /tmp/svc; fail "no service"
}
# start TEST N; ends WHAT REGEX
start() {
	mgr sh -c "rm -f /tmp/caller; setsid $svc $1 web count ${2:-} >/tmp/caller 2>&1 </dev/null &"
	local i
	for i in $(seq 30); do mgr grep -qE '^c(ount|all)s' /tmp/caller && break; sleep 0.1; done
	sleep 0.2
}
ends() {
	local i out
	for i in $(seq 60); do mgr grep -qE '^(ok|line)' /tmp/caller && break; sleep 0.1; done
	out=$(mgr cat /tmp/caller)
	echo "$1: $(tail -n 2 <<<"$out" | tr '\n' ' ')"
	grep -qE "$2" <<<"$out" || { echo "$out"; fail_at "$1: not /$2/"; }
}
begin exit
start steady 4000
for e in vmfunc exit vmfunc exit vmfunc; do
	xo link mgr web --engine $e || fail "switch to $e"
	sleep 0.4
done
ends "five switches" '^steady .* lost 0 engine vmfunc reason 0 calls [1-9][0-9]* exit_calls [1-9]'
start steady 5000 # the command gets little of the one CPU that callers keep busy
xo link mgr web --engine exit || fail "switch to exit"
ends "to exit" '^steady .* lost 0 engine exit reason 0 calls [1-9]'

# An endless call inside is not ended by a switch, but by the end of the link.
xo link mgr web --engine vmfunc || fail "switch to vmfunc"
start ended
xo link mgr web --engine exit || fail "switch to exit"
sleep 0.5
mgr grep -qE '^(ok|line)' /tmp/caller && fail "a switch ended a call inside: $(mgr cat /tmp/caller)"
xo unlink mgr web || fail "unlink"
ends "a call when its link goes" '^ok'
web sh -c 'kill $(cat /tmp/svc.pid)'

begin vmfunc
start ended
rmmod crossover || fail "rmmod in mid-call"
ends "a call when the host's module goes" '^ok'
mgr pgrep xo_svc && fail "a caller is left over"
ready vmfunc
sleep 1.5 # who waits for callers looks for the host once a second
start steady 800
ends "after the host's module came back" '^steady .* lost 0 engine vmfunc'
web sh -c 'kill $(cat /tmp/svc.pid)'
web dmesg | grep -E 'WARNING|BUG:' && fail "the owner's kernel complains"
mgr dmesg | grep -E 'WARNING|BUG:' && fail "the caller's kernel complains"
true
