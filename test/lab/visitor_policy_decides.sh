# SPDX-License-Identifier: GPL-2.0
# What policy_decides forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/policy_decides.sh
