# SPDX-License-Identifier: GPL-2.0
# As visitor_torture, shorter, on kernels that look for errors (make test-debug): none of them may find one.
export XO_N=${XO_N:-1000} XO_GUEST=100000000 XO_LATE=4000000000 XO_APP=app:384
. /opt/crossover/test/lab/visitor_torture.sh
