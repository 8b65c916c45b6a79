# SPDX-License-Identifier: GPL-2.0
# What i5_stub_dies forbids must not happen over `ring` either.
. /opt/crossover/test/lab/ring.inc
. /opt/crossover/test/lab/i5_stub_dies.sh
