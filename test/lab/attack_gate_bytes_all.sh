# SPDX-License-Identifier: GPL-2.0
# As attack_gate_bytes, but every byte with every variation, and 3,000 combinations at random.
export step=1 count=3000 seed=$(od -An -N4 -tu4 /dev/urandom)
. /opt/crossover/test/lab/attack_gate_bytes.sh
