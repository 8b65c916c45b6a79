# SPDX-License-Identifier: GPL-2.0
# A routed change must never land in the caller's VM, and never fail to land in the callee's.
. /opt/crossover/test/lab/lib.sh
up
r() { mgr xo sh web -- "$@" || fail "xo sh web -- $*: status $?"; }
web rm -rf /root/t; mgr rm -rf /root/t
r mkdir /root/t
r touch /root/t/a
r chmod 641 /root/t/a
r mv /root/t/a /root/t/b
expect_eq "mkdir, touch, chmod, mv in web" "$(web stat -c '%a %n' /root/t/b)" "641 /root/t/b"
expect_status "nothing in mgr" 1 mgr test -e /root/t
r touch -d '2001-02-03 04:05:06 UTC' /root/t/b
expect_eq "utimensat in web" "$(web stat -c %Y /root/t/b)" 981173106
r chown 12:34 /root/t/b
expect_eq "chown in web" "$(web stat -c %u:%g /root/t/b)" 12:34
r truncate -s 1000 /root/t/b
expect_eq "truncate in web" "$(web stat -c %s /root/t/b)" 1000
r ln -s b /root/t/c
expect_eq "symlink and readlink" "$(r readlink /root/t/c)" b
r rm /root/t/b /root/t/c
r rmdir /root/t
expect_status "rm and rmdir in web" 1 web test -e /root/t
pid=$(web sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!')
r kill "$pid"
expect_status "kill in web" 1 web sh -c "sleep 0.2; kill -0 $pid"
old=$(web hostname)
r hostname xo-renamed
expect_eq "hostname in web" "$(web hostname)" xo-renamed
expect_ne "not in mgr" "$(mgr hostname)" xo-renamed
r hostname "$old"
