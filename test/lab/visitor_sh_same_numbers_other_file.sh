# SPDX-License-Identifier: GPL-2.0
# What sh_same_numbers_other_file forbids must not happen over visits either.
. /opt/crossover/test/lab/visitor.inc
. /opt/crossover/test/lab/sh_same_numbers_other_file.sh
