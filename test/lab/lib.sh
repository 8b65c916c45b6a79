# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What lab tests share. They run as root in the emulated host, with VMs mgr (caller), web (callee)
# and plain (never enrolled) beside them. A test fails by `fail`, skips by `skip`.
set -uo pipefail
export PATH=/opt/crossover/bin:$PATH
KO=/opt/crossover/ko
T=/opt/crossover/test

fail() { echo "FAIL ${BASH_SOURCE[1]##*/}:${BASH_LINENO[0]}: $*"; exit 1; }
skip() { echo "$*"; exit 77; }

# vm NAME CMD…: the command's output and status
vm() { local v=$1; shift; xo vm exec "$v" -- "$@" </dev/null; }
mgr() { vm mgr "$@"; }
web() { vm web "$@"; }

# expect_eq WHAT FOUND EXPECTED
expect_eq() { [ "$2" = "$3" ] || { echo "--- found: $2"; echo "--- expected: $3"; fail_at "$1"; }; }
expect_ne() { [ "$2" != "$3" ] || { echo "--- both: $2"; fail_at "$1"; }; }
# expect_status WHAT STATUS CMD…
expect_status() {
	local what=$1 want=$2 rc=0; shift 2
	"$@" >/tmp/out 2>&1 </dev/null || rc=$?
	[ $rc = "$want" ] || { echo "--- status $rc, expected $want, output:"; cat /tmp/out; fail_at "$what"; }
}
# expect_says WHAT REGEX: the output of the last expect_status says it
expect_says() { grep -qE "$2" /tmp/out || { echo "--- no /$2/ in:"; cat /tmp/out; fail_at "$1"; }; }
fail_at() { echo "FAIL ${BASH_SOURCE[2]##*/}:${BASH_LINENO[1]}: $*"; exit 1; }

# The kernel's log since the last log_look; it stays whole, for who looks for warnings in it afterwards.
log_look() { log_seen=$(dmesg | wc -l); }
log_since() { dmesg | tail -n "+$((log_seen + 1))"; }
# logged REGEX: a line since then says it; the next look begins here
logged() { log_since >/tmp/log; grep -qE "$1" /tmp/log || { cat /tmp/log; fail_at "the log does not say: $1"; }; log_look; }

# cell COMMAND [TABLE:]COLUMN WORD…: what the tables that COMMAND prints (or the one whose first column is TABLE)
# have in that column of the first row that begins with these words; nothing if none does. (jq takes 4
# emulated seconds to start.)
cell() {
	local cmd=$1 column=${2##*:} table=${2%:*}; shift 2
	[ "$table" != "$column" ] || table=
	$cmd | awk -v k="$column" -v table="$table" -v words="$*" '
		BEGIN { n = split(words, w, " ") }
		/^ *[A-Z]/ && $1 == toupper($1) && !/[0-9]/ {
			c = 0; for (i = 1; i <= NF; i++) if ($i == k && (table == "" || $1 == table)) c = i; next }
		c { for (i = 1; i <= n; i++) if ($i != w[i]) next; print $c; exit }'
}
# rows COMMAND TABLE [COLUMN [WORD]]: how many rows those of its tables have whose first column is TABLE (that
# have this column; those rows that have that word in it)
rows() {
	$1 | awk -v table="$2" -v k="${3:-}" -v word="${4:-}" '
		!NF { t = 0; next }
		$1 == table { c = 0; for (i = 1; i <= NF; i++) if ($i == k) c = i; t = k == "" || c; next }
		t && (word == "" || $c == word) { n++ }
		END { print n + 0 }'
}
# visits VM: system calls that were visits, made there or taken, as its module counts them over all its links
visits() { vm "$1" $T/xo_visitor visits | awk '{ n += $1 } END { print n + 0 }'; }
# number KEY of the link mgr->web as `xo stat` tells it
link_stat() { cell "xo stat" "${1^^}" mgr web; }
# number of the link mgr -> web
link_id() { xo ls | awk '$2 == "mgr" && $3 == "web" { print $1; exit }'; }
vm_pid() { cell "xo vm ls" PID "$1"; } # of QEMU
# vm_start_again VM: as soon as what was killed is gone
vm_start_again() { for _ in $(seq 20); do xo vm start "$1" 2>/dev/null && break; sleep 0.5; done; }

host_up() { [ -e /dev/crossover ] || insmod $KO/crossover.ko || fail "insmod crossover.ko"; }
enrolled() { [ -n "$(cell "xo ls" GUEST-MODULE "$1")" ]; }
# a VM that booted anew has its payload disk still to mount
payload() { vm "$1" sh -c "[ -d $KO ] || { mkdir -p /opt/crossover && mount -t erofs -o ro /dev/vdb /opt/crossover; }" || fail "payload in $1"; }
guest_up() {
	payload "$1"
	enrolled "$1" || xo enrol "$1" || fail "xo enrol $1"
	vm "$1" sh -c "[ -e /dev/crossover ] || insmod ${GUEST_KO:-$KO/crossover_guest.ko}" || fail "insmod in $1"
}
# engine NAME: the link mgr -> web is there, and its calls take that engine from now on; `visit` is `vmfunc` with
# system calls by visits
engine() {
	if [ "$1" = visit ]; then
		xo link mgr web --engine vmfunc --kernel >/dev/null || fail "xo link --kernel"
	elif ! linked; then
		xo link mgr web --engine "$1" || fail "xo link mgr web"
	elif [ "$(cell "xo stat" ENGINE mgr web)" != "$1" ]; then
		xo link mgr web --engine "$1" >/dev/null || fail "xo link --engine $1"
	fi
}
linked() { [ -n "$(cell "xo stat" ENGINE mgr web)" ]; }
# policy TEXT: becomes web's policy, and its server is started or told
policy() {
	web sh -c "mkdir -p /etc/crossover; cat >/etc/crossover/policy <<'P'
$1
P
	if [ -e /run/crossover-serve.pid ] && kill -0 \$(cat /run/crossover-serve.pid) 2>/dev/null; then
		kill -HUP \$(cat /run/crossover-serve.pid); sleep 0.2
	else
		xo serve --daemon --pidfile /run/crossover-serve.pid --log /var/log/crossover.log
	fi" || fail "xo serve in web"
}
open_policy='caller mgr {
	user root
	allow calls all
	allow all /**
}'
# calls that web took, over whatever engine
taken() { cell "web xo stat" CALLS mgr; }
# everything up: modules, mgr -> web over $ENGINE (`exit`), web serving with an open policy
up() {
	host_up; guest_up mgr; guest_up web
	engine "${ENGINE:-exit}"
	policy "${1:-$open_policy}"
}
serve_stop() { web sh -c 'p=$(cat /run/crossover-serve.pid 2>/dev/null) && kill $p; rm -f /run/crossover-serve.pid; true'; }
# and everything down again, in an orderly way
down() {
	[ -e /dev/crossover ] || return 0
	serve_stop
	linked && xo unlink mgr web
	local v
	for v in mgr web; do
		# what a failed test left behind must not fail the next
		vm $v sh -c 'fuser -s -k /dev/crossover; for i in 1 2 3 4 5 6 7 8 9 10; do rmmod crossover_guest 2>/dev/null && break
			[ -e /dev/crossover ] || break; sleep 0.2; done; [ ! -e /dev/crossover ]' || fail "rmmod in $v"
		enrolled $v && xo unenrol $v
	done
	rmmod crossover || fail "rmmod crossover"
}

# kernel_kib: memory of the host that no process, no cache, no slab and no list of free pages has; that of slabs
kernel_kib() {
	sync; echo 3 >/proc/sys/vm/drop_caches; echo 1 >/proc/sys/vm/compact_memory; sleep 0.3
	awk '$1 == "count:" { v["free"] += 4 * $2 } # of a CPU, in /proc/zoneinfo
		{ v[$1] = $2 }
		END { n = v["MemTotal:"] - v["MemFree:"] - v["Buffers:"] - v["Cached:"] - v["SwapCached:"] - v["AnonPages:"]
			n -= v["Slab:"] + v["KernelStack:"] + v["PageTables:"] + v["SecPageTables:"] + v["Percpu:"] + v["VmallocUsed:"] + v["free"]
			print n, v["SUnreclaim:"] }' /proc/meminfo /proc/zoneinfo
}
# expect_memory BEFORE: of what kernel_kib said nothing has gone
expect_memory() {
	local after
	after=$(kernel_kib)
	echo "host's kernel memory, KiB, of no process, cache or list, then of slabs: before $1, after $after"
	[ $((${after% *} - ${1% *})) -lt 2048 ] || fail_at "memory of the host is lost"
	[ $((${after#* } - ${1#* })) -lt 2048 ] || fail_at "slab memory of the host is lost"
}
