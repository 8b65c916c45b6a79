# SPDX-License-Identifier: GPL-2.0
# The same as vmfunc_many, with 1,000,000 null calls and 50,000 of 10 to 100,000 instructions: none may
# be lost, made twice or answered wrongly.
export XO_MANY=1000000
. /opt/crossover/test/lab/vmfunc_many.sh
