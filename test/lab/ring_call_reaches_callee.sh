# SPDX-License-Identifier: GPL-2.0
# What exit_call_reaches_callee forbids must not happen over `ring` either.
. /opt/crossover/test/lab/ring.inc
. /opt/crossover/test/lab/exit_call_reaches_callee.sh
