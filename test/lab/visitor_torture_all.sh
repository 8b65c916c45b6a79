# SPDX-License-Identifier: GPL-2.0
# As visitor_torture, in full number: no call of a million may be lost, made twice or answered wrongly.
export XO_N=1000000 XO_GUEST=10000000000
. /opt/crossover/test/lab/visitor_torture.sh
