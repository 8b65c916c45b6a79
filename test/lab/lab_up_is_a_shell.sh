# SPDX-License-Identifier: GPL-2.0
# What the README has the user type must work in the shell of `xo lab up`, and a shell must end when
# its user ends it, whatever still runs in the background. On the building machine, at a terminal.
set -u
shape='--vm mgr --vm web --vm plain'
folder=$(mktemp -d)
log=$folder/log
fail() { tr -d '\r' <"$log" | tail -n 30; echo "FAIL: $*"; exit 1; }

rc=0; build/bin/xo lab up --vm web </dev/null 2>"$log" || rc=$?
[ $rc = 2 ] && grep -q 'needs a terminal' "$log" || fail "xo lab up without a terminal: status $rc"
echo "right: no terminal, no shell"

mkfifo "$folder/keys"
script -qec "build/bin/xo lab up $shape" /dev/null <"$folder/keys" >"$log" 2>&1 &
lab=$!
exec 3>"$folder/keys"
# Ends what runs yet, as Ctrl-] does, when a step has failed.
trap 'printf "\035" >&3; exec 3>&-; wait $lab; rm -rf "$folder"' EXIT
type() { printf '%s\r' "$1" >&3; }
# see PATTERN WHAT: the screen shows it within 120 s. What was typed is there too: write it another way.
see() {
	local try
	for try in $(seq 1200); do
		if grep -aq "$1" "$log"; then echo "right: $2"; return; fi
		kill -0 $lab 2>/dev/null || break
		sleep 0.1
	done
	fail "$2: $try tenths of a second, and no '$1'"
}

see 'shell starts' 'there is a shell'
type 'insmod /opt/crossover/ko/crossover.ko; xo enrol mgr; xo enrol web; xo link mgr web; xo ls; echo li""nked $?'
see 'linked 0' "the README's first lines"
grep -a 'command not found' "$log" && fail "a program of the README is not found"
type 'xo vm exec -t web -- bash'
type 'sleep 100000 & echo in""side'
see 'inside' 'a shell in a VM'
printf '\004' >&3
sleep 2
type 'echo out""side'
see 'outside' 'the shell in the VM ended, though a program of it runs on'
type 'xo vm exec web -- pgrep -x sleep -a; echo lo""oked'
see 'looked' 'the host goes on'
grep -aq 'sleep 100000$\|sleep 100000.$' "$log" || fail "the background program is gone"
type 'sleep 100000 & exit 7'
for try in $(seq 600); do kill -0 $lab 2>/dev/null || break; sleep 0.1; done
kill -0 $lab 2>/dev/null && fail "the host's shell was left $((try / 10)) s ago, and the lab is still up"
trap - EXIT
exec 3>&-
rc=0; wait $lab || rc=$?
[ $rc = 7 ] || fail "the shell said exit 7, the lab ends with status $rc"
echo "right: the lab ended with its shell"
rm -rf "$folder"
