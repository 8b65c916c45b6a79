# SPDX-License-Identifier: GPL-2.0
# A caller that spoils its own gate and save pages while calls run in them harms itself alone.
. /opt/crossover/test/attack_lib.sh
attack_up
# who spoils its own gate may die of it, which the VM's kernel need not tell
mgr sh -c 'echo 0 >/proc/sys/debug/exception-trace'
attack "scribbling" mgr "$A" scribble "${rounds:-14}"
attack_end
