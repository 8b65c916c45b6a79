# SPDX-License-Identifier: GPL-2.0
# Descriptors 0 to 2, exit status and signals must never leave the user's side.
. /opt/crossover/test/lab/lib.sh
up
expect_eq "pipe on mgr's side" \
	"$(mgr sh -c 'xo sh web -- cat /etc/passwd | sort | head -n 1')" "$(web sh -c 'sort /etc/passwd | head -n 1')"
mgr sh -c 'rm -f /tmp/o; xo sh web -- cat /etc/vm-secret >/tmp/o' || fail "redirection"
expect_eq "stdout is mgr's file" "$(mgr cat /tmp/o)" "$(web cat /etc/vm-secret)"
expect_status "and not web's" 1 web test -e /tmp/o
expect_eq "stdin is mgr's" "$(mgr sh -c 'echo from-mgr | xo sh web -- cat - /etc/hostname')" \
	"from-mgr
$(web cat /etc/hostname)"
expect_status "status of success" 0 mgr xo sh web -- test -e /etc/vm-secret
expect_status "status of failure" 1 mgr xo sh web -- grep -q no-such-user /etc/passwd
expect_status "status 2 passes" 2 mgr xo sh web -- ls /no/such/file
expect_says "the message is the program's own" "No such file"
expect_status "no such program" 127 mgr xo sh web -- no-such-program
# Ctrl-C: SIGINT ends a program that blocks in the callee, with the status of a signal
web sh -c 'rm -f /tmp/fifo; mkfifo /tmp/fifo'
expect_status "SIGINT ends a blocking routed read" 130 \
	mgr timeout --preserve-status -k 20 -s INT 2 xo sh web -- cat /tmp/fifo
web sh -c 'sleep 1; ! pgrep -P "$(cat /run/crossover-serve.pid)"' || fail "a stub stays behind in web"
# SIGPIPE: a closed pipe ends the program as ever
expect_status "SIGPIPE" 0 mgr bash -c 'xo sh web -- cat /etc/passwd /etc/passwd | head -n 1 >/dev/null'
