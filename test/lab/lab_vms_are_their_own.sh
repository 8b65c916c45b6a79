# SPDX-License-Identifier: GPL-2.0
# Two VMs must never look alike: a routing test whose two sides answer the same proves nothing.
# Fails if any of what later tests compare is equal in mgr and web.
. /opt/crossover/test/lab/lib.sh
for what in hostname 'cat /etc/passwd' 'cat /etc/group' 'cat /etc/vm-secret' 'cat /proc/mounts' \
	'lsmod' 'stat -c %Y /etc/hosts' 'ls -R /srv' 'ps -ef' 'who'; do
	expect_ne "mgr and web answer alike: $what" "$(mgr sh -c "$what")" "$(web sh -c "$what")"
done
expect_eq "exec passes the status" "$(web sh -c 'exit 7'; echo $?)" 7
expect_eq "exec passes stdin" "$(printf 'a\nb\n' | xo vm exec web -- cat | wc -l)" 2
