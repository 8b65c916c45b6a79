# SPDX-License-Identifier: GPL-2.0
# build/ko/crossover_guest.ko, and the same sources as another revision for the version tests.
include lab/kbuild.mk
$(eval $(call xo_kmod,crossover_guest,guest))

OLD_GUEST := $(B)/ko/old/crossover_guest.ko
all: $(OLD_GUEST)

$(OLD_GUEST): $(wildcard guest/*.[ch]) guest/Kbuild $(wildcard include/crossover/*) \
		$(B)/gate/gate_blob.h lab/kbuild.mk lab/kmod.sh | $(FETCHED)
	@echo "  KMOD    $@"
	@mkdir -p $(@D) $(B)/obj/old
	@ln -sfn ../../kheaders $(B)/obj/old/kheaders
	@ln -sfn ../../gate $(B)/obj/old/gate
	@MAKE="$(MAKE)" LD_LIBRARY_PATH=$(TOOLS_LIB) \
		lab/kmod.sh $(B)/obj/old crossover_guest guest -DXO_ABI_REVISION=0
	@cp $(B)/obj/old/ko/crossover_guest.ko $@
