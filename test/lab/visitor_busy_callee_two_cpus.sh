# SPDX-License-Identifier: GPL-2.0
# As visitor_busy_callee, with two CPUs: what one of the callee's patches, a visitor may be executing in the place of
# the other.
[ "$(nproc)" -ge 2 ] || { echo "the host has one CPU"; exit 77; }
. /opt/crossover/test/lab/visitor_busy_callee.sh
