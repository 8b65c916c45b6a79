# SPDX-License-Identifier: GPL-2.0
# S10: a stub whose system calls are watched (seccomp here; audit and ptrace alike) must never have one made by a
# visit, past who watches.
. /opt/crossover/test/lab/visitor.inc
up
ppid=$(web cat /run/crossover-serve.pid)
expect_status "nobody watches" 0 mgr $T/xo_visitor_files calls web 110 100 "$ppid"; cat /tmp/out
expect_says "by visits" 'best .* vmfuncs=4 '
serve_stop
web sh -c "sleep 0.3; exec $T/xo_visitor_files denied 110 13 xo serve --daemon --pidfile /run/crossover-serve.pid --log /var/log/crossover.log" ||
	fail "xo serve under seccomp"
expect_status "getppid fails as seccomp has it, always" 0 mgr $T/xo_visitor_files calls web 110 500 -13; cat /tmp/out
before=$(visits web)
expect_status "so do 500 more" 0 mgr $T/xo_visitor_files calls web 110 500 -13
expect_eq "visits meanwhile" "$(visits web)" "$before"
down
