# SPDX-License-Identifier: GPL-2.0
# A signal during a call over vmfunc must never harm the call, nor one that its handler makes; a handler
# that jumps out of a call leaves a slot that can be used again; no call outlives its deadline.
. /opt/crossover/test/lab/vmfunc.inc
vmfunc_up
caller handlers-call 200
caller abandon 12
caller abandon-anywhere 60
caller deadline
caller null 100
vmfunc_down
