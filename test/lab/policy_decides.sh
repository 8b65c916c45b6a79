# SPDX-License-Identifier: GPL-2.0
# The callee's policy must never be passed by: no caller, call or path that it does not allow.
. /opt/crossover/test/lab/lib.sh
up 'caller somebody-else {
	user root
	allow calls all
	allow all /**
}'
expect_status "a caller that no block names" 125 mgr xo sh web -- cat /etc/hostname
expect_says sentence 'refuse'
web grep -q mgr /var/log/crossover.log || fail "no line in web's log"
user=$(web awk -F: '$3 >= 1000 && $3 < 60000 { print $1; exit }' /etc/passwd)
web sh -c "ln -sf /etc/shadow /tmp/innocent; mkdir -p /tmp/ok; ln -sfn /etc /tmp/ok/etc; echo fine >/tmp/ok/file; chmod 755 /tmp/ok"
policy "caller mgr {
	user $user
	allow calls all
	allow read /usr/**
	allow read /lib/**
	allow read /tmp/**
}"
expect_eq "the stub runs as the policy's user" "$(mgr xo sh web -- id -u)" "$(web id -u "$user")"
expect_ne "who is not root" "$(web id -u "$user")" 0
expect_status "allowed path" 0 mgr xo sh web -- cat /tmp/ok/file
expect_status "path outside" 1 mgr xo sh web -- cat /etc/hostname;	expect_says EACCES 'Permission denied'
expect_status "symlink out" 1 mgr xo sh web -- cat /tmp/innocent;	expect_says EACCES 'Permission denied'
expect_status "symlinked folder out" 1 mgr xo sh web -- cat /tmp/ok/etc/hostname
expect_status "dot-dot out" 1 mgr xo sh web -- cat /tmp/ok/../../etc/hostname
expect_status "write where only read" 1 mgr xo sh web -- touch /tmp/ok/new
expect_status "nothing made" 1 web test -e /tmp/ok/new
policy "caller mgr {
	user root
	allow calls all
	deny calls kill unlinkat
	allow all /**
}"
web touch /tmp/ok/keep
expect_status "denied call" 1 mgr xo sh web -- rm /tmp/ok/keep
expect_status "file is still there" 0 web test -e /tmp/ok/keep
policy "$open_policy"
