# SPDX-License-Identifier: GPL-2.0
# What sh_equals_native forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/sh_equals_native.sh
