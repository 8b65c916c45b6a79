# SPDX-License-Identifier: GPL-2.0
# xo_raw: calls without router, stub and library, for tests of the guest module.
RAW := $(B)/test/xo_raw
PAYLOAD_TEST += $(RAW) $(OLD_GUEST)

$(RAW): $(wildcard test/lab/src/xo_raw*.[ch]) include/crossover/abi.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -pthread -o $@ $(filter %.c,$^)

# xo_svc: a service and its callers.
SVC := $(B)/test/xo_svc
PAYLOAD_TEST += $(SVC)

$(SVC): test/lab/src/xo_svc.c $(B)/lib/libcrossover.a include/crossover/crossover.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fno-stack-protector -static -pthread -o $@ $< $(B)/lib/libcrossover.a

# xo_visitor: system calls by visits.
VISITOR := $(B)/test/xo_visitor
PAYLOAD_TEST += $(VISITOR)

$(VISITOR): test/lab/src/xo_visitor.c test/lab/src/xo_session.h include/crossover/abi.h include/crossover/mark.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

# xo_qmp: commands for QEMU.
QMP := $(B)/test/xo_qmp
PAYLOAD_TEST += $(QMP)

$(QMP): test/lab/src/xo_qmp.c test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -static -o $@ $<

# xo_touch: what a host does to a VM's memory.
TOUCH := $(B)/test/xo_touch
PAYLOAD_TEST += $(TOUCH)

$(TOUCH): test/lab/src/xo_touch.c test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

# xo_visitor_files: those with memory and descriptors.
VISITOR_FILES := $(B)/test/xo_visitor_files
PAYLOAD_TEST += $(VISITOR_FILES)

$(VISITOR_FILES): test/lab/src/xo_visitor_files.c test/lab/src/xo_session.h include/crossover/abi.h include/crossover/mark.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -pthread -o $@ $<

# xo_visitor_hard, xo_chores: those that a visitor cannot end.
VISITOR_HARD := $(B)/test/xo_visitor_hard
PAYLOAD_TEST += $(VISITOR_HARD)

$(VISITOR_HARD): test/lab/src/xo_visitor_hard.c test/lab/src/xo_session.h include/crossover/abi.h include/crossover/mark.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

# xo_visitor_cancel: those that signals interrupt.
VISITOR_CANCEL := $(B)/test/xo_visitor_cancel
PAYLOAD_TEST += $(VISITOR_CANCEL)

$(VISITOR_CANCEL): test/lab/src/xo_visitor_cancel.c test/lab/src/xo_session.h include/crossover/abi.h test/raw.mk
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -D_GNU_SOURCE -static -o $@ $<

$(eval $(call xo_kmod,xo_chores,test/lab/ko/xo_chores))
