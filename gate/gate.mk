# SPDX-License-Identifier: GPL-2.0
# build/gate/gate_blob.h: gate text and runtimes, for both modules and the tests.
GATE     := $(B)/gate
GATE_DEP := gate/layout.h include/crossover/gate.h gate/gate.mk

gate: $(GATE)/gate_blob.h       ## gate text and runtimes, built and checked
all: gate

$(GATE)/gate.o: gate/gate.S $(GATE_DEP)
	@mkdir -p $(@D)
	$(CC) -Iinclude -c -o $@ $<

$(GATE)/rt_gpr.o: gate/runtime.S $(GATE_DEP)
	@mkdir -p $(@D)
	$(CC) -Iinclude -c -o $@ $<

$(GATE)/rt_vector.o: gate/runtime.S $(GATE_DEP)
	@mkdir -p $(@D)
	$(CC) -Iinclude -DXO_VECTOR -c -o $@ $<

$(GATE)/gate.lds: gate/gate.lds $(GATE_DEP)
	@mkdir -p $(@D)
	$(CC) -E -P -x c -D__ASSEMBLER__ -Iinclude -o $@ $<

$(GATE)/%.elf: $(GATE)/gate.o $(GATE)/rt_%.o $(GATE)/gate.lds
	$(LD) -T $(GATE)/gate.lds -o $@ $(GATE)/gate.o $(GATE)/rt_$*.o

$(GATE)/text.bin: $(GATE)/gpr.elf
	objcopy -O binary -j .gate $< $@

$(GATE)/ktext.bin: $(GATE)/kgate.elf
	objcopy -O binary -j .kgate $< $@

$(GATE)/%.bin: $(GATE)/%.elf
	objcopy -O binary -j .rt $< $@

# The checker. Without its consent there is no header, and so no module.
CHECK_SRC  := $(filter-out gate/check_main.c,$(wildcard gate/*.c))
GATE_PAGES := $(addprefix $(GATE)/,text.bin gpr.bin vector.bin ktext.bin)

$(GATE)/gate-check: $(wildcard gate/*.[ch]) include/crossover/gate.h include/crossover/kgate.h
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -I. -o $@ gate/check_main.c $(CHECK_SRC) -lZydis

$(GATE)/checked: $(GATE)/gate-check $(GATE_PAGES)
	$(GATE)/gate-check $(GATE_PAGES) >$@
	@cat $@

$(GATE)/gate_context.h: gate/context.h
	@mkdir -p $(@D)
	@cp $< $@

# The kernel worlds' gate.
$(GATE)/kgate.o $(GATE)/kruntime.o: $(GATE)/%.o: gate/%.S gate/klayout.h include/crossover/kgate.h gate/gate.mk
	@mkdir -p $(@D)
	$(CC) -Iinclude -c -o $@ $<

$(GATE)/kruntime_ibpb.o: gate/kruntime.S gate/klayout.h include/crossover/kgate.h gate/gate.mk
	@mkdir -p $(@D)
	$(CC) -Iinclude -DXO_IBPB -c -o $@ $<

$(GATE)/kgate.lds: gate/kgate.lds include/crossover/kgate.h
	@mkdir -p $(@D)
	$(CC) -E -P -x c -D__ASSEMBLER__ -Iinclude -o $@ $<

$(GATE)/kgate.elf: $(GATE)/kgate.o $(GATE)/kruntime.o $(GATE)/kgate.lds
	$(LD) -T $(GATE)/kgate.lds -o $@ $(GATE)/kgate.o $(GATE)/kruntime.o

$(GATE)/kgate_ibpb.elf: $(GATE)/kgate.o $(GATE)/kruntime_ibpb.o $(GATE)/kgate.lds
	$(LD) -T $(GATE)/kgate.lds -o $@ $(GATE)/kgate.o $(GATE)/kruntime_ibpb.o

$(GATE)/kgate_blob.h: $(GATE)/checked $(GATE)/kgate.elf $(GATE)/kgate_ibpb.elf gate/kblob.sh
	gate/kblob.sh $(GATE)/kgate.elf $(GATE)/kgate_ibpb.elf >$@.new
	@mv $@.new $@

$(GATE)/gate_blob.h: $(GATE)/checked $(GATE)/kgate_blob.h $(GATE)/gpr.elf $(GATE)/vector.elf $(GATE)/gate_context.h gate/blob.sh
	gate/blob.sh $(GATE)/gpr.elf $(GATE)/vector.elf >$@.new
	@mv $@.new $@

gate-count: $(GATE)/gate-check $(GATE_PAGES)    ## instructions of a call, by part
	@$(GATE)/gate-check $(GATE_PAGES)

.PHONY: gate gate-count
