# SPDX-License-Identifier: GPL-2.0
# The host's own events must neither harm a visitor's call nor send it to its server CPU: it is suspended, and goes on
# at its caller's next entry. By a fast timer in the host, and by an interrupt of the host forced before instructions
# away, again and again. XO_N: how many calls.
. /opt/crossover/test/lab/visitor.inc
n=${XO_N:-1500}
# stays PROGRAM ARG...: runs it in mgr; its rows, and the counters of its record, which goes with it
stays() {
	vm mgr env XO_STAY=1 "$T/$1" "${@:2}" >/tmp/rows 2>&1 &
	while kill -0 $! 2>/dev/null && ! grep -qE '^(all|forced) ' /tmp/rows; do sleep 0.2; done
	rows=$(cat /tmp/rows) record=$($T/xo_visitor records)
	echo "$*:"; echo "$rows"; echo "$record"
	grep -qE '^(all|forced) ' <<<"$rows" || fail_at "$*"
	mgr pkill -f "$T/$1 "
	wait $!
	for _ in $(seq 50); do [ -z "$($T/xo_visitor records)" ] && return; sleep 0.1; done
	fail_at "a record outlives its session"
}
# key NAME: a number of the record's or of the last row, 0 if there is none
key() { echo "$record" "$rows" | tr ' ' '\n' | awk -F= -v k="$1" '$1 == k { n = $2 } END { print n + 0 }'; }
at_least() { [ "$2" -ge "$3" ] || fail_at "$1: $2, at least $3"; }
suspending() { echo "$1" >/sys/module/crossover/parameters/suspend; }
# Nothing else becomes of a visitor that was suspended.
all_told() {
	expect_eq "ends of suspensions" $(($(key resumptions) + $(key taken_over) + $(key descheduled) + $(key injected) + $(key unfit))) \
		"$(key suspensions)"
}
up
for v in mgr web; do vm $v sh -c 'seq 1 3000 >/tmp/numbers'; done
ppid=$(web cat /run/crossover-serve.pid)

insmod $KO/xo_tick.ko hz="${hz:-5000}" || fail "insmod xo_tick"
stays xo_visitor_files calls web pread "$n" /tmp/numbers; all_told
at_least "suspensions of pread" "$(key suspensions)" $((n / 10))
at_least "resumed, of $(key suspensions)" "$(key resumptions)" $(($(key suspensions) * 6 / 10))
stays xo_visitor calls web 110 "$n" "$ppid"; all_told
at_least "suspensions of getppid" "$(key suspensions)" $((n / 20))
at_least "resumed, of $(key suspensions)" "$(key resumptions)" $(($(key suspensions) * 6 / 10))
with=$(key evictions)
suspending N
stays xo_visitor calls web 110 "$n" "$ppid"
suspending Y
expect_eq "suspensions where all are evicted" "$(key suspensions)" 0
at_least "evictions by the host's interrupts, of $(key evictions)" "$(key by_1)" $((n / 20))
at_least "evictions without suspending, $with with" "$(key evictions)" $((with * 2))
rmmod xo_tick || fail "rmmod xo_tick"

# first at each instruction, and from there on at each fifth
stays xo_visitor ticked web 110 "$ppid" 5; all_told
at_least "calls that were disturbed" "$(key fired)" 700
at_least "resumed, of $(key suspensions)" "$(key resumptions)" $(($(key suspensions) * 9 / 10))
at_least "suspensions, of $(key exits) exits" "$(key suspensions)" $(($(key exits) / 2))
stays xo_visitor_files ticked web pread /tmp/numbers 7 41; all_told
at_least "suspensions of pread" "$(key suspensions)" 500
at_least "resumed, of $(key suspensions)" "$(key resumptions)" $(($(key suspensions) * 8 / 10))
down
