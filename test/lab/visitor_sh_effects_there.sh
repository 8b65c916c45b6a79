# SPDX-License-Identifier: GPL-2.0
# What sh_effects_there forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/sh_effects_there.sh
