# SPDX-License-Identifier: GPL-2.0
# A hostile guest kernel must never exhaust or confuse the host: worlds end at the quota, forged
# calls are refused, WIDs are not reused, the host's log does not flood, no page stays pinned.
. /opt/crossover/test/lab/lib.sh
up
pinned() { echo $(($(cell "xo stat" PINNED-PAGES mgr) + $(cell "xo stat" PINNED-PAGES web))); }
pages=$(pinned)
dmesg -c >/dev/null
mgr insmod $KO/xo_hostile.ko || fail "insmod xo_hostile"
said=$(mgr dmesg | grep xo_hostile); echo "$said"
mgr rmmod xo_hostile
says() { echo "$said" | grep -qE "$1" || fail "the host answered otherwise than: $1"; }
says 'unknown operations accepted 0$'
says 'old hello -71$'
says 'exception vector -22$'
says 'absent processor -22$'
says 'worlds 2[0-9][0-9] then -122 reused 0$'
says 'twice -2$'
says 'new wid fresh'
says 'forged calls 20000 accepted 0$'
says 'forged visits 2000 accepted 0 evictions odd 0$'
lines=$(dmesg | wc -l)
[ "$lines" -lt 60 ] || fail "20,000 refusals left $lines lines in the host's log"
expect_eq "pinned pages" "$(pinned)" "$pages"
refused=$(cell "xo stat" VM:REFUSED mgr)
[ "$refused" -ge 20000 ] || fail "xo stat shows $refused refusals, expected at least 20000"
expect_eq "the link still works" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
