# SPDX-License-Identifier: GPL-2.0
# What sh_terminal_and_pipes_stay forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/sh_terminal_and_pipes_stay.sh
