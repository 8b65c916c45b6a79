# SPDX-License-Identifier: GPL-2.0
# A guest kernel that asks the host for services, grants and connections it has no right to, with
# addresses, sizes and numbers that cannot be, to every quota, and is reset while the host works
# for it, must never harm host or other VMs, get what is not its own, or leave anything behind.
. /opt/crossover/test/lab/lib.sh
up
engine exit
id=$(link_id)
services() { rows "xo ls" SERVICE; }
# until there are N services, since what a kernel leaves is cleared away behind it
services_are() {
	for _ in $(seq 40); do [ "$(services)" = "$2" ] && return; sleep 0.25; done
	fail "$1: $(services) services, expected $2"
}
said=
load() { local v=$1; shift; vm "$v" insmod $KO/xo_hostile.ko "$@" || fail "insmod xo_hostile $*"; said=$(vm "$v" dmesg | grep xo_hostile); echo "$said"; }
says() { echo "$said" | grep -qE "hostile: $1" || fail "the host answered otherwise than: $1"; }
dmesg -c >/dev/null

load mgr link="$id"
says 'bad request addresses 5 of 5 refused'
says 'requests from nowhere 4 of 4 let the next one in'
says 'second request (0|-16)$'
says 'no operation -22$'
says 'reserved field -22$'
for what in 'bad name' 'no pages' 'writable and executable' 'odd protection' 'the board' 'a device' 'no memory'; do
	says "$what -22\$"
done
says 'too many pages -7$'
says 'grant as a caller -2$'
says 'attach without a grant -13$'
says "others' objects -2 -2 -2 -2 -2\$"
says 'random requests 1000 answered 1000 accepted 0$'
expect_eq "services of mgr" "$(services)" 0
mgr rmmod xo_hostile

load web callee=1 link="$id"
says 'big service 0$'
says 'twice -17$'
says 'removed 0$'
says 'services 64 then -122$'
says 'grants 64 then -22$'
says 'a slot twice -17$'
services_are "at the quota" 64

# the caller makes of those grants what it can
conns() { rows "xo stat" CALLER SERVICE; }
conns_are() {
	for _ in $(seq 40); do [ "$(conns)" = "$2" ] && return; sleep 0.25; done
	fail "$1: $(conns) connections, expected $2"
}
insist() { load mgr caller=1 link="$id"; }
insist
says 'another.s session -13$'
says 'attached -18 save 0$'
mgr rmmod xo_hostile
mgr dmesg -c >/dev/null
xo link mgr web --engine vmfunc || fail "switch to vmfunc"
insist
says 'another gate text -71$'
says 'slots -22 -22 region -22$'
says 'bad CR3 -22 -22 -22 -22 -22 -22$'
says 'another.s session -13$'
says 'attached 0 save 1$'
says 'session twice -17 region twice -17$'
says 'reset no slot -22$'
says 'reset -61 revive 0 detach 0 again -2$'
says 'big connections 32 then -122$'
says 'small connections 64 then 0$'
conns_are "at the quota" 64
xo link mgr web --engine exit || fail "switch to exit"
conns_are "drained" 0
mgr rmmod xo_hostile
mgr dmesg -c >/dev/null
xo link mgr web --engine vmfunc || fail "switch to vmfunc"
insist
says 'small connections 64 then 0$'
conns_are "again at the quota" 64

# the kernel that offered them says goodbye, and they are gone
web rmmod xo_hostile
serve_stop
web rmmod crossover_guest || fail "rmmod crossover_guest"
services_are "after goodbye" 0
conns_are "after goodbye" 0
mgr rmmod xo_hostile

# and while they stand, VM and module go
up
id=$(link_id)
load web callee=1 link="$id"
services_are "again" 64
xo unenrol web || fail "xo unenrol web"
expect_eq "after unenrol" "$(services)" 0
web rmmod xo_hostile; web rmmod crossover_guest
up

for round in 1 2 3; do
	# its answer is lost with the VM that gives it
	timeout 20 xo vm exec web -- insmod $KO/xo_hostile.ko quit=1 </dev/null &
	sleep 1
	xo vm wait web --timeout 100 || fail "round $round: web does not come back"
	wait
	up
	services_are "round $round: asked, then reset" 0
done
expect_eq "the link still works" "$(mgr xo sh web -- cat /etc/vm-secret)" "$(web cat /etc/vm-secret)"
down
dmesg | grep -E 'BUG|WARNING|Oops|Call Trace' && fail "the host's kernel complains"
echo "asked for everything, got nothing that is not its own"
