# SPDX-License-Identifier: GPL-2.0
# What sh_equals_native forbids must not happen over `ring` either.
. /opt/crossover/test/lab/ring.inc
. /opt/crossover/test/lab/sh_equals_native.sh
