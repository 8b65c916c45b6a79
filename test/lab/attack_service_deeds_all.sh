# SPDX-License-Identifier: GPL-2.0
# As attack_service_deeds, leaving by every byte of gate and runtime.
export step=1
. /opt/crossover/test/lab/attack_service_deeds.sh
