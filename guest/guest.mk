# SPDX-License-Identifier: GPL-2.0
# build/ko/crossover_guest.ko; and the same sources as another revision for the version tests, and with marks
# that part a visit (guest/kgate.S) for those that count its instructions.
include lab/kbuild.mk
$(eval $(call xo_kmod,crossover_guest,guest))

# xo_guest FOLDER, FLAG, FILE: the module, built in build/obj/FOLDER with that flag
define xo_guest
all: $(3)

$(3): $(wildcard guest/*.[chS]) guest/Kbuild $(wildcard include/crossover/*) \
		$(B)/gate/gate_blob.h guest/guest.mk lab/kbuild.mk lab/kmod.sh | $(FETCHED)
	@echo "  KMOD    $$@"
	@mkdir -p $$(@D) $(B)/obj/$(1)
	@ln -sfn ../../kheaders $(B)/obj/$(1)/kheaders
	@ln -sfn ../../gate $(B)/obj/$(1)/gate
	@MAKE="$$(MAKE)" LD_LIBRARY_PATH=$(TOOLS_LIB) lab/kmod.sh $(B)/obj/$(1) crossover_guest guest $(2)
	@cp $(B)/obj/$(1)/ko/crossover_guest.ko $$@
endef

OLD_GUEST     := $(B)/ko/old/crossover_guest.ko
COUNTED_GUEST := $(B)/test/crossover_guest_counted.ko
PAYLOAD_TEST  += $(COUNTED_GUEST)
$(eval $(call xo_guest,old,-DXO_ABI_REVISION=0,$(OLD_GUEST)))
$(eval $(call xo_guest,counted,-DXO_COUNT_CROSSING,$(COUNTED_GUEST)))
