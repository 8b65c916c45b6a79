# SPDX-License-Identifier: GPL-2.0
# What sh_program_cannot_tell forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/sh_program_cannot_tell.sh
