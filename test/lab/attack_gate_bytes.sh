# SPDX-License-Identifier: GPL-2.0
# Gate text entered by ring 3 at each byte, each single thing varied, and at random: every try ends in
# one of the known ways, no host address is seen, and the next call is right.
. /opt/crossover/test/attack_lib.sh
attack_up
attack "gate bytes" mgr "$A" bytes "${step:-5}" "${seed:-1}" "${count:-300}"
attack_end
