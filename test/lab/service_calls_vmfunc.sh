# SPDX-License-Identifier: GPL-2.0
# Over `vmfunc`: see service_calls.inc.
export ENGINE=vmfunc
. /opt/crossover/test/lab/service_calls.inc
