# SPDX-License-Identifier: GPL-2.0
# xo_marks: what the emulator's counters promise, checked from inside.
MARKS := $(B)/test/xo_marks
PAYLOAD_TEST += $(MARKS)

$(MARKS): test/lab/src/xo_marks.c include/crossover/mark.h test/marks.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $(filter %.c,$^)
