# SPDX-License-Identifier: GPL-2.0
# Over `exit`: see service_calls.inc.
export ENGINE=exit
. /opt/crossover/test/lab/service_calls.inc
