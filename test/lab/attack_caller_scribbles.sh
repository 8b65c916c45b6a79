# SPDX-License-Identifier: GPL-2.0
# A caller that spoils its own gate, save pages and its VM's window while calls run in them harms nobody
# but its own VM.
. /opt/crossover/test/attack_lib.sh
attack_up
# who spoils its own gate may die of it, which the VM's kernel need not tell
mgr sh -c 'echo 0 >/proc/sys/debug/exception-trace'
attack "scribbling" mgr "$A" scribble "${rounds:-8}"
# its root writes over the whole window: its VM's sessions may be lost with it, until the link is made anew
for engine in vmfunc exit; do
	[ $engine = vmfunc ] || xo link mgr web --engine $engine >/dev/null || fail "switch to $engine"
	attack "the window over $engine" mgr "$A" scribble-window "${tries:-15}"
	web pgrep -x xo_attack >/dev/null || fail "the owner died of what its caller wrote"
	xo unlink mgr web && xo link mgr web --engine vmfunc || fail "no link anew"
	plain_call "after the window was written over, over $engine"
done
attack_end
