# SPDX-License-Identifier: GPL-2.0
# No register of a caller reaches a service unasked, and none of a service the caller: general, flags,
# bases, MXCSR, x87, vector; also when interrupted.
. /opt/crossover/test/attack_lib.sh
attack_up
attack "state" mgr "$A" state
attack_end
