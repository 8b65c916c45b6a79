# SPDX-License-Identifier: GPL-2.0
# As attack_owner_pages, with everything that owner, its kernel and the host can do, 10 times each.
export times=10 all=1
. /opt/crossover/test/lab/attack_owner_pages.sh
