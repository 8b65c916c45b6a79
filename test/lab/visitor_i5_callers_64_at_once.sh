# SPDX-License-Identifier: GPL-2.0
# What i5_callers_64_at_once forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/i5_callers_64_at_once.sh
