# SPDX-License-Identifier: GPL-2.0
# What policy_decides forbids must not happen over `ring` either.
. /opt/crossover/test/lab/ring.inc
. /opt/crossover/test/lab/policy_decides.sh
