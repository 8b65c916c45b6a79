# SPDX-License-Identifier: GPL-2.0
# What visits add to a callee's memory must never be more than 0.4 % of its RAM, and all of it, what is pinned
# too, must be gone with the link.
. /opt/crossover/test/lab/visitor.inc
up
ppid=$(web cat /run/crossover-serve.pid)
locked() { awk '$1 == "VmLck:" { print $2 / 4 }' "/proc/$(vm_pid web)/status"; } # pages
pages() { cell "xo stat" "$1" mgr web; }
# a session, so that there is a stub that can be visited
mgr sh -c "setsid $T/xo_visitor until web 110 $ppid 600 >/tmp/until 2>&1 </dev/null & echo \$! >/tmp/until.pid"
for _ in 1 2 3 4 5 6 7 8 9 10; do [ "$(rows "xo stat" CALLER PARKS)" -ge 1 ] && break; sleep 0.5; done
xo stat
ram=$(pages RAM-PAGES) added=$(pages ADDED) window=$(pages WINDOW) share=$(pages SHARE)
expect_eq "records" "$(rows "xo stat" CALLER PARKS)" 1
expect_eq "what is pinned is what its process may not swap" "$(locked)" "$ram"
mem=$(($(web awk '$1 == "MemTotal:" { print $2 }' /proc/meminfo) / 4))
[ "$ram" -gt "$mem" ] || fail "$ram pages are mapped of a VM that has more than $mem"
# page tables of 2 MiB each at least, if no page of the host's is that big: were they not counted, this is red
[ "$added" -ge 30 ] || fail "only $added pages are said to be added"
echo "added $added of $ram pages: $share; the window, with any engine: $window"
[ $((added * 1000)) -le $((ram * 4)) ] || fail "$added pages are added to $ram: more than 0.4 %"
# the same as JSON (jq is slow)
xo stat --json | tr -d ' \n' | grep -q "\"ram_pages\":$ram,\"added_pages\":$added,\"window_pages\":$window" || fail "xo stat --json"
mgr sh -c 'kill $(cat /tmp/until.pid); for i in 1 2 3 4 5 6 7 8 9 10; do grep -q ^until /tmp/until && break; sleep 0.3; done'
# without --kernel nothing of it is left
expect_status "visits end" 0 xo link mgr web --engine vmfunc
expect_eq "links by visits" "$(rows "xo stat" CALLER SYSTEM-CALLS)" 0
expect_eq "locked memory of web" "$(locked)" 0
[ "$(cell "xo stat" VM:PINNED-PAGES web)" -lt "$ram" ] || fail "web's memory is pinned still"
# and a window that has few slots is small
expect_status "unlink" 0 xo unlink mgr web
expect_status "two slots" 0 xo link mgr web --engine vmfunc --kernel --slots 2
expect_eq "pages of two slots" "$(pages WINDOW)" 35
down
