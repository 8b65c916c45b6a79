# SPDX-License-Identifier: GPL-2.0
# A signal to the caller must end its own call in the callee, wherever that is just then, and no other: not the next one in
# the same slot, and it must not be lost on a call that is about to begin.
. /opt/crossover/test/lab/visitor.inc
n=${n:-1000}
# threads of stubs that wait for something to read
reading() { web sh -c 'for p in $(pgrep -P "$(cat /run/crossover-serve.pid)"); do for t in /proc/$p/task/*; do cat $t/wchan; echo; done; done' | grep -c pipe_read; }
up
web sh -c 'rm -f /tmp/empty; mkfifo /tmp/empty'
mgr sh -c "setsid $T/xo_visitor_cancel web /tmp/empty $n >/tmp/cancel 2>&1 </dev/null &"
until out=$(mgr cat /tmp/cancel); [ -n "$out" ]; do sleep 1; done
echo "$out; visits $(visits mgr)"
[[ "$out" == "cancel: reads interrupted=$n "* ]] || fail "$out"
[ "$(visits mgr)" -gt "$n" ] || fail "they were no visits"
expect_eq "reads that go on" "$(reading)" 0
holding
expect_eq "of those, with one that does" "$(reading)" 1
web sh -c 'echo >/tmp/pipe'
held "the other" 'errno=0 '
mgr pkill -9 -x xo_visitor_canc
down
