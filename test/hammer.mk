# SPDX-License-Identifier: GPL-2.0
# xo_hammer, xo_shoot: calls that leave a record, and a callee whose memory changes all the while.
HAMMER := $(B)/test/xo_hammer
PAYLOAD_TEST += $(HAMMER)

$(HAMMER): test/lab/src/xo_hammer.c $(B)/lib/libcrossover.a include/crossover/mark.h test/hammer.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -pthread -o $@ $< $(B)/lib/libcrossover.a

$(eval $(call xo_kmod,xo_shoot,test/lab/ko/xo_shoot))

# xo_press: a host that is short of memory.
PRESS := $(B)/test/xo_press
PAYLOAD_TEST += $(PRESS)

$(PRESS): test/lab/src/xo_press.c test/hammer.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $<
