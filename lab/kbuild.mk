# SPDX-License-Identifier: GPL-2.0
# Builds kernel modules against the unpacked Debian headers (lab/fetch.sh). In another folder:
#
#	include lab/kbuild.mk
#	$(eval $(call xo_kmod,NAME,FOLDER))
#
# makes build/ko/NAME.ko from FOLDER/*.c, *.h, *.S and FOLDER/Kbuild (the usual kbuild object list:
# `obj-m := NAME.o`, `NAME-y := a.o b.o`), and adds it to `make all`. The sources are linked into
# build/obj/ko/NAME, so no object lands beside them; -I include/ and build/gate/ are set; every
# warning of W=1 is an error. KMOD_CFLAGS may add flags.
ifndef XO_KBUILD_MK
XO_KBUILD_MK := 1

FETCHED   := $(B)/debs/.fetched
KDIR      := $(CURDIR)/$(B)/kheaders/build
# Libraries of the unpacked tools (kbuild's objtool, Bochs); the C library is this machine's own.
TOOLS_LIB := $(CURDIR)/$(B)/tools/usr/lib/x86_64-linux-gnu:$(CURDIR)/$(B)/tools/lib/x86_64-linux-gnu

# A build folder whose packages are another one's has them already (lab/debug.mk).
ifndef XO_BORROWS
$(FETCHED): lab/fetch.sh lab/apt.sh $(addprefix lab/packages.,headers tools system)
	lab/fetch.sh $(B)
endif

lab-fetch: $(FETCHED)   ## download and unpack the Debian packages that the lab is made of

sparse: $(GATE)/gate_blob.h | $(FETCHED)    ## look at the modules with sparse
	@for m in crossover:host crossover_guest:guest; do echo "  SPARSE  $$m"; \
		SPARSE=1 MAKE="$(MAKE)" LD_LIBRARY_PATH=$(TOOLS_LIB) lab/kmod.sh $(B) $${m%%:*} $${m##*:}; done

.PHONY: lab-fetch sparse

define xo_kmod
XO_KMODS += $(B)/ko/$(1).ko
all: $(B)/ko/$(1).ko

$(B)/ko/$(1).ko: $(wildcard $(2)/*.[chS]) $(2)/Kbuild $(wildcard include/crossover/*) \
		$(B)/gate/gate_blob.h lab/kbuild.mk lab/kmod.sh | $(FETCHED)
	@echo "  KMOD    $$@"
	@MAKE="$$(MAKE)" LD_LIBRARY_PATH=$(TOOLS_LIB) lab/kmod.sh $(B) $(1) $(2) $$(KMOD_CFLAGS)
endef

endif
