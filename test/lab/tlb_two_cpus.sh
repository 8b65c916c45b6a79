# SPDX-License-Identifier: GPL-2.0
# As tlb_services, with virtual CPUs that move between two CPUs of the host: what one of them still has of
# a virtual CPU that flushed on the other must not be used when it comes back.
. /opt/crossover/test/lab/tlb.inc
under_model vmfunc_two_cpus
[ "$(model | awk '{ print $6 }')" -gt 0 ] || fail "nothing ever stayed behind on the other CPU: nothing was tested"
