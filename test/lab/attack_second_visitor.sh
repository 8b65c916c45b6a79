# SPDX-License-Identifier: GPL-2.0
# Whoever enters a slot in which another call is under way, and comes to grief there, must never free
# it: a third call would run on the first one's stack.
. /opt/crossover/test/attack_lib.sh
attack_up
attack "second visitors" mgr "$A" second
attack_end
