# SPDX-License-Identifier: GPL-2.0
# As tlb_services, with everything else that takes contexts down: calls that end badly, owners that lose
# their pages in every way, engines switched, links removed.
. /opt/crossover/test/lab/tlb.inc
under_model service_calls_vmfunc vmfunc_ends vmfunc_switch_engine attack_owner_pages attack_lifecycle
