# SPDX-License-Identifier: GPL-2.0
# An unmodified program routed to web must never answer other than the same program run in web
# (pids, times and the observer itself normalised). For each: mgr's and web's native outputs
# differ first, web's stub executed the calls, and with routing off the comparison turns red.
# XO_CHECKS: only these, and not with routing off; for engines that the programs cannot see.
. /opt/crossover/test/lab/lib.sh
up

# what differs between two runs of the same command in one place: the observer and the clock
norm_ps() { sed -E 's/ +/ /g' | grep -vE '(ps (aux|-ef)|xo serve|xo-serve|vm-agent|\[kworker|sh -c)' |
	awk '{ print $1, $NF }' | sort | uniq -c; }
norm_num() { sed -E 's/[0-9]+([.,:][0-9]+)*/N/g; s/ +/ /g'; }
# use counts of the modules that the two ways of looking go through themselves
norm_lsmod() { sed -E '/^(crossover_guest|vmw_vsock|vsock)/s/^(.*[^ ]) +[0-9]+( |$)/\1 N\2/'; }
norm_all() { cat; }

bad=0
# check NAME NORM MUST_DIFFER CMD…
check() {
	local name=$1 norm=$2 differ=$3 calls routed native own; shift 3
	[ -z "${XO_CHECKS:-}" ] || [[ " $XO_CHECKS " = *" $name "* ]] || return 0
	native=$(web "$@" 2>&1 | $norm)
	own=$(mgr "$@" 2>&1 | $norm)
	calls=$(taken)
	routed=$(mgr xo sh web -- "$@" 2>&1 | $norm)
	calls=$(($(taken) - calls))
	if [ "$differ" = differ ] && [ "$native" = "$own" ]; then
		echo "not shown: $name: mgr and web answer alike natively"; bad=1
	elif [ "$routed" != "$native" ]; then
		echo "WRONG: $name"; diff <(echo "$native") <(echo "$routed") | head -n 12; bad=1
	elif [ $calls -lt 3 ]; then
		echo "WRONG: $name: only $calls calls reached web's stub"; bad=1
	else
		echo "right: $name ($calls calls)"
	fi
}

check ps-aux norm_ps differ ps aux
check ps-ef norm_ps differ ps -ef
check ls-lR-etc norm_all differ ls -lR /etc
check cat norm_all differ cat /etc/passwd /etc/vm-secret
check meminfo norm_num same cat /proc/meminfo
check uname norm_all differ uname -a
check df norm_num differ df -a
check free norm_num same free
check uptime norm_num same uptime
check who norm_all differ who
check lsmod norm_lsmod differ lsmod
check find norm_all differ find /etc -name '*.conf'
check grep norm_all differ grep -r user /etc/passwd /etc/group /etc/hosts
check stat norm_all differ stat /etc/vm-secret /etc/passwd
check du norm_all differ du -a /etc /srv
check wc norm_all differ wc /etc/passwd /etc/group
check md5sum norm_all differ md5sum /etc/vm-secret /etc/passwd
[ $bad = 0 ] || fail "see above"
[ -z "${XO_CHECKS:-}" ] || exit 0

# Red without the router: the same comparison must fail for every command whose outputs differ.
for c in 'uname -a' 'cat /etc/vm-secret' 'ls -lR /etc' 'ps -ef' 'who' 'lsmod'; do
	# shellcheck disable=SC2086
	expect_ne "with routing off '$c' must differ" "$(mgr $c)" "$(web $c)"
done
