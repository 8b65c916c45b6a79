# SPDX-License-Identifier: GPL-2.0
# As visitor_ends_blocked, all that can end: stub, engine, server and the callee's module too.
all=1
. /opt/crossover/test/lab/visitor_ends_blocked.sh
