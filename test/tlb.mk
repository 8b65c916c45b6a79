# SPDX-License-Identifier: GPL-2.0
# xo_tlb, xo_stale, xo_churn: what the TLB model must report, and what not, done by real instructions.
XO_TLB := $(B)/test/xo_tlb
PAYLOAD_TEST += $(XO_TLB)

$(XO_TLB): test/lab/src/xo_tlb.c test/lab/src/xo_tlb_guest.S include/crossover/mark.h test/tlb.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $(filter %.c %.S,$^)

$(eval $(call xo_kmod,xo_stale,test/lab/ko/xo_stale))
$(eval $(call xo_kmod,xo_churn,test/lab/ko/xo_churn))
