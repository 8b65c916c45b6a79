# SPDX-License-Identifier: GPL-2.0
# xo_routed: what a program may expect of its system calls; linked dynamically, as programs are.
ROUTED := $(B)/test/xo_routed
PAYLOAD_TEST += $(ROUTED)

$(ROUTED): test/lab/src/xo_routed.c test/routed.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -pthread -o $@ $<
