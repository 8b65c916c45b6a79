# SPDX-License-Identifier: GPL-2.0
# Switching a live link's engine, in both directions and with calls inside, must never lose a call, make
# one twice, or leave a caller on the other engine; nor may the end of the link, of the host's module or
# of a caller's kernel module end a caller otherwise than by EHOSTDOWN.
. /opt/crossover/test/lab/service.inc
ready() { # engine
	host_up; guest_up mgr; guest_up web
	engine "$1"
}
ready exit
serve count mgr
begin steady count 4000
for e in vmfunc exit vmfunc exit vmfunc; do
	xo link mgr web --engine $e || fail "switch to $e"
	sleep 0.4
done
end "five switches" '^steady .* lost 0 engine vmfunc reason 0 calls [1-9][0-9]* exit_calls [1-9]'
begin steady count 5000 # the command gets little of the one CPU that callers keep busy
xo link mgr web --engine exit || fail "switch to exit"
end "to exit" '^steady .* lost 0 engine exit reason 0 calls [1-9]'

# An endless call inside is not ended by a switch, but by the end of the link.
expect_status "switch to vmfunc" 0 xo link mgr web --engine vmfunc
# who links is told what the processor does not keep apart
! grep -qi 'vulnerable' /sys/devices/system/cpu/vulnerabilities/{l1tf,mds} ||
	expect_says "of speculation" 'unsafe on this processor \((l1tf|mds): .*mgr may read what services of web leave'
begin ended count
xo link mgr web --engine exit || fail "switch to exit"
sleep 0.5
mgr grep -qE '^(ok|line)' /tmp/caller && fail "a switch ended a call inside: $(mgr cat /tmp/caller)"
xo unlink mgr web || fail "unlink"
end "a call when its link goes" '^ok'
owner_kill count

ready vmfunc
serve count mgr
begin ended count
rmmod crossover || fail "rmmod in mid-call"
end "a call when the host's module goes" '^ok'
mgr pgrep xo_svc && fail "a caller is left over"
ready vmfunc
sleep 1.5 # who waits for callers looks for the host once a second
begin steady count 800
end "after the host's module came back" '^steady .* lost 0 engine vmfunc'
owner_stop count
