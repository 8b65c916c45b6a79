# SPDX-License-Identifier: GPL-2.0
# As visitor_two_cpus, 100,000 calls of each kind: none may be lost, made twice, answered wrongly or late.
export XO_N=100000
. /opt/crossover/test/lab/visitor_two_cpus.sh
