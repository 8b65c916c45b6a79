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
	$(CC) -E -P -x c -Iinclude -o $@ $<

$(GATE)/%.elf: $(GATE)/gate.o $(GATE)/rt_%.o $(GATE)/gate.lds
	$(LD) -T $(GATE)/gate.lds -o $@ $(GATE)/gate.o $(GATE)/rt_$*.o

$(GATE)/gate_blob.h: $(GATE)/gpr.elf $(GATE)/vector.elf gate/blob.sh
	gate/blob.sh $(GATE)/gpr.elf $(GATE)/vector.elf >$@.new
	@mv $@.new $@

.PHONY: gate
