# SPDX-License-Identifier: GPL-2.0
# I4, I7, hazard S2: calls over `vmfunc`, and the revocation of the pages under them, must never use a
# translation that a real processor could have kept after the flush that should have ended it.
. /opt/crossover/test/lab/tlb.inc
under_model vmfunc_calls service_pages_move
