# SPDX-License-Identifier: GPL-2.0
# Over `vmfunc`: see service_calls.inc.
export XO_TEST_ENGINE=vmfunc
. /opt/crossover/test/lab/service_calls.inc
