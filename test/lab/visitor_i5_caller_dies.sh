# SPDX-License-Identifier: GPL-2.0
# What i5_caller_dies forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/i5_caller_dies.sh
